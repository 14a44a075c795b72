package ingest

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// salvage decodes the spans of a ResourceSpans one by one, after the whole could not be decoded: one bad span, or an
// end too early, must not cost its neighbours. What cannot be decoded is refused. So is what came before an early end
// if its resource or scope, which may come last, is missing: without them spans are not what was sent. complete says
// that record did not end too early.
func (p *protoReader) salvage(record []byte, complete bool, where string) {
	resource, scopes, wellFormed := split(record, 2)
	complete = complete && wellFormed
	kept, lost := len(p.batch), 0
	for i, scope := range scopes {
		shared, spans, whole := split(scope, 2)
		whole = whole && (complete || i < len(scopes)-1)
		if !complete && !holds(resource, 1) || !whole && !holds(shared, 1) {
			lost += max(1, len(spans))
			continue
		}
		for _, span := range spans {
			scope := append(append([]byte{}, shared...), field(2, span)...)
			wire := field(1, append(append([]byte{}, resource...), field(2, scope)...))
			if checkProto(wire, traces) != nil || p.decodeTraces(wire, where) != nil {
				lost++
			}
		}
	}
	if lost == 0 && len(p.batch) == kept {
		lost = 1
	}
	p.refuse(where, ReasonBrokenProto, lost)
}

// holds reports whether a message that is well-formed has the field.
func holds(message []byte, wanted protowire.Number) bool {
	for len(message) > 0 {
		number, _, n := protowire.ConsumeField(message)
		if n < 0 || number == wanted {
			return n >= 0
		}
		message = message[n:]
	}
	return false
}

// split returns the contents of one repeated field of a message, and all its other fields still encoded. whole is
// false when the message ends too early; the part of the field that is there counts as one of its contents, for the
// caller to try.
func split(message []byte, repeated protowire.Number) (rest []byte, contents [][]byte, whole bool) {
	for len(message) > 0 {
		number, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return rest, contents, false
		}
		if number == repeated && typ == protowire.BytesType {
			length, m := protowire.ConsumeVarint(message[n:])
			if m < 0 {
				return rest, contents, false
			}
			body := message[n+m:]
			if length > uint64(len(body)) {
				return rest, append(contents, body), false
			}
			contents = append(contents, body[:length])
			message = body[length:]
			continue
		}
		m := protowire.ConsumeFieldValue(number, typ, message[n:])
		if m < 0 {
			return rest, contents, false
		}
		rest = append(rest, message[:n+m]...)
		message = message[n+m:]
	}
	return rest, contents, true
}

func field(number protowire.Number, contents []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), contents)
}
