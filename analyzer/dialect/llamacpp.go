package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// LlamaCpp is the dialect of llama.cpp's server where it is built to write spans.
var LlamaCpp = client{
	name: "llama.cpp",
	doc: "The server's span of llama.cpp built with tracing. llama.predicted_ms (decode) and before it llama.prompt_ms (prefill), " +
		"both milliseconds, end with the span; the first token is inferred where decode begins. What is left before them is " +
		"frontend, queue and tokenize, not separable: the wait for a slot is in no field. Prompt tokens from the cache (llama.cache_tokens, " +
		"or GenAI's name for them) are not among gen_ai.usage.input_tokens there, and are added. llama.cpp as released writes no spans, and no client is known that writes its timings on spans: name them in a mapping " +
		"file. Source: https://github.com/martinjt/llama.cpp, tools/server/server-otel.cpp at 1b37acc5 and server-context.cpp at e257025c.",
	engine: true,
	keys:   []string{"llama.prompt_ms", "llama.predicted_ms", "llama.cache_tokens"},
	marks:  []string{"llama.prompt_ms", "llama.predicted_ms"},
	match:  func(*analyzer.Span) analyzer.Role { return analyzer.RoleInference },
	read: func(s *analyzer.Span, c *analyzer.Call, _ *firstChunk) {
		if v, ok := s.Attributes.Get("llama.cache_tokens"); ok && c.CachedTokens < 0 {
			c.CachedTokens = count(v)
		}
		if c.InputTokens >= 0 && c.CachedTokens > 0 { // the server states what it computed (timings.prompt_n)
			c.InputTokens += c.CachedTokens
		}
	},
}.withServerDurations(func(s *analyzer.Span, d *durations) serverDurations {
	out := noServerDurations()
	if v, ok := s.Attributes.Get("llama.prompt_ms"); ok {
		out.prefill = d.read(v, millisecond)
	}
	if v, ok := s.Attributes.Get("llama.predicted_ms"); ok {
		out.decode = d.read(v, millisecond)
	}
	return out
})
