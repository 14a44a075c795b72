package main

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/fault"
)

// A row compares what the analyzer reads of one phase, or of several that a dialect has no border between, with the truth.
type row struct {
	name        string
	read, truth []analyzer.Phase
	source      string // of what is read
	// stated says that one span or attribute of the dialect states this very length, which the emitter took from the same
	// clocks as the truth: to read it back is a round trip.
	stated bool
	ttft   bool // compared on the path to the first token; else to the last
}

func stated(phase analyzer.Phase, source string) row {
	return row{name: phase.String(), read: []analyzer.Phase{phase}, truth: []analyzer.Phase{phase}, source: source, stated: true}
}

func derived(phase analyzer.Phase, source string) row {
	return row{name: phase.String(), read: []analyzer.Phase{phase}, truth: []analyzer.Phase{phase}, source: source}
}

// group compares several phases together.
func group(name, source string, phases ...analyzer.Phase) row {
	return row{name: name, read: phases, truth: phases, source: source}
}

// onFirst compares on the path to the first token.
func (r row) onFirst() row {
	r.ttft, r.stated = true, false
	r.name += " before first token"
	return r
}

// A carrier is a dialect and what it can carry.
type carrier struct {
	dialect string
	// labels are phases that a fault can make longer and that a reader of the dialect can tell from the others.
	labels []analyzer.Phase
	rows   []row
}

const (
	hops = "edges of the spans of application, gateway and HTTP servers"
	gap  = "gap between the application's span and that of its call"
)

// around are the phases between the user and the model server. What lies outside the server's extent is network, and no span
// says when an answer that a client reads late had come: on the way back, network and client have no border.
var around = []row{
	group("network + client", hops, analyzer.Network, analyzer.Client), derived(analyzer.Gateway, hops), derived(analyzer.Retry, "failed siblings of the call that succeeded, and the pauses between them"),
}

var outside = []analyzer.Phase{analyzer.Client, analyzer.Network, analyzer.Gateway, analyzer.Retry, analyzer.Stream, analyzer.Frontend}

// withheld are labels that need more than their phase, and that a dialect has not got: times of tokens, gauges of devices,
// or which server a request was at.
var withheld = map[string][]string{
	"vllm":               {"host-pause"},
	"tensorrt-llm":       {"host-pause"},
	"llama.cpp":          {"host-pause"},
	"tgi":                {"kv-pressure", "prefix-cache-miss"}, // it states neither how full its cache is nor its limit of tokens, nor what of a prompt was cached
	"ollama-openllmetry": {"host-pause", "noisy-neighbour", "thermal-throttle", "decode-overhead-bound"},
}

// withoutFirstToken are dialects in which nobody can see when the first token came: what a fault costs of TTFT does not
// exist in them.
var withoutFirstToken = map[string]bool{"triton": true}

// serverFirstToken are dialects that state when the server had the first token, and in which no span says when its caller
// had it: what is between counts by what it costs of E2E.
var serverFirstToken = map[string]bool{"vllm": true, "sglang": true, "tgi": true, "tensorrt-llm": true, "llama.cpp": true, "ollama-openllmetry": true}

