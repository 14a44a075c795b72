package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var vllmScope = &analyzer.Scope{Name: "vllm.llm_engine"}

// tracing is how long the front end takes until it has made the span of a request that is done.
const tracing = 100_000

// vllm is one span a request. Sources: https://github.com/vllm-project/vllm, vllm/v1/engine/output_processor.py
// (do_tracing) at 40eeb0c5, vllm/v1/metrics/stats.py (first_token_latency: of the first output, streamed or not), vllm/v1/metrics/loggers.py.
var vllm = Dialect{
	Name:     "vllm",
	Doc:      "vLLM V1: the span llm_request with durations in seconds. Lost: tokenizing (part of what is before the queue), stalls and preemptions (part of prefill and decode), every token; refused requests have no such span.",
	Recorded: "vllm_*.otlp.jsonl, vLLM V1 with --otlp-traces-endpoint",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		if r.Refused {
			return spans
		}
		s := w.span(parent, "llm_request", analyzer.SpanKindServer, r.Handled, r.Last.Detokenized+tracing, w.servers[r.Replica], vllmScope)
		if !parent.IsZero() {
			s.Flags = flagsRemote
		}
		first := r.First.Detokenized
		if r.Whole { // the engine's output has its first token all the same
			first = r.FirstToken + w.run.Config.Server.Detokenize
		}
		s.Attributes = analyzer.Attributes{
			seconds("gen_ai.latency.time_to_first_token", first-r.Handled),
			seconds("gen_ai.latency.e2e", r.Last.Detokenized-r.Handled),
			seconds("gen_ai.latency.time_in_queue", r.Scheduled-r.Queued),
			number("gen_ai.usage.prompt_tokens", int64(r.Prompt)),
			number("gen_ai.usage.completion_tokens", int64(r.Output)),
			seconds("gen_ai.latency.time_in_model_prefill", r.FirstToken-r.Scheduled),
			seconds("gen_ai.latency.time_in_model_decode", r.LastToken-r.FirstToken),
			seconds("gen_ai.latency.time_in_model_inference", r.LastToken-r.Scheduled),
			text("gen_ai.request.id", "chatcmpl-"+w.id),
			double("gen_ai.request.top_p", 1),
			number("gen_ai.request.max_tokens", w.maxTokens(r)),
			double("gen_ai.request.temperature", 1),
			number("gen_ai.request.n", 1),
		}
		return append(spans, s)
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "vllm:num_requests_running", "", float64(s.Running)),
			w.gauge(resource, s, "vllm:num_requests_waiting", "", float64(s.Waiting)),
			w.gauge(resource, s, "vllm:kv_cache_usage_perc", "", s.KVUsed),
			w.counter(resource, s, "vllm:num_preemptions_total", float64(s.Preemptions)),
		}
	},
}
