package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var llamaCppScope = &analyzer.Scope{Name: "llama.cpp.server"}

// llamaCpp is the server's span, and nothing else of it: no HTTP server's below the caller's. Sources:
// https://github.com/martinjt/llama.cpp, tools/server/server-otel.cpp at 1b37acc5 and tools/server/server-context.cpp at
// e257025c: it ends with the last result, before that is written; input tokens are those that were computed, without the
// cached ones (timings.prompt_n); gauges of /metrics.
var llamaCpp = Dialect{
	Name: "llama.cpp", untraced: true,
	Doc: "llama.cpp's server built with tracing: one span with how long the prompt and the answer took, in milliseconds. Lost: the wait for a slot and tokenizing (part of what is before the prompt), every token, and how long the stream takes when the answer is done.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		end := max(r.Last.Detokenized, r.Last.Written-w.run.Config.Server.Write)
		s := w.span(parent, "chat "+w.served(), analyzer.SpanKindServer, r.Accepted, end, w.servers[r.Replica], llamaCppScope)
		if !parent.IsZero() {
			s.Flags = flagsRemote
		}
		s.Attributes = analyzer.Attributes{
			text("gen_ai.provider.name", "llama_cpp"), text("gen_ai.operation.name", "chat"),
			text("gen_ai.request.model", w.served()), text("gen_ai.response.model", w.served()),
		}
		if r.Refused {
			s.End, s.Status, s.StatusMessage = r.Handled, analyzer.StatusError, "inference error"
			s.Attributes = append(s.Attributes, text("error.type", s.StatusMessage))
			return append(spans, s)
		}
		prompt, predicted := milliseconds(r.FirstToken-r.Scheduled), milliseconds(r.LastToken-r.FirstToken)
		s.Attributes = append(s.Attributes,
			number("gen_ai.usage.input_tokens", int64(r.Prompt-r.Cached)), number("gen_ai.usage.output_tokens", int64(r.Output)),
			double("llama.prompt_ms", prompt), double("llama.predicted_ms", predicted),
			double("llama.prompt_per_second", 1000*float64(r.Prompt-r.Cached)/prompt), double("llama.predicted_per_second", 1000*float64(r.Output)/max(predicted, 0.001)),
			number("gen_ai.usage.cache_read.input_tokens", int64(r.Cached)), texts("gen_ai.response.finish_reasons", "stop"))
		return append(spans, s)
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "llamacpp:requests_processing", "", float64(s.Running)),
			w.gauge(resource, s, "llamacpp:requests_deferred", "", float64(s.Waiting)),
		}
	},
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }
