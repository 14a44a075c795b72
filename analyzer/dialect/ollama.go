package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// ollamaSpellings are how clients write the durations of Ollama's answers (total_duration and its like) on their spans.
var ollamaSpellings = []struct {
	before, after string
	unit          Unit
	source        string
}{
	{"ollama.", "_ns", "ns", "traceAI: https://github.com/future-agi/traceAI, python/frameworks/ollama/traceai_ollama/_response_attributes_extractor.py at b025fd19"},
	{"llm.ollama.", "", "ns", "OpenLLMetry: https://github.com/traceloop/openllmetry/pull/4194"},
	{"langwatch.ollama.", "", "s", "LangWatch for Go: https://github.com/langwatch/langwatch, sdk-go/instrumentation/ollama/usage.go at 8a6a47d1"},
	{"gen_ai.ollama.response.", "", "dotnet", "Microsoft.Extensions.AI over OllamaSharp: https://github.com/awaescher/OllamaSharp, src/MicrosoftAi/AbstractionMapper.cs at 0099f699"},
	{"", "", "dotnet", "the same, under conventions after 1.36"},
}

// An ollamaKey is what one attribute states.
type ollamaKey struct {
	field func(*serverDurations) *int64
	unit  Unit
	bare  bool // the name is anybody's; only its form tells that it is Ollama's
}

var ollamaKeys, ollamaKeyNames = func() (table map[string]ollamaKey, names []string) {
	table = map[string]ollamaKey{}
	for _, spelling := range ollamaSpellings {
		for name, field := range map[string]func(*serverDurations) *int64{
			"total_duration":       func(d *serverDurations) *int64 { return &d.total },
			"load_duration":        func(d *serverDurations) *int64 { return &d.load },
			"prompt_eval_duration": func(d *serverDurations) *int64 { return &d.prefill },
			"eval_duration":        func(d *serverDurations) *int64 { return &d.decode },
		} {
			key := spelling.before + name + spelling.after
			table[key] = ollamaKey{field, spelling.unit, spelling.before == ""}
		}
		for _, name := range []string{"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
			names = append(names, spelling.before+name+spelling.after)
		}
	}
	return table, names
}()

// ollamaView reads what a caller's span of Ollama states beside those durations.
var ollamaView = client{
	name: "ollama",
	doc: "A caller's span of Ollama with the durations of its answer, in the unit of the attribute's spelling. load_duration is " +
		"model_load from the start; it holds the wait for a model to be evicted, and reading and copying weights, not separable. " +
		"eval_duration (decode) and before it prompt_eval_duration (prefill) end with the span, or lie around the first chunk where " +
		"the caller states one; else the first token is inferred where decode begins, unless the answer was not streamed. What is left " +
		"is queue and tokenize, not separable, because no field of Ollama holds the wait for a slot; what total_duration leaves of " +
		"the span is network, of which only the sum is known, and of a streamed answer without the caller's first chunk also the time " +
		"in which the stream was read to its end; without total_duration network is not separable either. Durations of " +
		"answers that ran in one batch overlap. Spellings: " + ollamaSources(),
	keys:  append(append([]string{"llm.is_streaming", "llm.request.type"}, ollamaKeyNames...), firstChunkNames()...),
	marks: ollamaKeyNames,
	match: func(s *analyzer.Span) analyzer.Role {
		for i := range s.Attributes {
			if _, ok := ollamaStatement(&s.Attributes[i]); ok {
				return analyzer.RoleInference
			}
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		if v, ok := s.Attributes.Get("llm.is_streaming"); ok && c.Streaming == analyzer.Unknown {
			c.Streaming = tristate(v)
		}
		if c.Operation == "" {
			c.Operation = s.Attributes.Text("llm.request.type")
		}
		readFirstChunk(s, c, first)
		first.events(s, isCompletionChunk)
		first.everyChunk(s, isCompletionChunk)
	},
}

func ollamaSources() (text string) {
	for _, spelling := range ollamaSpellings {
		text += spelling.before + "eval_duration" + spelling.after + " (" + unitWords[spelling.unit] + "; " + spelling.source + "). "
	}
	return text[:len(text)-1]
}

var unitWords = map[Unit]string{"ns": "nanoseconds", "s": "seconds", "dotnet": "a TimeSpan as text"}

// ollamaStatement returns what an attribute states of Ollama's durations, if anything.
func ollamaStatement(a *analyzer.Attribute) (ollamaKey, bool) {
	key, ok := ollamaKeys[a.Key]
	if ok && key.bare {
		text, _ := a.Value.AsString()
		ok = timeSpan.MatchString(text)
	}
	return key, ok
}

// Ollama is the dialect of Ollama's callers.
var Ollama = ollamaView.withServerDurations(func(s *analyzer.Span, d *durations) serverDurations {
	out := noServerDurations()
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if key, ok := ollamaStatement(a); ok && *key.field(&out) < 0 {
			*key.field(&out) = d.readUnit(a.Value, key.unit)
		}
	}
	return out
})
