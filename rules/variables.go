package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// Variables lists everything that a rule can speak of, in the order of documents. All are of one regime of one capacity
// domain, or of all of a domain's time for rules with scope: all.
var Variables = slices.Concat(
	loadVariables, latencyVariables, phaseVariables(), scoreVariables(), queueVariables, sizeVariables, decodeVariables,
	cacheVariables, hardwareVariables, hopVariables, fleetVariables, metricVariables, telemetryVariables, factVariables(),
)

// VariableNamed returns the variable of that name.
func VariableNamed(name string) (*Variable, bool) {
	i, ok := variableIndex[name]
	if !ok {
		return nil, false
	}
	return &Variables[i], true
}

var variableIndex = func() map[string]int {
	index := map[string]int{}
	for i := range Variables {
		index[Variables[i].Name] = i
	}
	return index
}()

// The units of numbers, beside [UnitShare].
const (
	perSecond = "1/s"
	tokens    = "tokens"
	requests  = "requests"
	ratioUnit = "ratio"
)

var loadVariables = []Variable{
	{"stack", Text, "", "serving engine: vllm, sglang, tgi, ollama, llamacpp, triton, or the dialect's name; --fact engine goes before it", 0, supplyRequests},
	{"server_device", Text, "", "what the model is computed on, as the gateway before it states: cpu or gpu", 0, supplyConfiguration},
	{"requests", Number, requests, "requests that started", 0, supplyRequests},
	{"succeeded", Number, requests, "those that latency measures hold", 0, supplyRequests},
	{"window", Duration, "", "length of the regime", 0, supplyRequests},
	{"arrival_rate", Number, perSecond, "requests that start, a second", 0, supplyRequests},
	{"arrival_cv2", Number, ratioUnit, "squared coefficient of variation of the gaps between arrivals: 1 is Poisson, more is bursty", 0, supplyRequests},
	{"in_flight_mean", Number, requests, "mean number of requests in the domain", 0, supplyRequests},
	{"in_flight_slope", Number, perSecond, "how fast requests in flight grow", analyzer.Queue, supplyRequests},
	{"in_flight_slope_low", Number, perSecond, "lower end of its 95 % interval: over 0, the backlog grows for certain", analyzer.Queue, supplyRequests},
	{"ttft_slope_low", Number, ratioUnit, "seconds that TTFT grows in a second, lower end of its 95 % interval", analyzer.Queue, supplyFirstToken},
	{"error_share", Number, UnitShare, "requests that failed", 0, supplyRequests},
	{"attempts_per_request", Number, ratioUnit, "calls made for each request, earlier attempts that failed included", analyzer.Retry, supplyRequests},
	{"retried_share", Number, UnitShare, "requests that took more than one attempt", analyzer.Retry, supplyRequests},
	{"timeout_cluster", Number, requests, "failed requests and attempts whose durations lie within 2 % of one value", analyzer.Retry, supplyRequests},
	{"timeout_at", Duration, "", "that value", analyzer.Retry, supplyRequests},
	{"streaming_share", Number, UnitShare, "requests whose answer was streamed, of those that say", 0, supplyRequests},
	{"incidents", Number, "", "incidents: bursts that hold nearly all of the tail", analyzer.Queue, supplyRequests},
	{"incident_arrivals", Number, requests, "arrivals of the largest incident's burst", analyzer.Queue, supplyRequests},
	{"incident_drain", Duration, "", "how long it took to drain", analyzer.Queue, supplyRequests},
}

