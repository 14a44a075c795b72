package analyzer

import (
	"slices"
	"testing"
)

func TestNoSpansAreAnEmptyTrace(t *testing.T) {
	trace := NewTrace(nil)
	if len(trace.Roots()) != 0 || len(trace.CriticalPath()) != 0 || len(trace.Warnings) != 0 {
		t.Fatalf("an empty trace has roots %v, path %v, warnings %v", trace.Roots(), trace.CriticalPath(), trace.Warnings)
	}
}

func TestTraceKeepsWhatSpansState(t *testing.T) {
	backwards := Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 50, End: 30, Name: "backwards"}
	trace := NewTrace([]Span{backwards})
	if !trace.Spans[0].Equal(&backwards) {
		t.Fatalf("got %+v, want it as received: %+v", trace.Spans[0], backwards)
	}
	if start, end := trace.Extent(0); start != 50 || end != 50 {
		t.Fatalf("extent [%d, %d], want [50, 50]", start, end)
	}
}

func TestCopyThatCameFirstIsKept(t *testing.T) {
	for _, order := range [][]int64{{7, 9, 8}, {8, 7, 9}, {9, 8, 7}} {
		var spans []Span
		for _, at := range order {
			spans = append(spans, Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 1, End: 2, ReceivedAt: at})
		}
		trace := NewTrace(spans)
		if len(trace.Spans) != 1 || trace.Spans[0].ReceivedAt != 7 || trace.Warnings[WarnDuplicateExact] != 2 {
			t.Fatalf("received at %v: kept %v, warnings %v", order, trace.Spans[0].ReceivedAt, trace.Warnings)
		}
	}
}

func TestReferencesIntoOtherTracesAreNoParents(t *testing.T) {
	call := Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: 100}
	elsewhere := reference(RefChildOf, call.ID)
	elsewhere.TraceID = traceNumber(2)
	linked := Span{TraceID: traceNumber(1), ID: spanNumber(2), Start: 10, End: 20, Links: []Link{elsewhere}}
	trace := NewTrace([]Span{call, linked})
	if trace.Parent(1) != -1 || trace.Repaired(1) != "" {
		t.Fatalf("parent %d (%q), want a root that came as one", trace.Parent(1), trace.Repaired(1))
	}
}

// What made a span a child that nobody waits for is gone with its parent.
func TestRootOfACutLoopIsWaitedFor(t *testing.T) {
	first := Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: 100, Kind: SpanKindConsumer, Parent: spanNumber(2)}
	second := Span{TraceID: traceNumber(1), ID: spanNumber(2), Start: 10, End: 20, Kind: SpanKindProducer, Parent: first.ID}
	trace := NewTrace([]Span{first, second})
	if trace.Async(0) || trace.Repaired(0) != WarnCycleBroken || trace.Parent(1) != 0 {
		t.Fatalf("async %v, repaired %q, parents %d and %d", trace.Async(0), trace.Repaired(0), trace.Parent(0), trace.Parent(1))
	}
}

func TestPlainLinksAreNoParents(t *testing.T) {
	call := Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: 100}
	linked := Span{TraceID: traceNumber(1), ID: spanNumber(2), Start: 10, End: 20, Links: []Link{{TraceID: traceNumber(1), SpanID: call.ID}}}
	trace := NewTrace([]Span{call, linked})
	if trace.Parent(1) != -1 {
		t.Fatalf("parent %d, want a root", trace.Parent(1))
	}
}

// Only links that name the parent are the references of an OpenTracing source; bridges and translators write others.
func TestReferencesAreThoseThatNameTheParent(t *testing.T) {
	call := Span{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: 100}
	first := Span{TraceID: traceNumber(1), ID: spanNumber(2), Start: 10, End: 20, Parent: call.ID}
	link := func(kind string, to uint64) []Link {
		l := reference(kind, spanNumber(to))
		l.TraceID = traceNumber(1)
		return []Link{l}
	}
	for _, c := range []struct {
		name   string
		parent SpanID
		links  []Link
		want   int32
		async  bool
		cause  string
	}{
		{"links that do not name the parent leave it alone", call.ID, link(RefFollowsFrom, 2), 0, false, ""},
		{"a link says that the span follows its parent", call.ID, link(RefFollowsFrom, 1), 0, true, ""},
		{"links that do not name an absent parent are none", spanNumber(9), link(RefChildOf, 2), -1, false, WarnOrphan},
		{"a root's links are no parents", SpanID{}, link(RefChildOf, 2), -1, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			last := Span{TraceID: traceNumber(1), ID: spanNumber(3), Start: 30, End: 40, Parent: c.parent, Links: c.links}
			trace := NewTrace([]Span{call, first, last})
			if trace.Parent(2) != c.want || trace.Async(2) != c.async || trace.Repaired(2) != c.cause {
				t.Fatalf("parent %d, async %v, repaired %q", trace.Parent(2), trace.Async(2), trace.Repaired(2))
			}
		})
	}
}

func TestEveryAssemblyWarningSaysWhatItCounts(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range AssemblyWarnings {
		if w.Meaning == "" || seen[w.Name] {
			t.Errorf("%q is listed twice or without a meaning", w.Name)
		}
		seen[w.Name] = true
	}
	spans := slices.Concat(
		[]Span{{ID: spanNumber(1), Start: 0, End: 10, Kind: SpanKindProducer}, {ID: spanNumber(1), Start: 0, End: 9}},
		[]Span{{ID: spanNumber(2), Parent: spanNumber(2), End: 10}, {ID: spanNumber(3), Parent: spanNumber(4), End: 10}},
		[]Span{{ID: spanNumber(5), Parent: spanNumber(6), End: 10}, {ID: spanNumber(6), Parent: spanNumber(5), End: 20}},
		[]Span{{ID: spanNumber(7), Parent: spanNumber(1), Start: 5, End: 12}, {ID: spanNumber(8), Parent: spanNumber(1), Start: 15, End: 12}},
		[]Span{{ID: spanNumber(9), Parent: spanNumber(1), Kind: SpanKindConsumer}, {ID: spanNumber(9), Parent: spanNumber(1), Kind: SpanKindConsumer}},
	)
	for i := range spans {
		spans[i].TraceID = traceNumber(1)
	}
	warnings := NewTrace(spans).Warnings
	for name := range warnings {
		if !seen[name] {
			t.Errorf("%q is not listed", name)
		}
	}
	for name := range seen {
		if warnings[name] == 0 {
			t.Errorf("%q does not occur: %v", name, warnings)
		}
	}
}
