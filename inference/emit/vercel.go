package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var vercelScope = &analyzer.Scope{Name: "ai"}

// vercel is a span of the call, and below it one for each attempt. Source: https://github.com/vercel/ai,
// packages/ai/src/generate-text/stream-text.ts and generate-text.ts of version 6; content/docs/03-ai-sdk-core/60-telemetry.mdx.
var vercel = Dialect{
	Name: "vercel-ai-sdk", Client: true,
	Doc: "Vercel's AI SDK: the caller's view, in milliseconds, with the time to the first chunk. Lost: all later tokens, and all that happens in the server.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		operation, step := "ai.streamText", "ai.streamText.doStream"
		if r.Whole {
			operation, step = "ai.generateText", "ai.generateText.doGenerate"
		}
		base := func(operation string) analyzer.Attributes {
			return analyzer.Attributes{
				text("operation.name", operation), text("ai.operationId", operation),
				text("ai.model.provider", "openai.chat"), text("ai.model.id", w.served()), number("ai.settings.maxRetries", 2),
			}
		}
		all := w.span(analyzer.SpanID{}, operation, analyzer.SpanKindInternal, r.Sent, r.ClientEnd, w.app, vercelScope)
		all.Attributes = append(base(operation), text("ai.prompt", asJSON(map[string]string{"prompt": question(r)})))
		var spans []analyzer.Span
		calls := w.calls(r, vercelScope, func(c call, s *analyzer.Span) bool {
			s.Name, s.Kind, s.Parent = step, analyzer.SpanKindInternal, all.ID
			s.Attributes = append(base(step),
				text("ai.prompt.messages", asJSON([]chatMessage{{"user", question(r)}})),
				text("gen_ai.system", "openai.chat"), text("gen_ai.request.model", w.served()), number("gen_ai.request.max_tokens", w.maxTokens(r)))
			if c.status != 200 {
				s.Status, s.StatusMessage = analyzer.StatusError, "Service Unavailable"
				s.Events = []analyzer.Event{{Time: c.end, Name: "exception", Attributes: analyzer.Attributes{
					text("exception.type", "AI_APICallError"), text("exception.message", "Service Unavailable"),
				}}}
				asJavaScript(s)
				return true
			}
			if !r.Whole {
				ms := func(ns int64) float64 { return float64(ns) / 1e6 }
				toFirst, toFinish := double("ai.response.msToFirstChunk", ms(r.First.Read-c.start)), ms(r.Last.Read-c.start)
				s.Events = []analyzer.Event{
					{Time: r.First.Read, Name: "ai.stream.firstChunk", Attributes: analyzer.Attributes{toFirst}},
					{Time: r.Last.Read, Name: "ai.stream.finish"},
				}
				s.Attributes = append(s.Attributes, toFirst, double("ai.response.msToFinish", toFinish),
					double("ai.response.avgOutputTokensPerSecond", 1000*float64(r.Output)/toFinish))
			}
			s.Attributes = append(s.Attributes,
				text("ai.response.finishReason", "stop"), text("ai.response.text", answer(r)), text("ai.response.id", "chatcmpl-"+w.id),
				text("ai.response.model", w.served()),
				number("ai.usage.inputTokens", int64(r.Prompt)), number("ai.usage.outputTokens", int64(r.Output)),
				number("ai.usage.totalTokens", int64(r.Prompt+r.Output)), number("ai.usage.cachedInputTokens", int64(r.Cached)),
				texts("gen_ai.response.finish_reasons", "stop"), text("gen_ai.response.id", "chatcmpl-"+w.id),
				text("gen_ai.response.model", w.served()),
				number("gen_ai.usage.input_tokens", int64(r.Prompt)), number("gen_ai.usage.output_tokens", int64(r.Output)))
			asJavaScript(s)
			return true
		})
		if !w.options.Bare { // the application's span is outermost
			all.Parent = calls[0].ID
			spans, calls = append(spans, calls[0]), calls[1:]
		}
		asJavaScript(&all)
		return append(append(spans, all), calls...)
	},
}