var latencyVariables = []Variable{
	{"ttft_mean", Duration, "", "mean time to first token", 0, supplyFirstToken},
	{"ttft_p50", Duration, "", "median time to first token", 0, supplyFirstToken},
	{"ttft_p95", Duration, "", "95th percentile of the time to first token", 0, supplyFirstToken},
	{"tpot_mean", Duration, "", "mean time per output token after the first", analyzer.Decode, supplyTokens},
	{"tpot_p50", Duration, "", "its median", analyzer.Decode, supplyTokens},
	{"tpot_p95", Duration, "", "its 95th percentile", analyzer.Decode, supplyTokens},
	{"e2e_mean", Duration, "", "mean duration of requests", 0, supplyRequests},
	{"e2e_p50", Duration, "", "median duration of requests", 0, supplyRequests},
	{"e2e_p95", Duration, "", "95th percentile of the duration of requests", 0, supplyRequests},
	{"targets_missed", Bool, "", "a target is missed", 0, supplyTargets},
	{"ttft_missed", Bool, "", "a target of TTFT is missed", 0, supplyTargets},
	{"engine_ttft_missed", Bool, "", "it would be if what comes before the engine took no time: client, retries, network, gateway, frontend and tokenizer", 0, supplyTargets},
	{"prefill_ttft_missed", Bool, "", "it would be if nothing but prefill took any time", 0, supplyTargets},
	{"tpot_missed", Bool, "", "a target of TPOT is missed", analyzer.Decode, supplyTargets},
	{"tpot_limit", Duration, "", "the acceptable mean TPOT", analyzer.Decode, supplyTargets},
	{"e2e_missed", Bool, "", "a target of E2E is missed", 0, supplyTargets},
	{"e2e_limit", Duration, "", "the target of the 95th percentile of E2E", 0, supplyTargets},
	{"ttft_limit", Duration, "", "the target of the 95th percentile of TTFT", 0, supplyTargets},
	{"input_tokens_mean", Number, tokens, "mean prompt length", 0, supplyTokens},
	{"input_tokens_p50", Number, tokens, "median prompt length", 0, supplyTokens},
	{"input_tokens_p95", Number, tokens, "95th percentile of the prompt length", 0, supplyTokens},
	{"output_tokens_mean", Number, tokens, "mean answer length", 0, supplyTokens},
	{"output_tokens_p50", Number, tokens, "median answer length", 0, supplyTokens},
	{"output_tokens_p75", Number, tokens, "75th percentile of the answer length", 0, supplyTokens},
	{"output_tokens_p95", Number, tokens, "95th percentile of the answer length", 0, supplyTokens},
	{"output_tokens_tail", Number, tokens, "mean answer length of the tail (E2E from p95 on)", 0, supplyTokens},
	{"finish_length_share", Number, UnitShare, "answers that were cut at their token limit, of those that say why they ended", 0, supplyFinish},
}

// phaseVariables are the same few measures of each phase that a ledger can name.
func phaseVariables() (list []Variable) {
	for _, p := range analyzer.Phases {
		name := p.String()
		supply := phaseSupply(p)
		list = append(list,
			Variable{name + "_share", Number, UnitShare, "share of the time of all requests that is " + name, p, supply},
			Variable{name + "_ttft_share", Number, UnitShare, "share of the time to first token that is " + name, p, supply},
			Variable{name + "_mean", Duration, "", "mean time in " + name + " a request", p, supply},
			Variable{name + "_ttft_mean", Duration, "", "mean time in " + name + " before the first token", p, supply},
			Variable{name + "_p95", Duration, "", "95th percentile of the time in " + name, p, supply},
			Variable{name + "_tail_share", Number, UnitShare, "share of the difference between tail and body of E2E that is " + name, p, supply},
			Variable{name + "_seen", Number, UnitShare, "requests whose telemetry shows " + name, p, supply},
		)
	}
	return list
}

func phaseSupply(p analyzer.Phase) *Supply {
	switch p {
	case analyzer.Network, analyzer.Gateway, analyzer.Client, analyzer.Stream:
		return supplyBothSides
	case analyzer.GPUTransfer, analyzer.ModelLoad:
		return supplyDetails
	case analyzer.Retry, analyzer.Tool, analyzer.Other, analyzer.Unattributed:
		return supplyRequests
	}
	return supplyPhases
}

// scoreVariables are the scores of phases: what could be won back.
func scoreVariables() (list []Variable) {
	for _, p := range analyzer.Phases {
		name, supply := p.String(), phaseSupply(p)
		list = append(list,
			Variable{name + "_score", Number, "", "score of " + name + " on the E2E path, 0 to 100", p, supply},
			Variable{name + "_ttft_score", Number, "", "score of " + name + " on the TTFT path, 0 to 100", p, supply},
			Variable{name + "_recoverable", Duration, "", "mean time a request that E2E would shrink by with " + name + " at its floor, less waiting of others included", p, supply},
			Variable{name + "_ttft_recoverable", Duration, "", "the same of TTFT", p, supply},
		)
	}
	return list
}

