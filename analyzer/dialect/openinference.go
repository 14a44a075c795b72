package dialect

import (
	"encoding/json"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// OpenInference is the dialect of the OpenInference instrumentations.
var OpenInference = client{
	name: "openinference",
	doc: "Spans of OpenInference. openinference.span.kind tells LLM and EMBEDDING (inference), TOOL, AGENT and CHAIN apart; the " +
		"event \"First Token Stream Event\" is the first chunk, of any kind, and llm.invocation_parameters (JSON) tells the model and " +
		"stream that were asked for. A caller's view: network, queue and prefill cannot be separated. Tested against recordings of " +
		"openinference-instrumentation-openai 4.2.7 for JavaScript, which has no such event, no span for a call that failed and no " +
		"token counts of a streamed answer; the event, which the one for Python writes, is in no recording.",
	keys: []string{
		"openinference.span.kind", "llm.model_name", "embedding.model_name", "llm.token_count.prompt", "llm.token_count.completion",
		"llm.token_count.prompt_details.cache_read", "llm.token_count.completion_details.reasoning", "llm.invocation_parameters",
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
				c.Model, _ = a.Value.AsString()
			case "llm.invocation_parameters":
				readInvocation(a.Value, c)
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

// readInvocation reads the parameters of a call, which are JSON.
func readInvocation(v analyzer.Value, c *analyzer.Call) {
	text, _ := v.AsString()
	if !strings.Contains(text, `"stream"`) && !strings.Contains(text, `"model"`) {
		return
	}
	var parameters struct {
		Model  string
		Stream *bool
	}
	if json.Unmarshal([]byte(text), &parameters) != nil {
		return // whatever else it is, it is no parameters
	}
	if parameters.Model != "" {
		c.RequestModel = parameters.Model
	}
	if parameters.Stream != nil {
		c.Streaming = analyzer.No
		if *parameters.Stream {
			c.Streaming = analyzer.Yes
		}
	}
}
