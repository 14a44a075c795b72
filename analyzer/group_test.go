package analyzer

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGroupByTraceIsSortingByTraceID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.Custom(func(t *rapid.T) (id TraceID) {
			id[0] = rapid.SampledFrom([]byte{0, 1, 0xff}).Draw(t, "high")
			id[15] = rapid.ByteRange(0, 60).Draw(t, "low")
			return id
		})
		var spans []Span
		for i, id := range rapid.SliceOfN(ids, 0, 200).Draw(t, "trace ids") {
			for range rapid.IntRange(1, 3).Draw(t, "run") {
				spans = append(spans, Span{TraceID: id, ID: spanNumber(uint64(len(spans)) + 1), Start: int64(i)})
			}
		}
		want := slices.SortedFunc(slices.Values(spans), func(a, b Span) int {
			return cmp.Or(a.TraceID.Compare(b.TraceID), compareSpans(&a, &b))
		})
		var got []Span
		var last *Trace
		for trace := range GroupByTrace(slices.Clone(spans)) {
			if last != nil && last.ID.Compare(trace.ID) >= 0 {
				t.Fatalf("trace %s comes after %s", trace.ID, last.ID)
			}
			last = trace
			got = append(got, trace.Spans...)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("(-sorted +grouped):\n%s", diff)
		}
	})
}

func TestGroupByTraceCanBeLeftEarly(t *testing.T) {
	spans := []Span{{TraceID: traceNumber(2)}, {TraceID: traceNumber(1)}, {TraceID: traceNumber(3)}}
	for trace := range GroupByTrace(spans) {
		if trace.ID != traceNumber(1) {
			t.Fatalf("the first trace is %s", trace.ID)
		}
		break
	}
}

func TestGroupByTraceKeepsManyInterleavedTracesApart(t *testing.T) {
	const traces = 10_000
	var spans []Span
	for i := range 3 * traces {
		spans = append(spans, Span{TraceID: traceNumber(uint64(i % traces)), ID: spanNumber(uint64(i) + 1)})
	}
	next := uint64(0)
	for trace := range GroupByTrace(spans) {
		if trace.ID != traceNumber(next) || len(trace.Spans) != 3 {
			t.Fatalf("trace %s has %d spans, want trace %d with 3", trace.ID, len(trace.Spans), next)
		}
		next++
	}
	if next != traces {
		t.Fatalf("%d traces, want %d", next, traces)
	}
}
