package analyzer

import (
	"cmp"
	"encoding/binary"
)

// traceNumber returns the trace id with that number.
func traceNumber(n uint64) (id TraceID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// spanNumber returns the span id with that number; zero is no id.
func spanNumber(n uint64) (id SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// reference returns a link as importers of OpenTracing sources write references.
func reference(kind string, to SpanID) Link {
	return Link{SpanID: to, Attributes: Attributes{{RefType, String(kind)}}}
}

// refer sets s's parent and links as importers of OpenTracing sources do (see [RefType]).
func (s *Span) refer(references []Link) {
	for i, r := range references {
		references[i].TraceID = cmp.Or(r.TraceID, s.TraceID)
		if kind := r.Attributes.Text(RefType); kind == RefChildOf {
			s.Parent = cmp.Or(s.Parent, r.SpanID)
		}
	}
	if len(references) > 0 {
		s.Parent = cmp.Or(s.Parent, references[0].SpanID)
	}
	if len(references) > 1 || len(references) == 1 && references[0].Attributes.Text(RefType) == RefFollowsFrom {
		s.Links = references
	}
}

// compareSpans orders spans by start, then longest first, then id: the order in which people read a trace.
func compareSpans(a, b *Span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), a.ID.Compare(b.ID))
}
