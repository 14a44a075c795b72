package emit

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A call is one attempt as the SDK in the application sees it.
type call struct {
	r          *sim.Request
	start, end int64
	status     int // HTTP
}

// calls returns the application's span, unless it is left out, and a span for each attempt that span makes.
func (w *writer) calls(r *sim.Request, scope *analyzer.Scope, span func(call, *analyzer.Span) (written bool)) (spans []analyzer.Span) {
	var parent analyzer.SpanID
	if !w.options.Bare {
		root := w.application(r)
		spans, parent = append(spans, root), root.ID
	}
	status := 200
	if r.Refused {
		status = 400
	}
	attempts := make([]call, 0, 1+len(r.Attempts))
	for _, a := range r.Attempts {
		attempts = append(attempts, call{r, a.Start, a.End, a.Status})
	}
	for _, c := range append(attempts, call{r, r.Tried, r.ClientEnd, status}) {
		s := w.span(parent, "", analyzer.SpanKindClient, c.start, c.end, w.app, scope)
		if span(c, &s) {
			spans = append(spans, s)
		}
	}
	return spans
}

// asJavaScript moves a span as OpenTelemetry's JavaScript SDK does: the start has milliseconds, the length is exact.
func asJavaScript(s *analyzer.Span) {
	shift := s.Start % 1e6
	s.Start -= shift
	s.End -= shift
	for i := range s.Events {
		s.Events[i].Time -= shift
	}
	s.Flags = 0x101
}

// answer and question are the contents that SDKs record; their length is that of the tokens.
func question(r *sim.Request) string { return strings.Repeat("why ", min(r.Prompt, 8)) }
func answer(r *sim.Request) string   { return strings.Repeat("so ", min(r.Output, 8)) }

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values are this package's own
	}
	return string(b)
}

func (w *writer) served() string { return w.run.Config.Model.Name }

var javaScriptOpenInference = &analyzer.Scope{Name: "@arizeai/openinference-instrumentation-openai", Version: "4.2.7"}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatParameters struct {
	Model         string          `json:"model"`
	Messages      []chatMessage   `json:"messages,omitempty"`
	Stream        bool            `json:"stream,omitempty"`
	StreamOptions *map[string]any `json:"stream_options,omitempty"`
}

func (w *writer) parameters(r *sim.Request, withMessages bool) string {
	p := chatParameters{Model: w.served()}
	if withMessages {
		p.Messages = []chatMessage{{"user", question(r)}}
	}
	if !r.Whole {
		p.Stream, p.StreamOptions = true, &map[string]any{"include_usage": true}
	}
	return asJSON(p)
}

// openInference is the instrumentation for JavaScript, which has no event for the first token, and no token counts of a
// streamed answer.
var openInference = Dialect{
	Name: "openinference", Client: true,
	Doc:      "openinference-instrumentation-openai 4.2 for JavaScript: the caller's view. Lost: the first token, token counts of streamed answers, failed calls, and all that happens in the server.",
	Recorded: "openinference-js-4.2",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, javaScriptOpenInference, func(c call, s *analyzer.Span) bool {
			if c.status != 200 {
				return false
			}
			asJavaScript(s)
			s.Name, s.Kind = "OpenAI Chat Completions", analyzer.SpanKindInternal
			s.Attributes = analyzer.Attributes{
				text("openinference.span.kind", "LLM"), text("llm.model_name", w.served()),
				text("input.value", w.parameters(r, true)), text("input.mime_type", "application/json"),
				text("llm.invocation_parameters", w.parameters(r, false)), text("llm.system", "openai"),
				text("llm.input_messages.0.message.role", "user"), text("llm.input_messages.0.message.content", question(r)),
				text("output.value", answer(r)),
			}
			if !r.Whole {
				s.Attributes = append(s.Attributes, text("output.mime_type", "text/plain"),
					text("llm.output_messages.0.message.content", answer(r)), text("llm.output_messages.0.message.role", "assistant"),
					text("llm.finish_reason", "stop"))
				return true
			}
			s.Status = analyzer.StatusOK
			s.Attributes = append(s.Attributes, text("output.mime_type", "application/json"),
				text("llm.output_messages.0.message.role", "assistant"), text("llm.output_messages.0.message.content", answer(r)),
				text("llm.finish_reason", "stop"),
				number("llm.token_count.completion", int64(r.Output)), number("llm.token_count.prompt", int64(r.Prompt)),
				number("llm.token_count.total", int64(r.Prompt+r.Output)),
				number("llm.token_count.prompt_details.cache_read", int64(r.Cached)),
				number("llm.token_count.completion_details.reasoning", 0))
			return true
		})
	},
}