var queueVariables = []Variable{
	{"waits", Number, requests, "requests that waited over 10 ms", analyzer.Queue, supplyPhases},
	{"waited_share", Number, UnitShare, "share of requests that waited over 10 ms", analyzer.Queue, supplyPhases},
	{"queue_verdict", Text, "", "what the replay of the real arrivals says: calm, load, hold or not_fifo; busy where no slots bind, and the engine serves all the while and in order", analyzer.Queue, supplySlots},
	{"wait_ratio", Number, ratioUnit, "replayed wait over observed wait: 0.8 to 1.25 is explained by load, less means capacity was held idle", analyzer.Queue, supplySlots},
	{"utilisation", Number, UnitShare, "share of the binding slots that were in use", analyzer.Queue, supplySlots},
	{"slots", Number, requests, "requests in service at once while others waited: the plateau that binds", analyzer.Queue, supplySlots},
	{"slots_kind", Text, "", "what binds: prefill, decode or both together", analyzer.Queue, supplySlots},
	{"plateau_share", Number, UnitShare, "share of the time in which somebody waits in which exactly so many are in service", analyzer.Queue, supplySlots},
	{"room", Number, ratioUnit, "how much more a second would be served with twice as many in service as while requests wait, by what company costs: near 0, the device is full", analyzer.Queue, supplyPhases},
	{"crowd_recoverable", Duration, "", "mean time that service takes a request longer than with twice the replicas, by what company costs", analyzer.Queue, supplyPhases},
	{"backlog_share", Number, UnitShare, "share of the time in which somebody has waited for over 10 ms", analyzer.Queue, supplyPhases},
	{"backlog_rate", Number, perSecond, "requests let into service a second in that time", analyzer.Queue, supplyPhases},
	{"backlog_in_service", Number, requests, "mean number in service in that time", analyzer.Queue, supplyPhases},
	{"backlog_load", Number, ratioUnit, "requests that arrive a second in the busiest stretch of the time over those: from 1 on the queue grows without end", analyzer.Queue, supplyPhases},
	{"peak_wait_share", Number, UnitShare, "share of all waiting in queues that arrivals at over twice the usual rate built up", analyzer.Queue, supplyPhases},
	{"peak_arrivals", Number, requests, "arrivals of the largest such peak", analyzer.Queue, supplyPhases},
	{"in_service_max", Number, requests, "most requests in service at once", analyzer.Queue, supplyPhases},
	{"prefill_slots", Number, requests, "plateau of requests in prefill", analyzer.Queue, supplySlots},
	{"decode_slots_free_share", Number, UnitShare, "waiting time during which fewer were in decode than the most ever seen", analyzer.Queue, supplyPhases},
	{"idle_wait_share", Number, UnitShare, "waiting time during which nobody was in service", analyzer.Queue, supplyPhases},
	{"hold_attribute", Text, "", "where waits with free capacity concentrate: an attribute and its value", analyzer.Queue, supplySlots},
	{"passed_share", Number, UnitShare, "long waits in which a request that came later was let in first, of those in which one came", analyzer.Queue, supplySlots},
	{"room_wait_share", Number, UnitShare, "share of all waiting in which nobody is in prefill, and in service fewer than the engine was seen to hold", analyzer.Queue, supplySlots},
	{"passed_wait", Duration, "", "median wait of those that are passed", analyzer.Queue, supplySlots},
	{"round_wait_share", Number, UnitShare, "share of all waiting in which there is room and nobody is let in, until somebody is", analyzer.Queue, supplySlots},
	{"round_whole_share", Number, UnitShare, "of that waiting until somebody is let in, the share that ends with the whole queue let in, or after all others have left", analyzer.Queue, supplySlots},
	{"round_leaving", Number, UnitShare, "of that waiting, the share in which others left, and nobody was let in for them", analyzer.Queue, supplySlots},
	{"round_beside", Number, UnitShare, "of that waiting, the share that ends while others are in service", analyzer.Queue, supplySlots},
	{"in_rounds", Bool, "", "requests are let in only at times, though there is room, and in order: see docs/definitions.md, queueing", analyzer.Queue, supplySlots},
	{"round_length", Duration, "", "median time in which somebody waits so until somebody is let in", analyzer.Queue, supplySlots},
	{"admitted_at_once", Number, requests, "requests that a gateway lets into the engine at once, as it states", analyzer.Queue, supplyConfiguration},
	{"server_slots", Number, requests, "requests that the engine computes at once, as the gateway before it states", analyzer.Queue, supplyConfiguration},
	{"wait_mode_share", Number, UnitShare, "waits within 10 % of their most common length", analyzer.Queue, supplyPhases},
	{"wait_mode", Duration, "", "that length", analyzer.Queue, supplyPhases},
	{"batch_end_share", Number, UnitShare, "requests that begin and end service together with another, within one decode step", analyzer.Queue, supplyPhases},
	{"lockstep_share", Number, UnitShare, "requests that begin service when all who began before have ended, where waits are alike or requests begin and end together", analyzer.Queue, supplyPhases},
	{"hol_correlation", Number, ratioUnit, "Spearman's correlation of the wait of short jobs with the work ahead of them", analyzer.Queue, supplyPhases},
	{"hol_number_correlation", Number, ratioUnit, "the same with the number of requests ahead", analyzer.Queue, supplyPhases},
	{"hol_behind_share", Number, UnitShare, "share of all waiting that requests go through whose own service is no longer than the median", analyzer.Queue, supplyPhases},
	{"service_cv2", Number, ratioUnit, "squared coefficient of variation of service times", analyzer.Queue, supplyPhases},
	{"queue_capacity_factor", Number, ratioUnit, "capacity, as a multiple of today's, at which the mean wait is under 5 % of mean E2E", analyzer.Queue, supplySlots},
	{"replayed", Bool, "", "recoverable times of service come from a replay, so that they hold what others wait less", analyzer.Queue, supplySlots},
	{"culprit_share", Number, UnitShare, "share of all waiting that the request or group which causes most of it goes for, by replay without it", analyzer.Queue, supplySlots},
	{"culprit", Text, "", "what that is", analyzer.Queue, supplySlots},
}

