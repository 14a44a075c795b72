package storage

import "github.com/slowtoken/slowtoken/analyzer"

// A traceRange is what trace_ranges says of the spans of one trace in one commit.
type traceRange struct {
	first, last, received int64
	spans                 uint32
	closed                bool
}

type traceRanges map[analyzer.TraceID]traceRange

func (r traceRanges) add(s *analyzer.Span, received int64, closed bool) {
	first, last := min(s.Start, s.End), max(s.Start, s.End)
	t, ok := r[s.TraceID]
	if !ok {
		t = traceRange{first: first, last: last, received: received, closed: closed}
	}
	r[s.TraceID] = traceRange{
		first: min(t.first, first), last: max(t.last, last), received: max(t.received, received),
		spans: t.spans + 1, closed: t.closed && closed,
	}
}

// append writes one row for each trace.
func (r traceRanges) append(c *conn) error {
	a, err := newAppender(c, "trace_ranges")
	if err != nil {
		return err
	}
	defer a.destroy()
	for id, t := range r {
		row := a.row
		putTraceID(a.cols[0], row, id)
		put(a.cols[1], row, bucketOf(id))
		put(a.cols[2], row, t.first)
		put(a.cols[3], row, t.last)
		put(a.cols[4], row, t.spans)
		put(a.cols[5], row, t.received)
		put(a.cols[6], row, t.closed)
		if err := a.next(); err != nil {
			return err
		}
	}
	return a.flush()
}