// openInferencePython is the instrumentation for Python. Source: https://github.com/Arize-ai/openinference,
// python/instrumentation/openinference-instrumentation-openai/src/openinference/instrumentation/openai/_stream.py at
// 1fe497f1.
var openInferencePython = Dialect{
	Name: "openinference-python", Client: true,
	Doc: "openinference-instrumentation-openai for Python: the caller's view with an event for the first token. Lost: all later tokens, and all that happens in the server.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "openinference.instrumentation.openai", Version: "0.1.30"}, func(c call, s *analyzer.Span) bool {
			s.Name, s.Kind = "ChatCompletion", analyzer.SpanKindInternal
			s.Attributes = analyzer.Attributes{
				text("openinference.span.kind", "LLM"), text("llm.system", "openai"), text("input.value", w.parameters(r, true)),
				text("input.mime_type", "application/json"), text("llm.invocation_parameters", w.parameters(r, false)),
				text("llm.model_name", w.served()),
			}
			if c.status != 200 {
				s.Status, s.StatusMessage = analyzer.StatusError, "InternalServerError"
				s.Events = []analyzer.Event{{Time: c.end, Name: "exception", Attributes: analyzer.Attributes{text("exception.type", "openai.InternalServerError")}}}
				return true
			}
			s.Status = analyzer.StatusOK
			if !r.Whole {
				s.Events = []analyzer.Event{{Time: r.First.Read, Name: "First Token Stream Event"}}
			}
			s.Attributes = append(s.Attributes, text("output.value", answer(r)),
				number("llm.token_count.prompt", int64(r.Prompt)), number("llm.token_count.completion", int64(r.Output)),
				number("llm.token_count.total", int64(r.Prompt+r.Output)), number("llm.token_count.prompt_details.cache_read", int64(r.Cached)))
			return true
		})
	},
}

// openLLMetry is the instrumentation for JavaScript before it took the names of the GenAI conventions: no event a chunk,
// no token counts of a streamed answer.
var openLLMetry = Dialect{
	Name: "openllmetry", Client: true,
	Doc:      "OpenLLMetry's instrumentation of the OpenAI client 0.13 for JavaScript: the caller's view. Lost: the first token, token counts of streamed answers, failed calls, and all that happens in the server.",
	Recorded: "openllmetry-js-0.13",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "@traceloop/instrumentation-openai", Version: "0.13.0"}, func(c call, s *analyzer.Span) bool {
			if c.status != 200 {
				return false
			}
			asJavaScript(s)
			s.Name = "openai.chat"
			s.Attributes = analyzer.Attributes{
				text("gen_ai.system", "OpenAI"), text("llm.request.type", "chat"), text("gen_ai.request.model", w.served()),
				text("gen_ai.prompt.0.role", "user"), text("gen_ai.prompt.0.content", question(r)),
				text("gen_ai.response.model", w.served()),
			}
			if r.Whole {
				s.Attributes = append(s.Attributes, number("llm.usage.total_tokens", int64(r.Prompt+r.Output)),
					number("gen_ai.usage.completion_tokens", int64(r.Output)), number("gen_ai.usage.prompt_tokens", int64(r.Prompt)))
			}
			s.Attributes = append(s.Attributes, text("gen_ai.completion.0.finish_reason", "stop"),
				text("gen_ai.completion.0.role", "assistant"), text("gen_ai.completion.0.content", answer(r)))
			return true
		})
	},
}