var sizeVariables = []Variable{
	{"prefill_slope", Duration, "", "time of prefill per prompt token (Theil-Sen)", analyzer.Prefill, supplyPhases},
	{"prefill_r2", Number, ratioUnit, "share of prefill's variance that prompt length explains", analyzer.Prefill, supplyPhases},
	{"prefill_intercept_tokens", Number, tokens, "intercept of prefill on prompt tokens, in tokens; significantly negative: so many are cached", analyzer.Prefill, supplyPhases},
	{"cached_prefix_tokens", Number, tokens, "prompt tokens that are cached though nobody reports it; 0 when the intercept is not significantly negative", analyzer.Prefill, supplyPhases},
	{"uncontended_tpot", Duration, "", "median TPOT of requests whose decode overlaps no other request's prefill", analyzer.Decode, supplyPhases},
	{"tokens_per_step", Number, tokens, "r: prompt tokens that are prefilled in the time of one decode step", analyzer.Prefill, supplyPhases},
	{"prefill_rate", Number, "tokens/s", "prompt tokens prefilled a second: 1 over the slope", analyzer.Prefill, supplyPhases},
	{"frontend_slope", Duration, "", "time of frontend and tokenize per prompt token, of requests that met nobody in the front end where there are enough", analyzer.Tokenize, supplyPhases},
	{"frontend_slope_low", Duration, "", "lower end of its 95 % interval", analyzer.Tokenize, supplyPhases},
	{"frontend_r2", Number, ratioUnit, "share of its variance that prompt length explains", analyzer.Tokenize, supplyPhases},
	{"frontend_prompt_share", Number, UnitShare, "share of that time which goes by prompt length, of requests that met nobody in the front end", analyzer.Tokenize, supplyPhases},
	{"tokenizing_mean", Duration, "", "mean time a request of tokenizing and of waiting for it: as stated, or else the frontend time that a request without a prompt would not take", analyzer.Tokenize, supplyPhases},
	{"tokenize_growth", Number, ratioUnit, "frontend time of requests that start among many others over that of those that start among few", analyzer.Tokenize, supplyPhases},
}

