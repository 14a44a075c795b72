package dialect

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The keys of OpenTelemetry's GenAI conventions that say what was asked and used; readCall reads them all. The names of
// the older generation come second.
var callKeys = []string{
	"gen_ai.operation.name",
	"gen_ai.request.model", "gen_ai.response.model", "gen_ai.request.id", "gen_ai.request.stream",
	"gen_ai.request.choice.count", "gen_ai.request.n",
	"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
	"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
	"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_tokens",
	"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
	"error.type",
}

// readCall reads what a span states about its call under the names of the GenAI conventions, both generations.
func readCall(s *analyzer.Span) analyzer.Call {
	c := analyzer.NoCall()
	older := analyzer.NoCall()
	for i := range s.Attributes {
		a := &s.Attributes[i]
		switch a.Key {
		case "gen_ai.operation.name":
			c.Operation, _ = a.Value.AsString()
		case "gen_ai.request.model":
			c.RequestModel, _ = a.Value.AsString()
		case "gen_ai.response.model":
			c.Model, _ = a.Value.AsString()
		case "gen_ai.request.id":
			c.RequestID, _ = a.Value.AsString()
		case "gen_ai.request.stream":
			c.Streaming = tristate(a.Value)
		case "gen_ai.request.choice.count":
			c.Sequences = count(a.Value)
		case "gen_ai.request.n":
			older.Sequences = count(a.Value)
		case "gen_ai.usage.input_tokens":
			c.InputTokens = count(a.Value)
		case "gen_ai.usage.prompt_tokens":
			older.InputTokens = count(a.Value)
		case "gen_ai.usage.output_tokens":
			c.OutputTokens = count(a.Value)
		case "gen_ai.usage.completion_tokens":
			older.OutputTokens = count(a.Value)
		case "gen_ai.usage.cache_read.input_tokens":
			c.CachedTokens = count(a.Value)
		case "gen_ai.usage.cached_tokens":
			older.CachedTokens = count(a.Value)
		case "gen_ai.usage.reasoning.output_tokens":
			c.ReasoningTokens = count(a.Value)
		case "gen_ai.usage.reasoning_tokens":
			older.ReasoningTokens = count(a.Value)
		case "error.type":
			c.ErrorType, _ = a.Value.AsString()
		}
	}
	for _, n := range [...]struct{ to, from *int64 }{
		{&c.Sequences, &older.Sequences}, {&c.InputTokens, &older.InputTokens}, {&c.OutputTokens, &older.OutputTokens},
		{&c.CachedTokens, &older.CachedTokens}, {&c.ReasoningTokens, &older.ReasoningTokens},
	} {
		if *n.to < 0 {
			*n.to = *n.from
		}
	}
	return c
}

// count reads a number of things; -1 for what cannot be one.
func count(v analyzer.Value) int64 {
	n, ok := v.Number()
	if !ok || !(n >= 0 && n < 1<<53) {
		return -1
	}
	return int64(math.Round(n))
}

func tristate(v analyzer.Value) analyzer.Tristate {
	b, ok := v.AsBool()
	if s, isText := v.AsString(); isText {
		b, ok = s == "true" || s == "True", true
	}
	switch {
	case !ok:
		return analyzer.Unknown
	case b:
		return analyzer.Yes
	}
	return analyzer.No
}

// keys joins lists of attribute keys.
func keys(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
