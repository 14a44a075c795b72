package analyzer

import "encoding/binary"

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
