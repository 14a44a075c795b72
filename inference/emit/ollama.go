package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// ollamaOpenLLMetry is a caller's span of Ollama with the durations of its answer, in nanoseconds. Sources:
// https://github.com/traceloop/openllmetry/pull/4194; what each duration covers: https://github.com/ollama/ollama,
// server/routes.go and runner/ollamarunner at v0.17.4.
var ollamaOpenLLMetry = Dialect{
	Name: "ollama-openllmetry", Client: true,
	Doc: "OpenLLMetry's instrumentation of Ollama with the durations that Ollama states. Lost: the wait for a slot and tokenizing, which no duration holds, and where loading ends and copying to the device begins.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "opentelemetry.instrumentation.ollama", Version: "0.47.3"}, func(c call, s *analyzer.Span) bool {
			s.Name = "ollama.chat"
			s.Attributes = analyzer.Attributes{
				text("gen_ai.system", "Ollama"), text("llm.request.type", "chat"), text("gen_ai.request.model", w.served()),
				{Key: "llm.is_streaming", Value: analyzer.Bool(!r.Whole)},
				text("gen_ai.prompt.0.role", "user"), text("gen_ai.prompt.0.content", question(r)),
			}
			if c.status != 200 {
				s.Status = analyzer.StatusError
				s.Attributes = append(s.Attributes, text("error.type", "ResponseError"))
				return true
			}
			// The request and the model are always looked at before the rest.
			load := max(r.LoadCopied-r.Queued, 0) + r.Handled - r.Accepted
			s.Attributes = append(s.Attributes, text("gen_ai.response.model", w.served()),
				number("llm.usage.total_tokens", int64(r.Prompt+r.Output)), number("gen_ai.usage.completion_tokens", int64(r.Output)),
				number("gen_ai.usage.prompt_tokens", int64(r.Prompt)),
				number("llm.ollama.total_duration", r.Last.Detokenized-r.Accepted), number("llm.ollama.load_duration", load),
				number("llm.ollama.prompt_eval_duration", r.FirstToken-r.Scheduled), number("llm.ollama.eval_duration", r.LastToken-r.FirstToken))
			return true
		})
	},
}
