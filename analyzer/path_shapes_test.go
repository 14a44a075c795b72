package analyzer

import (
	"math/rand/v2"
	"testing"
)

// pathologicalShapes are traces that break recursive or quadratic walks.
var pathologicalShapes = []struct {
	name string
	size int
	make func(n int) []Span
}{
	{"sequential", 100_000, sequentialSpans},
	{"parallel", 100_000, parallelSpans},
	{"staggered", 100_000, staggeredSpans},
	{"chain", 100_000, chainSpans},
	{"overrunning_chain", 100_000, overrunningChainSpans},
	{"loop", 100_000, loopSpans},
	{"one_id", 100_000, oneIDSpans},
	{"tree", 1_000_000, func(n int) []Span { return randomTrace(rand.New(rand.NewPCG(7, 7)), 1, n) }},
}

// familySpans returns a root of the given length and n-1 children, each made by child.
func familySpans(n int, length int64, child func(i int) (start, end int64)) []Span {
	spans := []Span{{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: length}}
	for i := 1; i < n; i++ {
		start, end := child(i - 1)
		spans = append(spans, Span{TraceID: traceNumber(1), ID: spanNumber(uint64(i) + 1), Parent: spanNumber(1), Start: start, End: end})
	}
	return spans
}

func sequentialSpans(n int) []Span {
	return familySpans(n, int64(n)*10, func(i int) (int64, int64) { return int64(i) * 10, int64(i)*10 + 10 })
}

func parallelSpans(n int) []Span {
	return familySpans(n, 1000, func(int) (int64, int64) { return 0, 1000 })
}

// staggeredSpans all overlap and all outlive their parent.
func staggeredSpans(n int) []Span {
	return familySpans(n, int64(n), func(i int) (int64, int64) { return int64(i), int64(i + n) })
}

// chainSpans are each the only child of the one before, a nanosecond shorter at both ends.
func chainSpans(n int) []Span {
	spans := make([]Span, n)
	for i := range spans {
		spans[i] = Span{TraceID: traceNumber(1), ID: spanNumber(uint64(i) + 1), Start: int64(i), End: int64(2*n - i)}
		if i > 0 {
			spans[i].Parent = spanNumber(uint64(i))
		}
	}
	return spans
}

// overrunningChainSpans each outlive their parent, so that the first one's end clips them all.
func overrunningChainSpans(n int) []Span {
	spans := chainSpans(n)
	for i := range spans {
		spans[i].End = int64(2*n + i)
	}
	return spans
}

// loopSpans are a chain whose first span names the last as its parent.
func loopSpans(n int) []Span {
	spans := chainSpans(n)
	spans[0].Parent = spanNumber(uint64(n))
	return spans
}

// oneIDSpans all have one id and different contents; they name themselves as parents.
func oneIDSpans(n int) []Span {
	spans := sequentialSpans(n)
	for i := range spans {
		spans[i].ID, spans[i].Parent = spanNumber(1), spanNumber(1)
	}
	return spans
}

func TestPathologicalShapesAreTiled(t *testing.T) {
	for _, s := range pathologicalShapes {
		t.Run(s.name, func(t *testing.T) {
			requireTiled(t, NewTrace(s.make(100_000)))
		})
	}
}