// openLLMetryPython is the instrumentation for Python. Source: https://github.com/traceloop/openllmetry,
// packages/opentelemetry-instrumentation-openai/opentelemetry/instrumentation/openai/shared/chat_wrappers.py at 93429cfb.
var openLLMetryPython = Dialect{
	Name: "openllmetry-python", Client: true, Tokens: true,
	Doc: "OpenLLMetry for Python: the caller's view with an event for every chunk, of which the SDK keeps the last 128. Lost: the first token of longer answers, and all that happens in the server.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "opentelemetry.instrumentation.openai.v1", Version: "0.47.3"}, func(c call, s *analyzer.Span) bool {
			s.Name = "openai.chat"
			streaming := analyzer.Attribute{Key: "llm.is_streaming", Value: analyzer.Bool(!r.Whole)}
			s.Attributes = analyzer.Attributes{
				text("llm.request.type", "chat"), text("gen_ai.system", "openai"), text("gen_ai.request.model", w.served()), streaming,
				text("gen_ai.prompt.0.role", "user"), text("gen_ai.prompt.0.content", question(r)),
			}
			if c.status != 200 {
				s.Status = analyzer.StatusError
				s.Attributes = append(s.Attributes, text("error.type", "InternalServerError"))
				return true
			}
			s.Attributes = append(s.Attributes, text("gen_ai.response.model", w.served()),
				number("llm.usage.total_tokens", int64(r.Prompt+r.Output)), number("gen_ai.usage.completion_tokens", int64(r.Output)),
				number("gen_ai.usage.prompt_tokens", int64(r.Prompt)),
				text("gen_ai.completion.0.finish_reason", "stop"), text("gen_ai.completion.0.content", answer(r)))
			if r.Whole {
				return true
			}
			times := r.ChunkTimes
			if n := len(times) - pythonEvents; n > 0 {
				times, s.DroppedEvents = times[n:], uint32(n)
			}
			for _, at := range times {
				s.Events = append(s.Events, analyzer.Event{Time: at, Name: "gen_ai.content.completion.chunk"})
			}
			return true
		})
	},
}

// pythonEvents is how many events a span of OpenTelemetry's Python SDK keeps unless told otherwise; the oldest go.
const pythonEvents = 128

// genAI is the instrumentation of OpenTelemetry for JavaScript, which states no time to the first chunk.
var genAI = Dialect{
	Name: "otel-genai", Client: true,
	Doc:      "@opentelemetry/instrumentation-openai 0.21: the caller's view. Lost: the first token, and all that happens in the server.",
	Recorded: "otel-openai-js-0.21",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "@opentelemetry/instrumentation-openai", Version: "0.21.0"}, func(c call, s *analyzer.Span) bool {
			asJavaScript(s)
			s.Name = "chat " + w.served()
			s.Attributes = analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", w.served()), text("gen_ai.system", "openai"),
				text("server.address", "127.0.0.1"), number("server.port", 8000),
			}
			if c.status != 200 {
				s.Status, s.StatusMessage = analyzer.StatusError, "the server is overloaded"
				s.Attributes = append(s.Attributes, text("error.type", "InternalServerError"))
				return true
			}
			id, model, finish := text("gen_ai.response.id", "chatcmpl-"+w.id), text("gen_ai.response.model", w.served()), texts("gen_ai.response.finish_reasons", "stop")
			in, out := number("gen_ai.usage.input_tokens", int64(r.Prompt)), number("gen_ai.usage.output_tokens", int64(r.Output))
			if r.Whole {
				s.Attributes = append(s.Attributes, finish, id, model, in, out)
			} else {
				s.Attributes = append(s.Attributes, id, model, in, out, finish)
			}
			return true
		})
	},
}

// genAIChunk follows the conventions to the letter. Source: https://github.com/open-telemetry/semantic-conventions,
// docs/gen-ai/gen-ai-spans.md before c9e48b1d (v1.41).
var genAIChunk = Dialect{
	Name: "otel-genai-chunk", Client: true,
	Doc: "OpenTelemetry's GenAI conventions 1.41 to the letter, with the time to the first chunk: the caller's view. Lost: all later tokens, and all that happens in the server.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		return w.calls(r, &analyzer.Scope{Name: "genai-sdk", Version: "1.0.0"}, func(c call, s *analyzer.Span) bool {
			s.Name = "chat " + w.served()
			s.Attributes = analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", w.served()),
				{Key: "gen_ai.request.stream", Value: analyzer.Bool(!r.Whole)},
			}
			if c.status != 200 {
				s.Status = analyzer.StatusError
				s.Attributes = append(s.Attributes, text("error.type", strconv.Itoa(c.status)))
				return true
			}
			s.Attributes = append(s.Attributes, text("gen_ai.response.model", w.served()),
				number("gen_ai.usage.input_tokens", int64(r.Prompt)), number("gen_ai.usage.output_tokens", int64(r.Output)),
				number("gen_ai.usage.cache_read.input_tokens", int64(r.Cached)), texts("gen_ai.response.finish_reasons", "stop"))
			if !r.Whole {
				s.Attributes = append(s.Attributes, seconds("gen_ai.response.time_to_first_chunk", r.First.Read-r.Tried))
			}
			return true
		})
	},
}
