package dialect

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// OpenLIT is the dialect of OpenLIT's SDKs.
var OpenLIT = client{
	name: "openlit",
	doc: "Spans of OpenLIT, told by their scope or by telemetry.sdk.name on the span. Names are those of otel-genai; beside them " +
		"gen_ai.server.time_to_first_token (seconds) is the first chunk's. Of an answer that was not streamed it is the duration, " +
		"with gen_ai.server.time_per_output_token 0: then the first token is not measured. The SDK for JavaScript counts it from when " +
		"the answer's headers came, so it is not used there. gen_ai.server.time_per_output_token is a mean of gaps between chunks " +
		"and is read only for that. A caller's view: network, queue and prefill cannot be separated. Tested against recordings of " +
		"1.15.0 for JavaScript; that for Python is read by its source: https://github.com/openlit/openlit, " +
		"sdk/python/src/openlit/__helpers.py.",
	keys:  append([]string{"telemetry.sdk.name"}, firstChunkNames()...),
	marks: []string{"telemetry.sdk.name", "gen_ai.*"},
	match: func(s *analyzer.Span) analyzer.Role {
		if !isOpenLIT(s) {
			return analyzer.RoleNone
		}
		return operationRole(s.Attributes.Text("gen_ai.operation.name"))
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		readFirstChunk(s, c, first)
		if strings.HasPrefix(scopeName(s), "@openlit/") && first.after >= 0 {
			first.after = unknown
			first.warnings.Add(analyzer.WarnTTFTUnmeasured, 1)
		}
	},
}.dialect()

func isOpenLIT(s *analyzer.Span) bool {
	scope := scopeName(s)
	return strings.HasPrefix(scope, "@openlit/") || strings.HasPrefix(scope, "openlit") ||
		s.Attributes.Text("telemetry.sdk.name") == "openlit"
}
