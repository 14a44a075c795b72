package dialect

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Dynamo is the dialect of NVIDIA Dynamo: its frontend, its KV router and the handlers of its workers.
var Dynamo = analyzer.Dialect{
	Name: "dynamo",
	Doc: "Spans of NVIDIA Dynamo. handle_payload is a worker's view of a call: component \"prefill\" is the prefill leg of a " +
		"disaggregated request, \"backend\" its decode leg, or the whole call; legs are joined by x_dynamo_request_id or " +
		"x_request_id. A handler is opaque: on a prefill worker queue, prefill and KV transfer (gpu_transfer) cannot be separated, " +
		"on a decode worker KV transfer, queue and decode, else all of them, and the first token is not stated. Engine spans below " +
		"a handler are finer and are read by their own dialects. busy_ns and idle_ns say for how long a handler ran and waited, not " +
		"when: they are not read. http-request, of the frontend, and kv_router.route_request, which sends to a worker and may end " +
		"before the handler does, are envelopes. What lies outside of the handlers is frontend and network, not separable. The " +
		"other kv_router spans are gateway; in kv_router.schedule queue and gateway cannot be separated. " +
		"Sources: https://github.com/ai-dynamo/dynamo, docs/backends/sglang/sglang-observability.md at 2035594b (spans), " +
		"lib/runtime/src/pipeline/network/ingress/http_endpoint.rs at a3b183eb (attributes of handle_payload).",
	Engine: true,
	Keys:   keys([]string{"component", "phase", "x_request_id", "x_dynamo_request_id"}, callKeys),
	Names:  []string{"http-request", "handle_payload", "kv_router.*"},
	Match: func(s *analyzer.Span) analyzer.Role {
		switch {
		case isHandler(s):
			return analyzer.RoleInference
		case s.Name == "http-request" || s.Name == dynamoRoute:
			return analyzer.RoleEnvelope
		}
		return analyzer.RoleNone
	},
	Call: func(t *analyzer.Trace, span int32) analyzer.Call {
		s := &t.Spans[span]
		if !isHandler(s) {
			return httpCall(s)
		}
		c := readCall(s)
		c.RequestID = cmp.Or(c.RequestID, s.Attributes.Text("x_dynamo_request_id"), s.Attributes.Text("x_request_id"))
		c.Leg = dynamoLeg(t, span)
		return c
	},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		switch s := &t.Spans[span]; {
		case isHandler(s):
			return handlerParts(t, span)
		case s.Name == "http-request":
			return dynamoFrontend(t, span)
		case s.Name == dynamoRoute:
			return opaque(t, span, analyzer.Gateway, analyzer.Network)
		case s.Name == "kv_router.schedule":
			return opaque(t, span, analyzer.Gateway, analyzer.Queue)
		case s.Name == "kv_router.select_worker", s.Name == "kv_router.find_matches",
			s.Name == "kv_router.compute_block_hashes", s.Name == "kv_router.compute_seq_hashes":
			return whole(t, span, analyzer.Gateway, "")
		}
		return nil
	},
}

const dynamoRoute = "kv_router.route_request"

// isHandler tells a worker that serves calls from handlers of other components.
func isHandler(s *analyzer.Span) bool {
	if s.Name != "handle_payload" {
		return false
	}
	component := s.Attributes.Text("component")
	return component == "prefill" || component == "backend"
}

// dynamoLeg returns which leg a handler is. Only the route to a backend tells whether a prefill worker went before it.
func dynamoLeg(t *analyzer.Trace, handler int32) analyzer.Leg {
	if t.Spans[handler].Attributes.Text("component") == "prefill" {
		return analyzer.LegPrefill
	}
	route := t.Parent(handler)
	if route >= 0 && t.Spans[route].Name == dynamoRoute && t.Spans[route].Attributes.Text("phase") == "Decode" {
		return analyzer.LegDecode
	}
	return analyzer.LegNone
}

func handlerParts(t *analyzer.Trace, span int32) []analyzer.Part {
	switch dynamoLeg(t, span) {
	case analyzer.LegPrefill:
		return opaque(t, span, analyzer.Queue, analyzer.Prefill, analyzer.GPUTransfer)
	case analyzer.LegDecode:
		return opaque(t, span, analyzer.GPUTransfer, analyzer.Queue, analyzer.Decode)
	}
	return opaque(t, span, analyzer.Queue, analyzer.Prefill, analyzer.GPUTransfer, analyzer.Decode)
}

// opaque returns all of a span's time as phases that cannot be told apart.
func opaque(t *analyzer.Trace, span int32, phases ...analyzer.Phase) []analyzer.Part {
	start, end := t.Extent(span)
	return []analyzer.Part{{Start: start, End: end, Covers: analyzer.SetOf(phases...), Source: analyzer.SourceInferred}}
}

// dynamoFrontend returns the phases of the frontend's span. It takes the handlers' time, too: a route ends when the answer
// begins to come, and what its handler does from then on is outside of the route.
func dynamoFrontend(t *analyzer.Trace, span int32) (parts []analyzer.Part) {
	descendants(t, span, func(i int32) bool {
		if !isHandler(&t.Spans[i]) {
			return t.Spans[i].Name != "http-request"
		}
		engine := engineParts(t, i)
		if engine == nil {
			engine = handlerParts(t, i)
		}
		parts = append(parts, engine...)
		return false
	})
	if parts == nil {
		return nil // of somebody else
	}
	slices.SortStableFunc(parts, func(a, b analyzer.Part) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	return append(parts, opaque(t, span, analyzer.Frontend, analyzer.Network)...)
}

// engineParts returns what the engine below a handler states.
func engineParts(t *analyzer.Trace, handler int32) (parts []analyzer.Part) {
	descendants(t, handler, func(i int32) bool {
		for _, engine := range [...]*analyzer.Dialect{&TensorRT, &VLLM, &SGLang} {
			if engine.Match(&t.Spans[i]) == analyzer.RoleInference {
				parts = append(parts, engine.Parts(t, i)...)
				return false
			}
		}
		return true
	})
	return parts
}
