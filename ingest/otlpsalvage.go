package ingest

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// salvage decodes the spans of a ResourceSpans one by one, after the whole could not be decoded: one bad span, or an
// end too early, must not cost its neighbours. What cannot be decoded is refused.
func (p *protoReader) salvage(record []byte, where string) {
	resource, scopes, _ := p.split(record, 2)
	kept, lost := len(p.batch), 0
	for _, scope := range scopes {
		shared, spans, whole := p.split(scope, 2)
		if !whole {
			lost++
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

// split returns the contents of one repeated field of a message, and all its other fields still encoded. whole is
// false when the message ends too early; the part of the field that is there counts as one of its contents, for the
// caller to try.
func (p *protoReader) split(message []byte, repeated protowire.Number) (rest []byte, contents [][]byte, whole bool) {
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
