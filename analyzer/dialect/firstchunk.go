package dialect

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A firstChunkKey is an attribute that states the time from a span's start to its first chunk.
type firstChunkKey struct {
	key    string
	unit   float64
	writer string // only on spans whose gen_ai.system or gen_ai.provider.name this is; "" for all
}

// firstChunkKeys and firstChunkEvents are the signals of a first chunk that callers' spans carry under names of no
// dialect's own. For one key the first entry that fits a span holds.
var firstChunkKeys = []firstChunkKey{
	{"gen_ai.response.time_to_first_chunk", second, ""},                  // OpenTelemetry's conventions
	{"gen_ai.server.time_to_first_token", millisecond, "strands-agents"}, // strands-agents/sdk-python, telemetry/tracer.py at 006ad58f
	{"gen_ai.server.time_to_first_token", second, ""},                    // OpenLIT: openlit/openlit, sdk/python/src/openlit/__helpers.py
	{"gen_ai.response.time_to_first_token", second, ""},                  // Sentry: getsentry/sentry-python #5348; see wholeNanoseconds
	{"ttft_ms", millisecond, ""},                                         // Claude Code: pinpoint-apm/pinpoint #14169
}

var firstChunkEvents = []string{chunkEvent, "first_token", "llm.first_token"} // langwatch/langwatch #3226

// chunkEvent is the one of firstChunkEvents that comes once for every chunk.
const chunkEvent = "gen_ai.content.chunk"

// firstChunkNames returns the keys of firstChunkKeys, and those that go with them.
func firstChunkNames() []string {
	list := []string{"gen_ai.system", "gen_ai.provider.name", "gen_ai.server.time_per_output_token", "gen_ai.request.is_stream"}
	for _, k := range firstChunkKeys {
		if !slices.Contains(list, k.key) {
			list = append(list, k.key)
		}
	}
	return list
}

// readFirstChunk takes what a span states of its first chunk under those names.
func readFirstChunk(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
	if v, ok := s.Attributes.Get("gen_ai.request.is_stream"); ok && c.Streaming == analyzer.Unknown {
		c.Streaming = tristate(v)
	}
	read := ""
	for _, k := range firstChunkKeys {
		v, ok := s.Attributes.Get(k.key)
		if !ok || k.key == read || k.writer != "" && k.writer != provider(s) {
			continue
		}
		read = k.key
		if k.key == "gen_ai.response.time_to_first_token" && wholeNanoseconds(v) {
			first.stated(v, nanosecond)
			continue
		}
		first.stated(v, k.unit)
	}
	if v, ok := s.Attributes.Get("gen_ai.server.time_per_output_token"); ok {
		first.timePerToken(v)
	}
	first.events(s, func(name string) bool { return slices.Contains(firstChunkEvents, name) })
	first.everyChunk(s, func(name string) bool { return name == chunkEvent })
}

// wholeNanoseconds tells the nanoseconds of LoongSuite's instrumentations from the seconds of others: no answer takes a
// million seconds to begin, and none begins within a millisecond.
func wholeNanoseconds(v analyzer.Value) bool {
	n, ok := v.Number()
	return ok && n >= 1e6
}

// provider returns who answers, as spans of the GenAI conventions name it.
func provider(s *analyzer.Span) string {
	if name := s.Attributes.Text("gen_ai.provider.name"); name != "" {
		return name
	}
	return s.Attributes.Text("gen_ai.system")
}
