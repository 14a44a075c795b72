package dialect

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TensorRT is the dialect of TensorRT-LLM's engine.
var TensorRT = analyzer.Dialect{
	Name: "tensorrt-llm",
	Doc: "The request span of TensorRT-LLM, told by its scope. Durations are attributes in seconds: time_in_queue counts from " +
		"the start, prefill is inferred as what is left to time_to_first_token, decode as what is left to e2e. -1 means " +
		"\"not measured\". Between the events kv_cache_transfer_start and kv_cache_transfer_end it is gpu_transfer; the span that has " +
		"them is the decode leg of a disaggregated request, and a call beside it that answered one token its prefill leg.",
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
		c := readEngine(t, span, true)
		if len(kvTransfers(&t.Spans[span])) > 0 {
			c.Leg = analyzer.LegDecode
		}
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		if !isTensorRT(&t.Spans[span]) {
			return nil
		}
		return append(kvTransfers(&t.Spans[span]), latencyParts(t, span, true)...)
	},
}

// kvTransfers returns the stretches in which a span states that it waits for a KV cache.
func kvTransfers(s *analyzer.Span) (parts []analyzer.Part) {
	var starts, ends []int64
	for i := range s.Events {
		switch s.Events[i].Name {
		case "kv_cache_transfer_start":
			starts = append(starts, s.Events[i].Time)
		case "kv_cache_transfer_end":
			ends = append(ends, s.Events[i].Time)
		}
	}
	slices.Sort(starts)
	slices.Sort(ends)
	for i := range min(len(starts), len(ends)) {
		parts = append(parts, analyzer.Part{
			Start: starts[i], End: ends[i], Phase: analyzer.GPUTransfer, Detail: "kv_transfer", Source: analyzer.SourceEvent,
		})
	}
	return parts
}

func isTensorRT(s *analyzer.Span) bool {
	scope := strings.ToLower(scopeName(s))
	return (strings.HasPrefix(scope, "trt") || strings.HasPrefix(scope, "tensorrt")) && hasKey(s, "gen_ai.latency.")
}