var decodeVariables = []Variable{
	{"decode_step", Duration, "", "a step of decode at today's batch while nobody's prompt is prefilled: by a fit over all requests of the domain, of the time of a step on the batch, on the prompt tokens of others that are computed in it, and on the time of day", analyzer.Decode, supplyPhases},
	{"decode_step_alone", Duration, "", "such a step with one request, by the same fit", analyzer.Decode, supplyPhases},
	{"decode_alone_floor", Duration, "", "the least that the device takes for a step with one request", analyzer.Decode, supplyHardware},
	{"decode_alone_ratio", Number, ratioUnit, "a step with one request over that", analyzer.Decode, supplyHardware},
	{"decode_alone_ratio_low", Number, ratioUnit, "lower end of that ratio's 95 % interval", analyzer.Decode, supplyHardware},
	{"decode_alone_excess", Duration, "", "what a step with one request takes beyond it", analyzer.Decode, supplyHardware},
	{"prefill_interference", Number, ratioUnit, "time of a token while prompts of others are prefilled over that without, minus 1, by the same fit or, where chunks are seen, by their gaps; 0 when no slowness can be told", analyzer.Decode, supplyPhases},
	{"stall_long_share", Number, UnitShare, "share of all prompt tokens, but for what is cached or stated to be shared, that belongs to prompts of over 3 times the median: a few long ones hold up many short ones; of the time of prefill where prompts are not stated", analyzer.Decode, supplyTokens},
	{"gap_interference", Number, ratioUnit, "gaps between chunks during foreign prefill over those without, minus 1", analyzer.Decode, supplyChunks},
	{"stalled_gap_share", Number, UnitShare, "gaps over max(5 x the request's median gap, 100 ms)", analyzer.Decode, supplyChunks},
	{"stalled_request_share", Number, UnitShare, "requests with such a gap", analyzer.Decode, supplyChunks},
	{"stall_share", Number, UnitShare, "share of decode that engines state as stalled for others' prefill", analyzer.Decode, supplyDetails},
	{"stall_recoverable", Duration, "", "mean time a request that decode lost to foreign prefill", analyzer.Decode, supplyPhases},
	{"itl_growth", Number, ratioUnit, "median gap of the last quarter of an answer over that of its first", analyzer.Decode, supplyChunks},
	{"itl_growth_p", Number, "", "p of the hypothesis that gaps do not grow with the position", analyzer.Decode, supplyChunks},
	{"itl_intercept_share", Number, UnitShare, "intercept of gap on position in the sequence, prompt included, over the mean gap: near 0, all of the cost grows with position", analyzer.Decode, supplyChunks},
	{"tpot_output_growth", Number, ratioUnit, "TPOT of answers in the longest quarter over that in the shortest: over 1.5 without a KV cache", analyzer.Decode, supplyTokens},
	{"tpot_length_intercept_share", Number, UnitShare, "what a line of TPOT on the sequence's length (prompt and half of the answer) leaves at length 0, over mean TPOT: near 0, all of the cost grows with length; 1 when it does not grow for certain", analyzer.Decode, supplyTokens},
	{"tpot_batch_slope", Number, ratioUnit, "how much TPOT grows from one request in service to the most seen, over TPOT alone, minus 1", analyzer.Decode, supplyPhases},
	{"tpot_batch_flat", Bool, "", "TPOT does not grow with the number in service (95 % interval below 10 %)", analyzer.Decode, supplyPhases},
	{"tpot_drift", Number, ratioUnit, "growth of a step of decode in 10 minutes at the same batch and the same foreign prefill, over its mean", analyzer.Decode, supplyPhases},
	{"tpot_drift_low", Number, ratioUnit, "lower end of its 95 % interval", analyzer.Decode, supplyPhases},
	{"tpot_clock_growth", Number, ratioUnit, "how much longer TPOT is for what the clock of the device lies under the highest while requests decode, at the same number in service", analyzer.Decode, supplyGPU},
	{"tpot_clock_growth_low", Number, ratioUnit, "lower end of its 95 % interval", analyzer.Decode, supplyGPU},
	{"common_stall_share", Number, UnitShare, "stalls that at least 80 % of the streams in flight of one process share, of those that no prefill is long enough for", analyzer.Decode, supplyChunks},
	{"common_stalls", Number, "", "how many such common stalls", analyzer.Decode, supplyChunks},
	{"common_stall_mean", Duration, "", "mean time a request loses in them", analyzer.Decode, supplyChunks},
	{"common_stall_ttft_mean", Duration, "", "the same before its first token", analyzer.Decode, supplyChunks},
	{"preempted_share", Number, UnitShare, "requests that were preempted, as events or details of phases say", analyzer.Decode, supplyDetails},
	{"preempted_mean", Duration, "", "mean time a request lost by preemption", analyzer.Decode, supplyDetails},
	{"reasoning_share", Number, UnitShare, "share of output tokens that are reasoning", analyzer.Decode, supplyReasoning},
	{"reasoning_wait", Duration, "", "mean time that reasoning takes a request: its tokens at the speed of its answer", analyzer.Decode, supplyReasoning},
	{"draft_acceptance", Number, UnitShare, "share of drafted tokens that are accepted, by --fact num_speculative_tokens", analyzer.Decode, supplySpeculation},
	{"tokens_per_engine_step", Number, tokens, "tokens that a step of decode yields a request", analyzer.Decode, supplySpeculation},
	{"step_time_ratio", Number, ratioUnit, "time of a step over that of instances whose steps yield one token", analyzer.Decode, supplySpeculation},
}

var cacheVariables = []Variable{
	{"cached_share", Number, UnitShare, "share of prompt tokens that came from the prefix cache", analyzer.Prefill, supplyCache},
	{"cacheable_share", Number, UnitShare, "share of prompt tokens that an earlier prompt began with, as --fact shared_prefix_tokens states", analyzer.Prefill, supplyCache},
	{"cache_gap", Number, UnitShare, "cacheable share minus cached share", analyzer.Prefill, supplyCache},
	{"load_share", Number, UnitShare, "share of all time that loads a model", analyzer.ModelLoad, supplyDetails},
	{"loaded_share", Number, UnitShare, "requests that waited for a model to load", analyzer.ModelLoad, supplyDetails},
	{"cold_ttft_ratio", Number, ratioUnit, "mean TTFT of first requests after a start or a pause over the median TTFT of the others", analyzer.ModelLoad, supplyFirstToken},
	{"cold_requests", Number, requests, "first requests after a start, or a pause from which on first tokens come late; of over 5 minutes where no such pause is seen", analyzer.ModelLoad, supplyFirstToken},
	{"warm_ttft", Duration, "", "median TTFT of the others", analyzer.ModelLoad, supplyFirstToken},
	{"h2d_share", Number, UnitShare, "share of compute in which inputs move to the device, those of others too where nothing that is computed ends meanwhile", analyzer.GPUTransfer, supplyDetails},
	{"h2d_mean", Duration, "", "that time a request", analyzer.GPUTransfer, supplyDetails},
	{"kv_transfer_ttft_share", Number, UnitShare, "share of TTFT that moves KV caches between engines", analyzer.GPUTransfer, supplyDetails},
	{"kv_transfer_mean", Duration, "", "mean time of it a request", analyzer.GPUTransfer, supplyDetails},
}

