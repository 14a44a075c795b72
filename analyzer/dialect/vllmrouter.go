package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// VLLMRouter is the dialect of the router of vLLM's production stack.
var VLLMRouter = analyzer.Dialect{
	Name: "vllm-router",
	Doc: "Spans of the router in front of several vLLM engines, told by vllm.backend_url: gateway, less the call to the engine " +
		"that they hold.",
	Context: true,
	Keys:    []string{"vllm.backend_url", "vllm.model", "vllm.is_streaming"},
	Marks:   []string{"vllm.backend_url"},
	Match:   func(*analyzer.Span) analyzer.Role { return analyzer.RoleEnvelope },
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c := httpCall(&t.Spans[span])
		c.RequestModel = t.Spans[span].Attributes.Text("vllm.model")
		if v, ok := t.Spans[span].Attributes.Get("vllm.is_streaming"); ok {
			c.Streaming = tristate(v)
		}
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part { return whole(t, span, analyzer.Gateway, "") },
}
