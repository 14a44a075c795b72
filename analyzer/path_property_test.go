package analyzer

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anySpans draws one trace's spans with everything that goes wrong: few ids, few instants, parents that are absent, own
// or in loops, copies, references, lengths of zero and below.
var anySpans = rapid.Custom(func(t *rapid.T) []Span {
	ids := rapid.Uint64Range(1, 12)
	instants := rapid.Int64Range(0, 30)
	kinds := rapid.SampledFrom([]SpanKind{SpanKindInternal, SpanKindClient, SpanKindServer, SpanKindProducer, SpanKindConsumer})
	span := rapid.Custom(func(t *rapid.T) Span {
		s := Span{TraceID: traceNumber(1), ID: spanNumber(ids.Draw(t, "id")), Kind: kinds.Draw(t, "kind")}
		s.Start = timelineBase + instants.Draw(t, "start")
		s.End = s.Start + rapid.Int64Range(-2, 30).Draw(t, "length")
		if rapid.Bool().Draw(t, "has parent") {
			s.Parent = spanNumber(ids.Draw(t, "parent"))
		}
		if rapid.IntRange(0, 4).Draw(t, "has references") == 0 {
			s.refer(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Link {
				kind := rapid.SampledFrom([]string{RefChildOf, RefFollowsFrom, "other"}).Draw(t, "reference")
				return reference(kind, spanNumber(ids.Draw(t, "to")))
			}), 1, 3).Draw(t, "references"))
		}
		return s
	})
	spans := rapid.SliceOfN(span, 1, 30).Draw(t, "spans")
	for range rapid.IntRange(0, 2).Draw(t, "copies") {
		spans = append(spans, rapid.SampledFrom(spans).Draw(t, "copy"))
	}
	return spans
})

// treeSpans draws a trace of one root and spans below it, with times anywhere.
var treeSpans = rapid.Custom(func(t *rapid.T) []Span {
	n := rapid.IntRange(1, 20).Draw(t, "spans")
	spans := make([]Span, n)
	for i := range spans {
		start := timelineBase + rapid.Int64Range(0, 60).Draw(t, "start")
		spans[i] = Span{TraceID: traceNumber(1), ID: spanNumber(uint64(i) + 1), Start: start, End: start + rapid.Int64Range(0, 40).Draw(t, "length")}
		if i > 0 {
			spans[i].Parent = spanNumber(uint64(rapid.IntRange(1, i).Draw(t, "parent")))
		}
	}
	spans[0].Start, spans[0].End = timelineBase, timelineBase+100
	return spans
})

func assemble(spans []Span) *Trace { return NewTrace(slices.Clone(spans)) }

func TestPathTilesRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requireTiled(t, assemble(anySpans.Draw(t, "trace")))
	})
}

func TestPathIsThatOfThePlainReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := assemble(anySpans.Draw(t, "trace"))
		var want []Interval
		for _, r := range trace.Roots() {
			start, end := trace.Extent(r)
			want = append(want, plainWalk(trace, r, start, end)...)
		}
		if diff := gocmp.Diff(want, trace.CriticalPath()); diff != "" {
			t.Fatalf("(-plain +path):\n%s", diff)
		}
	})
}

// plainWalk is the definition of the walk, word for word: quadratic and recursive.
func plainWalk(t *Trace, span int32, start, end int64) []Interval {
	type window struct {
		child      int32
		start, end int64
	}
	var kids []window
	for _, c := range t.Children(span) {
		s, e := t.Extent(c)
		if s, e = max(s, start), min(e, end); !t.Async(c) && s < e {
			kids = append(kids, window{c, s, e})
		}
	}
	slices.SortFunc(kids, func(a, b window) int {
		return cmp.Or(cmp.Compare(b.end, a.end), cmp.Compare(a.start, b.start), t.Spans[a.child].ID.Compare(t.Spans[b.child].ID), cmp.Compare(a.child, b.child))
	})
	var path []Interval
	now := end
	for _, k := range kids {
		if k.end > now {
			continue
		}
		if k.end < now {
			path = append([]Interval{{span, k.end, now}}, path...)
		}
		path = append(plainWalk(t, k.child, k.start, k.end), path...)
		now = k.start
	}
	if start < now {
		path = append([]Interval{{span, start, now}}, path...)
	}
	return path
}

func TestPathIgnoresInputOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := anySpans.Draw(t, "trace")
		want, got := assemble(spans), assemble(rapid.Permutation(spans).Draw(t, "order"))
		if diff := gocmp.Diff(want.Spans, got.Spans); diff != "" {
			t.Fatalf("spans in another order differ:\n%s", diff)
		}
		if diff := gocmp.Diff(want.Warnings, got.Warnings); diff != "" {
			t.Fatalf("warnings in another order differ:\n%s", diff)
		}
		if diff := gocmp.Diff(want.CriticalPath(), got.CriticalPath()); diff != "" {
			t.Fatalf("path in another order differs:\n%s", diff)
		}
	})
}

// requireMapped fails unless the path of spans with all times mapped is the path of spans with its times mapped.
func requireMapped(t *rapid.T, spans []Span, mapped func(int64) int64) {
	want := assemble(spans).CriticalPath()
	for i := range want {
		want[i].Start, want[i].End = mapped(want[i].Start), mapped(want[i].End)
	}
	moved := slices.Clone(spans)
	for i := range moved {
		moved[i].Start, moved[i].End = mapped(moved[i].Start), mapped(moved[i].End)
	}
	if diff := gocmp.Diff(want, assemble(moved).CriticalPath()); diff != "" {
		t.Fatalf("(-mapped path +path of mapped):\n%s", diff)
	}
}

func TestPathShiftInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.Int64Range(-timelineBase, 1<<40).Draw(t, "by")
		requireMapped(t, anySpans.Draw(t, "trace"), func(at int64) int64 { return at + by })
	})
}

func TestPathScales(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.Int64Range(1, 1e6).Draw(t, "factor")
		requireMapped(t, anySpans.Draw(t, "trace"), func(at int64) int64 { return timelineBase + (at-timelineBase)*factor })
	})
}

// A leaf on the path that takes k ns longer, with everything that waits for it, makes the root k ns longer, and all of
// it is the leaf's.
func TestSlowerLeafOnPathLengthensRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := treeSpans.Draw(t, "trace")
		trace := assemble(spans)
		path := trace.CriticalPath()
		slow := rapid.SampledFrom(path).Draw(t, "slow")
		k := rapid.Int64Range(1, 1000).Draw(t, "k")
		longer := slices.Clone(trace.Spans)
		for i := range longer {
			for _, at := range []*int64{&longer[i].Start, &longer[i].End} {
				if *at >= slow.End {
					*at += k
				}
			}
		}
		want := exclusive(trace)
		want[trace.Spans[slow.Span].ID] += k
		if diff := gocmp.Diff(want, exclusive(assemble(longer))); diff != "" {
			t.Fatalf("time on the path by span (-want +got):\n%s", diff)
		}
	})
}

// exclusive returns each span's nanoseconds on the path.
func exclusive(t *Trace) map[SpanID]int64 {
	ns := map[SpanID]int64{}
	for _, s := range t.CriticalPath() {
		ns[t.Spans[s.Span].ID] += s.End - s.Start
	}
	return ns
}

func TestWalkTilesAnyStretchWithoutTheExcluded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := assemble(anySpans.Draw(t, "trace"))
		n := int32(len(trace.Spans))
		root := rapid.Int32Range(0, n-1).Draw(t, "root")
		start := timelineBase + rapid.Int64Range(0, 40).Draw(t, "start")
		end := start + rapid.Int64Range(0, 40).Draw(t, "length")
		excluded := rapid.SliceOfN(rapid.Bool(), int(n), int(n)).Draw(t, "excluded")
		shifts := rapid.SliceOfN(rapid.Int64Range(-5, 5), int(n), int(n)).Draw(t, "shifts")
		path := trace.walk(root, walkOptions{
			Start: start, End: end,
			Exclude: func(i int32) bool { return excluded[i] },
			Shift:   func(i int32) int64 { return shifts[i] },
		})
		now := start
		for _, s := range path {
			if s.Start != now || s.End <= s.Start {
				t.Fatalf("%v does not go on at %d", s, now)
			}
			now = s.End
			if excluded[s.Span] && s.Span != root {
				t.Fatalf("%v is of an excluded span", s)
			}
		}
		if now != end {
			t.Fatalf("the path ends at %d, want %d", now, end)
		}
	})
}