// carriers lists every dialect. It is registered before results are looked at: where a dialect cannot carry the phase of
// a fault, to name nothing is right.
var carriers = []carrier{
	{"vllm", append([]analyzer.Phase{analyzer.Tokenize, analyzer.Queue, analyzer.Prefill, analyzer.Decode}, outside...), append([]row{
		stated(analyzer.Queue, "gen_ai.latency.time_in_queue"), stated(analyzer.Prefill, "gen_ai.latency.time_in_model_prefill"),
		stated(analyzer.Decode, "gen_ai.latency.time_in_model_decode"),
		derived(analyzer.Queue, "placed before the first token").onFirst(), derived(analyzer.Prefill, "placed before the first token").onFirst(),
		// The front end states when the first token came: the token's way out through it has no border to the request's way in.
		group("frontend + tokenize + detokenize", "what is left of time_to_first_token, and "+hops, analyzer.Frontend, analyzer.Tokenize, analyzer.Detokenize).onFirst(),
	}, around...)},
	{"sglang", append([]analyzer.Phase{analyzer.Tokenize, analyzer.Queue, analyzer.Prefill, analyzer.Decode}, outside...), append([]row{
		stated(analyzer.Tokenize, "span tokenize"), stated(analyzer.Queue, "span prefill_waiting"), stated(analyzer.Prefill, "span prefill_forward"),
		stated(analyzer.Decode, "span decode_forward"),
		group("frontend", "gaps between slices, and "+hops, analyzer.Frontend).onFirst(),
	}, around...)},
	{"tgi", append([]analyzer.Phase{analyzer.Tokenize, analyzer.Queue, analyzer.Prefill, analyzer.Decode}, outside...), append([]row{
		stated(analyzer.Tokenize, "span tokenize"), stated(analyzer.Queue, "queue_time"),
		derived(analyzer.Prefill, "first span infer"), derived(analyzer.Decode, "spans infer after the first"),
		group("frontend", "what is left of validation_time, and "+hops, analyzer.Frontend).onFirst(),
	}, around...)},
	{"triton", append([]analyzer.Phase{analyzer.Queue, analyzer.GPUTransfer}, outside...), append([]row{
		derived(analyzer.Queue, "events QUEUE_START and COMPUTE_START"), derived(analyzer.GPUTransfer, "events COMPUTE_START and COMPUTE_INPUT_END"),
	}, around...)},
	{"tensorrt-llm", append([]analyzer.Phase{analyzer.Tokenize, analyzer.Queue, analyzer.Prefill, analyzer.Decode}, outside...), append([]row{
		stated(analyzer.Queue, "gen_ai.latency.time_in_queue"), derived(analyzer.Prefill, "time_to_first_token without time_in_queue"),
		derived(analyzer.Decode, "e2e without time_to_first_token"),
		group("frontend + tokenize", "gap between the HTTP server's span and that of the engine", analyzer.Frontend, analyzer.Tokenize).onFirst(),
	}, around...)},
	{"llama.cpp", []analyzer.Phase{analyzer.Prefill, analyzer.Decode, analyzer.Client, analyzer.Network, analyzer.Gateway, analyzer.Retry}, append([]row{
		stated(analyzer.Prefill, "llama.prompt_ms"), stated(analyzer.Decode, "llama.predicted_ms"),
		derived(analyzer.Prefill, "placed before decode, which ends with the span").onFirst(),
	}, around...)},
	{"ollama-openllmetry", []analyzer.Phase{analyzer.Client, analyzer.Retry, analyzer.ModelLoad, analyzer.Prefill, analyzer.Decode}, []row{
		stated(analyzer.Prefill, "llm.ollama.prompt_eval_duration"), stated(analyzer.Decode, "llm.ollama.eval_duration"),
		{name: "model_load", read: []analyzer.Phase{analyzer.ModelLoad}, truth: []analyzer.Phase{analyzer.ModelLoad, analyzer.GPUTransfer}, source: "llm.ollama.load_duration", stated: true},
		around[2],
	}},
	{"openllmetry-python", []analyzer.Phase{analyzer.Client, analyzer.Retry}, []row{around[2]}},
	{"otel-genai-chunk", []analyzer.Phase{analyzer.Client, analyzer.Retry}, []row{around[2]}},
	{"openinference-python", []analyzer.Phase{analyzer.Client, analyzer.Retry}, []row{around[2]}},
	{"vercel-ai-sdk", []analyzer.Phase{analyzer.Client, analyzer.Retry}, []row{around[2]}},
	{"slowtoken", analyzer.Phases[:], ownRows()},
}

// ownRows are of the dialect that has a span for every stretch of the truth.
func ownRows() (rows []row) {
	for _, p := range analyzer.Phases {
		if p != analyzer.Unattributed && p != analyzer.Tool && p != analyzer.Other {
			rows = append(rows, stated(p, "slowtoken.phase"))
		}
	}
	return rows
}

func carrierOf(dialect string) *carrier {
	i := slices.IndexFunc(carriers, func(c carrier) bool { return c.dialect == dialect })
	if i < 0 {
		return nil
	}
	return &carriers[i]
}

// carries reports whether a reader of the dialect can tell what is labelled so from other causes.
func carries(dialect string, label fault.Label) bool {
	c := carrierOf(dialect)
	return c != nil && slices.Contains(c.labels, label.Phase) && !slices.ContainsFunc(label.Rules, func(rule string) bool {
		return slices.Contains(withheld[dialect], rule)
	})
}
