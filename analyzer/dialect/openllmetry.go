package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// OpenLLMetry is the dialect of OpenLLMetry, known as Traceloop.
var OpenLLMetry = client{
	name: "openllmetry",
	doc: "Spans of OpenLLMetry. llm.request.type names an inference call, traceloop.span.kind tools, agents, tasks and " +
		"workflows. One event a chunk (gen_ai.content.completion.chunk, before that llm.content.completion.chunk): the earliest " +
		"is the first, unless the span lost events. A caller's view: network, queue and prefill cannot be separated. Tested against " +
		"recordings of its instrumentation of the OpenAI client for JavaScript, 0.13.0, which writes no such events, no span for a " +
		"call that failed or that embeds, and no token counts of a streamed answer; the events, which the one for Python writes, " +
		"are in no recording. From 0.27.0 on the names are those of otel-genai, and so are its spans.",
	keys: []string{
		"llm.request.type", "llm.is_streaming", "traceloop.span.kind", "gen_ai.is_streaming", "gen_ai.operation.name",
	},
	marks: []string{"llm.request.type", "traceloop.span.kind"},
	match: func(s *analyzer.Span) analyzer.Role {
		switch s.Attributes.Text("llm.request.type") {
		case "chat", "completion", "embedding", "rerank":
			return analyzer.RoleInference
		}
		switch s.Attributes.Text("traceloop.span.kind") {
		case "tool":
			return analyzer.RoleTool
		case "agent", "workflow", "task":
			return analyzer.RoleAgent
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		for i := range s.Attributes {
			a := &s.Attributes[i]
			switch a.Key {
			case "llm.request.type":
				if c.Operation == "" {
					c.Operation, _ = a.Value.AsString()
				}
			case "llm.is_streaming", "gen_ai.is_streaming":
				if c.Streaming == analyzer.Unknown {
					c.Streaming = tristate(a.Value)
				}
			}
		}
		if first.events(s, isCompletionChunk) {
			c.Streaming = analyzer.Yes
			first.everyChunk(s, isCompletionChunk)
		}
	},
}.dialect()

func isCompletionChunk(event string) bool {
	return event == "gen_ai.content.completion.chunk" || event == "llm.content.completion.chunk"
}