var hardwareVariables = []Variable{
	{"mfu", Number, UnitShare, "model FLOPs utilisation of prefill", analyzer.Prefill, supplyHardware},
	{"mbu", Number, UnitShare, "memory bandwidth utilisation of decode", analyzer.Decode, supplyHardware},
	{"decode_floor", Duration, "", "least time of a decode step on this device", analyzer.Decode, supplyHardware},
	{"decode_floor_ratio", Number, ratioUnit, "a step of decode, without what others' prompts add to it, over that floor", analyzer.Decode, supplyHardware},
	{"decode_excess", Duration, "", "what such a step takes beyond it, at today's batch", analyzer.Decode, supplyHardware},
	{"prefill_floor_ratio", Number, ratioUnit, "prefill over its floor on this device", analyzer.Prefill, supplyHardware},
	{"ridge_tokens", Number, tokens, "tokens a step from which prefill is compute-bound on this device", analyzer.Prefill, supplyHardware},
	{"load_bandwidth_share", Number, UnitShare, "bandwidth of model loads over that of disk or bus, the smaller", analyzer.ModelLoad, supplyHardware},
	{"offload_bandwidth_share", Number, UnitShare, "bandwidth that decode implies over that of the bus, if all weights crossed it for each token, or those that --fact cpu_offload_bytes states: near 1, they do", analyzer.GPUTransfer, supplyHardware},
	{"kv_transfer_bandwidth_share", Number, UnitShare, "bandwidth of KV transfers over that of the link", analyzer.GPUTransfer, supplyHardware},
	{"tp_efficiency", Number, UnitShare, "speed-up by tensor parallelism over the number of devices: --fact single_device_tpot over uncontended TPOT, over --fact tensor_parallel_size", analyzer.Decode, supplyBaseline},
}

