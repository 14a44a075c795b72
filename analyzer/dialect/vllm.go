package dialect

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

var latencyKeys = []string{latencyTTFT, latencyE2E, latencyQueue, latencyPrefill, latencyDecode, latencyInference}

// VLLM is the dialect of vLLM's engine: one span a request with durations as attributes.
var VLLM = analyzer.Dialect{
	Name: "vllm",
	Doc: "The span llm_request of vLLM, V1 and V0. Durations are attributes in seconds: the first token is start + " +
		"time_to_first_token; prefill and before it queue end there, decode begins there. What is left before the queue is " +
		"frontend (HTTP, tokenizer, IPC and output processing, not separable); what is left after decode is stream. Time spent " +
		"preempted is part of prefill or decode, and waits for remote KV, grammars and adapters are part of queue. V0 states " +
		"neither prefill nor decode: they are inferred from queue, first token and e2e. The spans vllm_queue, " +
		"vllm_async_kv_transfer, vllm_prefill and vllm_decode are read where they exist. Spans do not say that they are legs of a " +
		"disaggregated request: two of one request id are taken for them when the first answered one token before the other " +
		"began. Aborted requests have no span.",
	Verified: true,
	Engine:   true,
	Keys:     keys(latencyKeys, callKeys),
	Marks:    []string{"gen_ai.latency.*"},
	Names:    []string{"llm_request", "vllm_*"},
	Match: func(s *analyzer.Span) analyzer.Role {
		if isVLLM(s) {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		return readEngine(t, span, false)
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		switch t.Spans[span].Name {
		case "vllm_queue":
			return whole(t, span, analyzer.Queue, "")
		case "vllm_async_kv_transfer":
			return whole(t, span, analyzer.GPUTransfer, "kv_transfer")
		case "vllm_prefill":
			return whole(t, span, analyzer.Prefill, "")
		case "vllm_decode":
			return whole(t, span, analyzer.Decode, "")
		}
		if !isVLLM(&t.Spans[span]) {
			return nil
		}
		return latencyParts(t, span, false)
	},
}

// isVLLM tells the engine's span from one that somebody named llm_request, and from engines that use the same keys.
func isVLLM(s *analyzer.Span) bool {
	engine := strings.HasPrefix(scopeName(s), "vllm")
	if s.Name == "llm_request" {
		return engine || s.Kind == analyzer.SpanKindServer || hasKey(s, "gen_ai.latency.")
	}
	return engine && hasKey(s, "gen_ai.latency.")
}

// readEngine reads the call of an engine span with durations as attributes.
func readEngine(t *analyzer.Trace, span int32, negativeIsUnknown bool) analyzer.Call {
	s := &t.Spans[span]
	start, end := t.Extent(span)
	d := durations{length: end - start, negative: negativeIsUnknown}
	c := readCall(s)
	at := readLatencies(s, &d).layOut(start, end, &d.warnings)
	c.FirstToken, c.LastToken, c.Warnings = at.first, at.last, d.warnings
	return c
}

// latencyParts returns the parts of an engine span with durations as attributes.
func latencyParts(t *analyzer.Trace, span int32, negativeIsUnknown bool) []analyzer.Part {
	start, end := t.Extent(span)
	d := durations{length: end - start, negative: negativeIsUnknown}
	at := readLatencies(&t.Spans[span], &d).layOut(start, end, &d.warnings)
	return slices.Clone(at.parts[:at.count])
}

func scopeName(s *analyzer.Span) string {
	if s.Scope == nil {
		return ""
	}
	return s.Scope.Name
}

func hasKey(s *analyzer.Span, prefix string) bool {
	for i := range s.Attributes {
		if strings.HasPrefix(s.Attributes[i].Key, prefix) {
			return true
		}
	}
	return false
}
