package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// Predecessor is the dialect of the Python service that slowtoken succeeds.
var Predecessor = client{
	name: "python-predecessor",
	doc: "Spans generate, generate_stream and generate_batch of the Python service that came before slowtoken, with what is below " +
		"them: load_model, tokenize_input, model_generate (prefill and decode, not separable) and decode_output, which is " +
		"detokenize. What comes before them in the HTTP span is frontend: in that service mostly the wait for its event loop. metrics.ttft and inference.ttft are seconds; without streaming they are the " +
		"duration, and metrics.tpot is 0: then the first token is not measured.",
	engine: true,
	keys: []string{
		"prompt.tokens", "generation.completion_tokens", "metrics.ttft", "metrics.tpot", "inference.ttft", "inference.average_tpot",
	},
	marks: []string{"prompt.*", "generation.*", "metrics.ttft", "inference.*"},
	names: []string{"load_model", "tokenize_input", "tokenize_batch", "model_generate", "decode_output"},
	match: func(s *analyzer.Span) analyzer.Role {
		if isPredecessor(s) {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		if s.Name == "generate_stream" {
			c.Streaming = analyzer.Yes
		}
		for i := range s.Attributes {
			a := &s.Attributes[i]
			switch a.Key {
			case "prompt.tokens":
				c.InputTokens = count(a.Value)
			case "generation.completion_tokens":
				c.OutputTokens = count(a.Value)
			case "metrics.ttft", "inference.ttft":
				first.stated(a.Value, second)
			case "metrics.tpot", "inference.average_tpot":
				first.timePerToken(a.Value)
			}
		}
	},
	parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		s := &t.Spans[span]
		if below(t, span, isPredecessor) < 0 {
			return nil
		}
		switch s.Name {
		case "load_model":
			return whole(t, span, analyzer.ModelLoad, "")
		case "tokenize_input", "tokenize_batch":
			return whole(t, span, analyzer.Tokenize, "")
		case "model_generate":
			start, end := t.Extent(span)
			both := analyzer.SetOf(analyzer.Prefill, analyzer.Decode)
			return []analyzer.Part{{Start: start, End: end, Covers: both, Source: analyzer.SourceSpan}}
		case "decode_output":
			return whole(t, span, analyzer.Detokenize, "")
		}
		return nil
	},
}.dialect()

func isPredecessor(s *analyzer.Span) bool {
	switch s.Name {
	case "generate", "generate_stream", "generate_batch":
		return hasKey(s, "prompt.") || hasKey(s, "generation.")
	}
	return false
}
