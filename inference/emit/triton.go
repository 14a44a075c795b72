package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var tritonScope = &analyzer.Scope{Name: "triton-server"}

// triton is a request span, the model's span and its computation, with events between which the time lies. Source:
// https://github.com/triton-inference-server/server, src/tracer.cc and docs/user_guide/trace.md at e1db8a60;
// docs/user_guide/metrics.md; https://github.com/triton-inference-server/tensorrtllm_backend, README.md (metrics).
var triton = Dialect{
	Name: "triton",
	Doc:  "Triton with trace mode opentelemetry: events of queue, input, computation and output. Lost: the first token and what lies between prefill and decode, tokenizing, token counts.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		if r.Refused {
			return spans
		}
		resource := w.servers[r.Replica]
		model := text("triton.model_name", w.shortModel())
		event := func(name string, at int64) analyzer.Event { return analyzer.Event{Time: at, Name: name} }
		output := min(r.LastToken+20_000, r.Last.Detokenized)
		root := w.span(parent, "InferRequest", analyzer.SpanKindServer, r.Accepted, r.Last.Written, resource, tritonScope)
		if !parent.IsZero() {
			root.Flags = flagsRemote
		}
		root.Attributes = analyzer.Attributes{model}
		root.Events = []analyzer.Event{
			event("HTTP_RECV_START", r.Accepted), event("HTTP_RECV_END", r.Accepted+w.run.Config.Server.Accept),
			event("HTTP_SEND_START", r.Last.Detokenized), event("HTTP_SEND_END", r.Last.Written),
		}
		infer := w.span(root.ID, w.shortModel(), analyzer.SpanKindInternal, r.Handled, r.Last.Detokenized, resource, tritonScope)
		infer.Attributes = analyzer.Attributes{
			model, number("triton.model_version", 1), number("triton.trace_id", int64(r.Index+1)), number("triton.trace_parent_id", 0),
			text("triton.request_id", w.id[:8]),
		}
		infer.Events = []analyzer.Event{ // in the order in which Triton writes them
			event("REQUEST_START", r.Handled), event("QUEUE_START", r.Queued),
			event("INFER_RESPONSE_COMPLETE", r.Last.Detokenized), event("REQUEST_END", r.Last.Detokenized),
		}
		compute := w.span(infer.ID, "compute", analyzer.SpanKindInternal, r.Scheduled, output, resource, tritonScope)
		infer.Events = append(infer.Events,
			event("COMPUTE_START", r.Scheduled), event("COMPUTE_INPUT_END", r.Copied),
			event("COMPUTE_OUTPUT_START", r.LastToken), event("COMPUTE_END", output))
		return append(spans, root, infer, compute)
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		// What its backend for TensorRT-LLM adds.
		trt := func(name, key, kind string, value float64) analyzer.MetricPoint {
			p := w.gauge(resource, s, name, "", value)
			p.Attributes = analyzer.Attributes{text(key, kind), text("model", w.shortModel()), text("version", "1")}
			return p
		}
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "nv_inference_pending_request_count", "", float64(s.Waiting)),
			w.gauge(resource, s, "nv_gpu_utilization", "", s.Use),
			trt("nv_trt_llm_request_metrics", "request_type", "scheduled", float64(s.Running)),
			trt("nv_trt_llm_request_metrics", "request_type", "waiting", float64(s.Waiting)),
			trt("nv_trt_llm_kv_cache_block_metrics", "kv_cache_block_type", "fraction", s.KVUsed),
		}
	},
}
