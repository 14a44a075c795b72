package dialect

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TensorRT is the dialect of TensorRT-LLM's engine.
var TensorRT = analyzer.Dialect{
	Name: "tensorrt-llm",
	Doc: "The request span of TensorRT-LLM, told by its scope. Durations are attributes in seconds: time_in_queue counts from " +
		"the start, prefill is inferred as what is left to time_to_first_token, decode as what is left to e2e. -1 means " +
		"\"not measured\". KV transfer between disaggregated servers is part of prefill.",
	Engine: true,
	Keys:   keys([]string{latencyTTFT, latencyE2E, latencyQueue}, callKeys),
	Marks:  []string{"gen_ai.latency.*"},
	Match: func(s *analyzer.Span) analyzer.Role {
		if isTensorRT(s) {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		c, _ := readEngine(t, span, true)
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		if !isTensorRT(&t.Spans[span]) {
			return nil
		}
		_, parts := readEngine(t, span, true)
		return parts
	},
}

func isTensorRT(s *analyzer.Span) bool {
	scope := strings.ToLower(scopeName(s))
	return (strings.HasPrefix(scope, "trt") || strings.HasPrefix(scope, "tensorrt")) && hasKey(s, "gen_ai.latency.")
}
