package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// OpenInference is the dialect of the OpenInference instrumentations.
var OpenInference = client{
	name: "openinference",
	doc: "Spans of OpenInference. openinference.span.kind tells LLM and EMBEDDING (inference), TOOL, AGENT and CHAIN apart; the " +
		"event \"First Token Stream Event\" is the first chunk, of any kind. A caller's view: network, queue and prefill cannot " +
		"be separated.",
	keys: []string{
		"openinference.span.kind", "llm.model_name", "embedding.model_name", "llm.token_count.prompt", "llm.token_count.completion",
		"llm.token_count.prompt_details.cache_read", "llm.token_count.completion_details.reasoning",
	},
	marks: []string{"openinference.span.kind"},
	match: func(s *analyzer.Span) analyzer.Role {
		switch s.Attributes.Text("openinference.span.kind") {
		case "LLM", "EMBEDDING":
			return analyzer.RoleInference
		case "TOOL":
			return analyzer.RoleTool
		case "AGENT", "CHAIN":
			return analyzer.RoleAgent
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		for i := range s.Attributes {
			a := &s.Attributes[i]
			switch a.Key {
			case "openinference.span.kind":
				if kind, _ := a.Value.AsString(); kind == "EMBEDDING" {
					c.Operation = "embeddings"
				}
			case "llm.model_name", "embedding.model_name":
				c.RequestModel, _ = a.Value.AsString()
			case "llm.token_count.prompt":
				c.InputTokens = count(a.Value)
			case "llm.token_count.completion":
				c.OutputTokens = count(a.Value)
			case "llm.token_count.prompt_details.cache_read":
				c.CachedTokens = count(a.Value)
			case "llm.token_count.completion_details.reasoning":
				c.ReasoningTokens = count(a.Value)
			}
		}
		if first.events(s, func(name string) bool { return name == "First Token Stream Event" }) {
			c.Streaming = analyzer.Yes
		}
	},
}.dialect()
