package storage

import (
	"context"
	"path/filepath"
	"slices"
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

func TestOpenTracesAreLeftOutAndCounted(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	db := openAt(t, path)
	receive := func(spans []analyzer.Span, at int64, o InsertOptions) {
		t.Helper()
		for i := range spans {
			spans[i].ReceivedAt = at
		}
		if err := db.Insert(ctx, spans, o); err != nil {
			t.Fatal(err)
		}
	}
	settled, growing, imported := traceOf(1, 0, 10), traceOf(2, 0, 10), traceOf(3, 0, 10)
	receive(settled, 1000, InsertOptions{})
	receive(growing[:1], 1000, InsertOptions{}) // its first span is old enough
	receive(growing[1:], 2000, InsertOptions{})
	receive(imported, 2000, InsertOptions{Closed: true})

	want := func(open int64, spans ...[]analyzer.Span) {
		t.Helper()
		q := Query{OpenSince: 1500, Columns: AllColumns}
		sameSpans(t, read(t, db, q), slices.Concat(spans...))
		counts, err := db.Count(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if counts.OpenTraces != open {
			t.Errorf("%d open traces, want %d", counts.OpenTraces, open)
		}
	}
	want(1, settled, imported)

	// A graceful stop closes all.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path)
	want(0, settled, growing, imported)
}

func TestPartitionsHoldWholeTracesOnce(t *testing.T) {
	db := openNew(t)
	want := newCorpus(2).spans(8000)
	insert(t, db, want)
	var all []analyzer.Span
	seen := map[analyzer.TraceID]int{}
	const parts = 7
	for part := range parts {
		spans := read(t, db, Query{Partition: part, Partitions: parts, Columns: AllColumns})
		if len(spans) < 8000/parts/2 {
			t.Errorf("part %d of %d has %d of 8000 spans", part, parts, len(spans))
		}
		for i := range spans {
			if in, ok := seen[spans[i].TraceID]; ok && in != part {
				t.Fatalf("trace %s is in the parts %d and %d", spans[i].TraceID, in, part)
			}
			seen[spans[i].TraceID] = part
		}
		all = append(all, spans...)
	}
	sameSpans(t, all, want)
	for _, err := range db.Spans(context.Background(), Query{Partition: 7, Partitions: 7}) {
		if err == nil {
			t.Error("part 7 of 7 was read")
		}
	}
}

// TestAnalysisColumnsHaveAllThatAnalysisReads: whatever the type of an attribute, and however often it is there, analysis
// sees what it would see in a file.
func TestAnalysisColumnsHaveAllThatAnalysisReads(t *testing.T) {
	db := openNew(t)
	spans := newCorpus(3).spans(4000)
	for i := range spans {
		switch i % 4 {
		case 1:
			spans[i].Attributes = (&filler{}).attributes()
			spans[i].Events = []analyzer.Event{{Time: 5, Name: "first_token", Attributes: analyzer.Attributes{{Key: "k", Value: analyzer.Int(1)}}}}
			spans[i].Links = []analyzer.Link{{SpanID: analyzer.SpanID{9}, Attributes: analyzer.Attributes{{Key: analyzer.RefType, Value: analyzer.String(analyzer.RefFollowsFrom)}}}}
		case 2:
			spans[i].Attributes = nil
		case 3:
			spans[i].Attributes = append(spans[i].Attributes, analyzer.Attribute{Key: analyzer.AnalysisKeys[i%len(analyzer.AnalysisKeys)], Value: analyzer.Int(7)})
		}
	}
	insert(t, db, spans)
	want := slices.Clone(spans)
	for i := range want {
		var hot analyzer.Attributes
		for _, a := range want[i].Attributes {
			isHot := func(h analyzer.HotAttribute) bool { return h.Key == a.Key }
			if slices.ContainsFunc(analyzer.HotAttributes, isHot) || slices.Contains(analyzer.AnalysisKeys, a.Key) {
				hot = append(hot, a)
			}
		}
		want[i].Attributes = hot
	}
	got := read(t, db, Query{Columns: AnalysisColumns})
	sameSpans(t, got, want)
}

func TestSpansOfOneResourceShareIt(t *testing.T) {
	db := openNew(t)
	insert(t, db, newCorpus(4).spans(8000))
	resources, scopes := map[*analyzer.Resource]bool{}, map[*analyzer.Scope]bool{}
	for _, columns := range []Columns{AnalysisColumns, AllColumns} {
		for _, s := range read(t, db, Query{Columns: columns}) {
			resources[s.Resource], scopes[s.Scope] = true, true
		}
	}
	if len(resources) != 4 || len(scopes) != 1 {
		t.Errorf("%d resources and %d scopes in memory, want 4 and 1", len(resources), len(scopes))
	}
}
