package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// Gateway is the dialect of slowtoken gateway.
var Gateway = client{
	name: "slowtoken-gateway",
	doc: "The request span of slowtoken gateway, told by slowtoken.gateway.slots, with the GenAI conventions' names for what " +
		"was asked and used. gen_ai.response.time_to_first_chunk is in seconds; each event gen_ai.content.chunk is one chunk as " +
		"it was passed on. The spans below it name the phases (slowtoken.phase). The gateway owns the queue, so it counts as the " +
		"engine. What is not explained, of answers that failed or were cut, cannot be separated.",
	verified: true,
	engine:   true,
	keys:     append(firstChunkNames(), "slowtoken.gateway.slots", "slowtoken.server.slots", "slowtoken.server.device"),
	marks:    []string{"slowtoken.gateway.slots"},
	match: func(s *analyzer.Span) analyzer.Role {
		if _, ok := s.Attributes.Get("slowtoken.gateway.slots"); ok {
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	read: readFirstChunk,
}.dialect()
