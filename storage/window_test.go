package storage

import (
	"context"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func traceOf(n byte, start, end int64) []analyzer.Span {
	origin, scope := &analyzer.Resource{}, &analyzer.Scope{}
	id := analyzer.TraceID{n, 15: n}
	return []analyzer.Span{
		{TraceID: id, ID: analyzer.SpanID{1}, Start: start, End: end, Name: "root", Resource: origin, Scope: scope},
		{TraceID: id, ID: analyzer.SpanID{2}, Parent: analyzer.SpanID{1}, Start: start, End: start + 1, Name: "child", Resource: origin, Scope: scope},
	}
}

func TestWindowPicksWholeTracesThatOverlap(t *testing.T) {
	db := openNew(t)
	before, across, within, after := traceOf(1, 10, 99), traceOf(2, 50, 150), traceOf(3, 120, 130), traceOf(4, 200, 300)
	for _, spans := range [][]analyzer.Span{before, across, within, after} {
		insert(t, db, spans)
	}
	got := read(t, db, Query{Since: 100, Until: 200, Columns: AllColumns})
	sameSpans(t, got, append(append([]analyzer.Span{}, across...), within...))
	counts, err := db.Count(context.Background(), Query{Since: 100, Until: 200})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Traces: 2, Spans: 4, First: 50, Last: 150}); counts != want {
		t.Errorf("got %+v, want %+v", counts, want)
	}
	sameSpans(t, read(t, db, Query{TraceIDs: []analyzer.TraceID{{1, 15: 1}}, Columns: AllColumns}), before)
	sameSpans(t, read(t, db, Query{Since: 1000, Columns: AllColumns}), nil)
}