var hopVariables = []Variable{
	{"overhead_share", Number, UnitShare, "share of E2E between caller and engine: network and gateway", analyzer.Network, supplyBothSides},
	{"overhead_mean", Duration, "", "mean time a request between caller and engine", analyzer.Network, supplyBothSides},
	{"overhead_ttft_share", Number, UnitShare, "share of TTFT between caller and engine", analyzer.Network, supplyBothSides},
	{"overhead_ttft_mean", Duration, "", "mean time to the first token between caller and engine", analyzer.Network, supplyBothSides},
	{"caller_ttft_mean", Duration, "", "mean time to the first token with the way back to the caller, which takes as long as that of the end of the answer", analyzer.Network, supplyBothSides},
	{"stream_overhang_share", Number, UnitShare, "share of E2E after the engine's last token, but for what the server's front end keeps back while another request holds it", analyzer.Stream, supplyBothSides},
	{"stream_overhang_mean", Duration, "", "the same as mean time of a request", analyzer.Stream, supplyBothSides},
	{"client_lag_p99", Duration, "", "99th percentile of the time that clients take before they send", analyzer.Client, supplyClient},
	{"model_overlap_share", Number, UnitShare, "share of the time in which a model call runs in which two or more do", analyzer.Queue, supplyRequests},
	{"bystanders", Number, requests, "spans of other endpoints of the same process (such as /metrics) that are slow: over 5 x their median at rest", analyzer.Queue, supplyBystanders},
	{"bystander_overlap_share", Number, UnitShare, "share of the time of slow bystanders in which a model call runs", analyzer.Queue, supplyBystanders},
	{"bystander_inside_share", Number, UnitShare, "bystanders that begin and end while a model call runs: none where it holds the event loop", analyzer.Queue, supplyBystanders},
	{"bystander_slow_ratio", Number, ratioUnit, "median duration of bystanders while a model call runs over that at rest", analyzer.Queue, supplyBystanders},
	{"serial_wait_mean", Duration, "", "mean time between a request's arrival at the server and its model call", analyzer.Queue, supplyPhases},
	{"frontend_serial", Number, ratioUnit, "how much longer a request is on its way to the engine, over what those before it still need for theirs; median of those that have any before them: near 0 if they do not wait for each other, 1 if one thread serves all", analyzer.Frontend, supplyPhases},
	{"frontend_serial_low", Number, ratioUnit, "lower end of its 95 % interval", analyzer.Frontend, supplyPhases},
	{"frontend_hold", Duration, "", "mean of what a request takes of that way by itself: without the network, and without the time that those before it still need", analyzer.Frontend, supplyPhases},
	{"hold_prompt_share", Number, UnitShare, "share of that which goes by the length of prompts", analyzer.Frontend, supplyTokens},
	{"hold_engine_share", Number, ratioUnit, "last tokens that the engine makes while a request holds that way, over as many as it makes in as much time on average: about 1 where only the front end is held, 0 where the whole process stands still", analyzer.Frontend, supplyPhases},
	{"answer_held_mean", Duration, "", "mean time between a request's last token and its end in which another request holds that way, where requests pass it one by one", analyzer.Frontend, supplyPhases},
	{"hold_leaving_share", Number, ratioUnit, "answers that leave the server while a request holds that way, over as many as usual: near 0 where one loop does both, about 1 where prompts alone have to wait", analyzer.Frontend, supplyPhases},
	{"inner_mean", Duration, "", "mean time from the start of the engine's span to its queue", analyzer.Frontend, supplyPhases},
	{"inner_serial", Number, ratioUnit, "how much longer a request takes of that, over what those before it still need: 1 if they pass it one by one", analyzer.Frontend, supplyPhases},
	{"inner_serial_low", Number, ratioUnit, "lower end of its 95 % interval", analyzer.Frontend, supplyPhases},
	{"inner_leaving_share", Number, ratioUnit, "answers that leave the server while a request has its turn there, over as many as usual: about 1 where prompts alone have to wait", analyzer.Frontend, supplyPhases},
	{"frontend_hold_spread", Number, ratioUnit, "90th percentile of what a request takes of that way by itself over the 10th: near 1, it does not go by the length of prompts, which differ", analyzer.Frontend, supplyPhases},
	{"call_serial", Number, ratioUnit, "the same over what the model calls of those before it still take: 1 if each waits for the other to end", analyzer.Frontend, supplyPhases},
	{"call_serial_low", Number, ratioUnit, "lower end of its 95 % interval", analyzer.Frontend, supplyPhases},
	{"approach_excess_mean", Duration, "", "mean time of that way beyond what the network takes of anybody", analyzer.Frontend, supplyPhases},
}

var fleetVariables = []Variable{
	{"instances", Number, "", "engine processes of all domains, or as --fact replicas states", 0, supplyInstance},
	{"instance", Text, "", "the name of this engine process", 0, supplyInstance},
	{"instance_z", Number, "", "how far its TPOT at the same number in service lies off the median of all, in robust standard deviations", analyzer.Decode, supplyInstances},
	{"instance_slowdown", Number, UnitShare, "how much slower that is than the median", analyzer.Decode, supplyInstances},
	{"instance_slow_share", Number, UnitShare, "share of the time in which its TPOT at the same number in service is 1.2 times that of the others or more, less the share in which theirs is", analyzer.Decode, supplyInstances},
	{"instance_slow_z", Number, "", "how sure it is that its TPOT at the same times is the longer one, in standard deviations of the sum of Wilcoxon's signed ranks", analyzer.Decode, supplyInstances},
	{"instance_slow_excess", Number, UnitShare, "how much slower it decodes than the others at the same times, on geometric average over times", analyzer.Decode, supplyInstances},
	{"instance_requests", Number, requests, "its requests that were compared", analyzer.Decode, supplyInstances},
	{"instance_work", Number, ratioUnit, "what it is sent over the mean of what the others are, in requests or in tokens of prompts and answers, whichever is more", 0, supplyInstances},
	{"idle_while_queued_share", Number, UnitShare, "share of the time in which it queues while another has at most half of what it was seen to serve", analyzer.Queue, supplyInstances},
	{"imbalance_wait", Duration, "", "mean time that its requests wait while another has so much room", analyzer.Queue, supplyInstances},
	{"in_flight_gini", Number, "", "Gini coefficient of requests in flight over instances", analyzer.Queue, supplyInstances},
	{"new_instances", Number, "", "instances that first serve over 30 s, and over 5 % of the time, after the first", analyzer.Queue, supplyInstances},
	{"scale_lag", Duration, "", "for how long somebody had been waiting when the first of them took its first request", analyzer.Queue, supplyInstances},
	{"scale_wait_share", Number, UnitShare, "share of all waiting from there until nobody waits any more", analyzer.Queue, supplyInstances},
	{"scale_room_share", Number, UnitShare, "share of the waiting before that request while another instance that served before had at most half of what it was seen to serve", analyzer.Queue, supplyInstances},
	{"scale_share", Number, UnitShare, "that waiting, as share of all time of all instances' requests", analyzer.Queue, supplyInstances},
	{"scale_wait_mean", Duration, "", "that waiting, as mean time of this engine's requests", analyzer.Queue, supplyInstances},
}