// A shift is as if the times of the subtree had been received that way.
func TestWalkShiftMovesSubtree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := treeSpans.Draw(t, "trace")
		by := rapid.Int64Range(-40, 40).Draw(t, "by")
		moved := rapid.IntRange(1, len(spans)).Draw(t, "moved")
		below := make([]bool, len(spans)+1) // parents come before their children in a drawn tree
		want := slices.Clone(spans)
		for i := range want {
			parent := want[i].Parent.number()
			below[i+1] = i+1 == moved && i > 0 || below[parent]
			if below[i+1] {
				want[i].Start, want[i].End = want[i].Start+by, want[i].End+by
			}
		}
		trace := assemble(spans)
		root := trace.Roots()[0]
		got := trace.walk(root, walkOptions{Shift: func(i int32) int64 {
			if trace.Spans[i].ID == spanNumber(uint64(moved)) {
				return by
			}
			return 0
		}})
		type tile struct {
			id         SpanID
			start, end int64
		}
		tiles := func(t *Trace, path []Interval) (list []tile) {
			for _, s := range path {
				list = append(list, tile{t.Spans[s.Span].ID, s.Start, s.End})
			}
			return list
		}
		expected := assemble(want)
		if diff := gocmp.Diff(tiles(expected, expected.CriticalPath()), tiles(trace, got), gocmp.AllowUnexported(tile{})); diff != "" {
			t.Fatalf("(-moved +shifted):\n%s", diff)
		}
	})
}

func TestTreesHoldEverySpanOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := anySpans.Draw(t, "trace")
		requireForest(t, assemble(spans), len(spans))
	})
}

// requireForest fails unless t holds every span but the exact copies once, as trees, in canonical order.
func requireForest(t failer, trace *Trace, received int) {
	t.Helper()
	if got := len(trace.Spans) + trace.Warnings[WarnDuplicateExact]; got != received {
		t.Fatalf("%d spans and copies, want %d", got, received)
	}
	reached := map[int32]bool{}
	todo := slices.Clone(trace.Roots())
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if reached[at] {
			t.Fatalf("span %d is in the trees twice", at)
		}
		reached[at] = true
		for _, c := range trace.Children(at) {
			if trace.Parent(c) != at {
				t.Fatalf("span %d is among the children of %d, but its parent is %d", c, at, trace.Parent(c))
			}
			todo = append(todo, c)
		}
	}
	if len(reached) != len(trace.Spans) {
		t.Fatalf("%d of %d spans are in the trees", len(reached), len(trace.Spans))
	}
	repaired := map[string]int{}
	for i := range trace.Spans {
		if why := trace.Repaired(int32(i)); why != "" {
			repaired[why]++
		}
		if start, end := trace.Extent(int32(i)); end < start {
			t.Fatalf("span %d ends %d ns before it starts", i, start-end)
		}
		if trace.Async(int32(i)) && trace.Parent(int32(i)) < 0 {
			t.Fatalf("root %d has nobody that could wait for it", i)
		}
		if i > 0 && compareSpans(&trace.Spans[i-1], &trace.Spans[i]) > 0 && trace.Warnings[WarnNegativeDuration] == 0 {
			t.Fatalf("span %d comes before span %d", i-1, i)
		}
	}
	counted := maps.Clone(trace.Warnings)
	maps.DeleteFunc(counted, func(name string, _ int) bool {
		return name != WarnOrphan && name != WarnSelfParent && name != WarnCycleBroken
	})
	if len(counted) != len(repaired) || !maps.Equal(counted, repaired) {
		t.Fatalf("repaired roots %v, warnings %v", repaired, counted)
	}
}
