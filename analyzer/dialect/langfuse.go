package dialect

import (
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Langfuse is the dialect of Langfuse: its SDKs and the exports of its observations.
var Langfuse = client{
	name: "langfuse",
	doc: "Observations of Langfuse. langfuse.observation.type tells generations and embeddings (inference), tools and agents " +
		"apart; langfuse.observation.completion_start_time (ISO 8601) is the first chunk. A caller's view: network, queue and " +
		"prefill cannot be separated.",
	verified: true,
	keys:     []string{"langfuse.observation.type", "langfuse.observation.completion_start_time"},
	marks:    []string{"langfuse.observation.*"},
	match: func(s *analyzer.Span) analyzer.Role {
		switch strings.ToUpper(s.Attributes.Text("langfuse.observation.type")) {
		case "GENERATION", "EMBEDDING":
			return analyzer.RoleInference
		case "TOOL":
			return analyzer.RoleTool
		case "AGENT", "CHAIN":
			return analyzer.RoleAgent
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		if strings.EqualFold(s.Attributes.Text("langfuse.observation.type"), "EMBEDDING") && c.Operation == "" {
			c.Operation = "embeddings"
		}
		text := strings.Trim(s.Attributes.Text("langfuse.observation.completion_start_time"), `"`)
		if text == "" {
			return
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			first.warnings.Add(analyzer.WarnDurationRefused, 1)
			return
		}
		first.seenAt(at.UnixNano())
	},
}.dialect()