var metricVariables = []Variable{
	{"metric_running_mean", Number, requests, "mean number running", analyzer.Queue, supplyMetrics},
	{"metric_running_max", Number, requests, "most running at once", analyzer.Queue, supplyMetrics},
	{"metric_waiting_mean", Number, requests, "mean number waiting", analyzer.Queue, supplyMetrics},
	{"metric_waiting_max", Number, requests, "most waiting at once", analyzer.Queue, supplyMetrics},
	{"metric_kv_use_p95", Number, UnitShare, "95th percentile of the KV cache's use", analyzer.Decode, supplyMetrics},
	{"metric_preemptions", Number, "", "preemptions counted in the window", analyzer.Decode, supplyMetrics},
	{"metric_preemptions_per_request", Number, ratioUnit, "preemptions over requests", analyzer.Decode, supplyMetrics},
	{"metric_input_tokens_mean", Number, tokens, "mean prompt length, where requests do not state theirs", analyzer.Prefill, supplyMetrics},
	{"metric_prefix_hit_share", Number, UnitShare, "share of prompt tokens that the engine counts as prefix cache hits", analyzer.Prefill, supplyMetrics},
	{"gpu_use_mean", Number, UnitShare, "mean use of the accelerator", analyzer.Decode, supplyGPU},
	{"gpu_clock_drop", Number, UnitShare, "how far the mean clock lies under the highest seen", analyzer.Decode, supplyGPU},
	{"gpu_throttled_share", Number, UnitShare, "share of samples that state thermal or power throttling", analyzer.Decode, supplyGPU},
	{"gpu_temperature_max", Number, "C", "highest temperature", analyzer.Decode, supplyGPU},
}

var telemetryVariables = []Variable{
	{"separable_share", Number, UnitShare, "share of all time whose phase is told apart from others", 0, supplyPhases},
	{"verified_share", Number, UnitShare, "requests read by a dialect that was tested against the real stack", 0, supplyRequests},
	{"instance_known_share", Number, UnitShare, "requests whose engine process is named", 0, supplyRequests},
	{"ttft_unmeasured_share", Number, UnitShare, "requests whose stated time to first token is that of an unstreamed answer", 0, supplyRequests},
	{"slices_missing_share", Number, UnitShare, "engine requests without the spans of their scheduler", 0, supplyRequests},
	{"inconsistent_share", Number, UnitShare, "requests with durations that were refused, disagree or overrun by more than 5 %", 0, supplyRequests},
	{"clock_drift_share", Number, UnitShare, "client/server pairs whose times fit no constant difference of their clocks", 0, supplyBothSides},
	{"clock_skew_share", Number, UnitShare, "client/server pairs whose clocks differ for certain", 0, supplyBothSides},
	{"partial_share", Number, UnitShare, "requests of traces that lack spans of processes that sent others", 0, supplyRequests},
	{"attributes_lost_share", Number, UnitShare, "requests whose own span lost attributes before it was sent", 0, supplyRequests},
	{"texts_cut_share", Number, UnitShare, "requests that state durations as texts which lost their ends, at one length for all of a span's texts", 0, supplyRequests},
	{"sampled", Bool, "", "not every request is traced, as samplers or --fact sampling say", 0, supplyRequests},
	{"sampling_stated", Bool, "", "--fact sampling is stated, or traces state it", 0, supplyRequests},
	{"events_lost_share", Number, UnitShare, "requests whose spans lost events before they were sent", 0, supplyRequests},
	{"metric_waiting_disagrees_low", Number, ratioUnit, "lower end of the 95 % interval of metric_waiting_disagrees, as far as samples that vary so can tell", 0, supplyMetrics},
	{"metric_waiting_disagrees", Number, ratioUnit, "mean number waiting by metrics over that by traces: far from 1, one of both is incomplete", 0, supplyMetrics},
}

// factVariables are what people state: fact_replicas and so on.
func factVariables() (list []Variable) {
	for _, f := range population.FactKeys {
		kind := Text
		switch {
		case f.IsNumber():
			kind = Number
		case f.IsBool():
			kind = Bool
		}
		list = append(list, Variable{factPrefix + f.Key, kind, "", "stated: " + f.Doc, 0, supplyConfiguration})
	}
	return list
}

// factPrefix begins the names of variables that are stated facts.
const factPrefix = "fact_"
