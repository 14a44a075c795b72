package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var tensorRTScope = &analyzer.Scope{Name: "trt.llm"}

// tensorRT is one span a request, from when the executor has it. Sources: https://github.com/NVIDIA/TensorRT-LLM,
// tensorrt_llm/llmapi/otel_tracing.py at 3b904c6a, tensorrt_llm/executor/result.py (do_tracing), pull request 5897; its
// times: docs of RequestPerfMetrics.TimingMetrics (arrival, first scheduled, first token, last token).
var tensorRT = Dialect{
	Name: "tensorrt-llm",
	Doc:  "TensorRT-LLM behind trtllm-serve: the span llm_request with time in queue, to the first token and to the last, in seconds from the executor's receipt. Lost: tokenizing (before the span), where prefill and decode take how long but by subtraction, cached tokens, stalls, every token.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		if r.Refused {
			return spans
		}
		s := w.span(parent, "llm_request", analyzer.SpanKindServer, r.Queued, r.Last.Detokenized, w.servers[r.Replica], tensorRTScope)
		if !parent.IsZero() {
			s.Flags = flagsRemote
		}
		s.Attributes = analyzer.Attributes{
			text("gen_ai.request.id", w.id),
			double("gen_ai.request.temperature", 1),
			double("gen_ai.request.top_p", 1),
			number("gen_ai.request.max_tokens", w.maxTokens(r)),
			number("gen_ai.request.n", 1),
			number("gen_ai.usage.prompt_tokens", int64(r.Prompt)),
			number("gen_ai.usage.completion_tokens", int64(r.Output)),
			seconds("gen_ai.latency.time_to_first_token", r.FirstToken-r.Queued),
			seconds("gen_ai.latency.e2e", r.LastToken-r.Queued),
			seconds("gen_ai.latency.time_in_queue", r.Scheduled-r.Queued),
			text("gen_ai.response.finish_reasons", `["stop"]`),
		}
		return append(spans, s)
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "trtllm_num_requests_running", "", float64(s.Running)),
			w.gauge(resource, s, "trtllm_num_requests_waiting", "", float64(s.Waiting)),
			w.gauge(resource, s, "trtllm_kv_cache_utilization", "", s.KVUsed),
		}
	},
}
