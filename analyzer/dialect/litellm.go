package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// LiteLLM is the dialect of LiteLLM's proxy and SDK.
var LiteLLM = client{
	name: "litellm",
	doc: "Spans of LiteLLM. \"Received Proxy Server Request\" is an envelope, and litellm_request and raw_gen_ai_request are views " +
		"of one call. What the proxy does outside of the call to the provider is gateway. A caller's view of the provider: " +
		"network, queue and prefill are not separable. Streamed answers state gen_ai.response.time_to_first_chunk in seconds " +
		"(https://github.com/BerriAI/litellm/pull/32236); spans of older releases state no first token.",
	keys:  firstChunkNames(),
	marks: []string{"gen_ai.*"},
	names: []string{"Received Proxy Server Request", "litellm_request", "raw_gen_ai_request"},
	match: func(s *analyzer.Span) analyzer.Role {
		switch s.Name {
		case "Received Proxy Server Request":
			return analyzer.RoleEnvelope
		case "litellm_request", "raw_gen_ai_request":
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	read: readFirstChunk,
	parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		if t.Spans[span].Name == "Received Proxy Server Request" || proxied(t, span) && holdsRaw(t, span) {
			return whole(t, span, analyzer.Gateway, "")
		}
		return nil
	},
}.dialect()

func proxied(t *analyzer.Trace, span int32) bool {
	return below(t, span, func(s *analyzer.Span) bool { return s.Name == "Received Proxy Server Request" }) >= 0
}

func holdsRaw(t *analyzer.Trace, span int32) bool {
	for _, c := range t.Children(span) {
		if t.Spans[c].Name == "raw_gen_ai_request" {
			return true
		}
	}
	return false
}
