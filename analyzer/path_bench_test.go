package analyzer

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomTrace returns spans of one trace shaped like real ones: a tree whose children mostly follow each other and
// sometimes run side by side. They come shuffled.
func randomTrace(r *rand.Rand, id uint64, n int) []Span {
	spans := make([]Span, n)
	begin := 1_700_000_000_000_000_000 + int64(id)*1e6
	spans[0] = Span{Start: begin, End: begin + 1e9}
	next := []int64{begin} // where the next child of each span may start
	for i := 1; i < n; i++ {
		p := r.IntN(i)
		if r.IntN(3) > 0 {
			p = max(0, i-1-r.IntN(4))
		}
		parent := &spans[p]
		left := parent.End - next[p]
		start := next[p] + r.Int64N(left/8+1)
		end := start + r.Int64N((parent.End-start)/2+1)
		spans[i] = Span{Start: start, End: end, Parent: spanNumber(uint64(p) + 1)}
		next = append(next, start)
		if r.IntN(4) > 0 {
			next[p] = end
		}
	}
	for i := range spans {
		spans[i].TraceID, spans[i].ID, spans[i].Name = traceNumber(id), spanNumber(uint64(i)+1), "op"
	}
	r.Shuffle(n, func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

func perSpan(b *testing.B, spans int) {
	b.ReportMetric(float64(spans)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mspans/s")
}

// BenchmarkCriticalPath walks assembled traces.
func BenchmarkCriticalPath(b *testing.B) {
	for _, n := range []int{8, 80} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			var traces []*Trace
			for id := range 8000 / n {
				traces = append(traces, NewTrace(randomTrace(r, uint64(id), n)))
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, t := range traces {
					t.CriticalPath()
				}
			}
			perSpan(b, 8000)
		})
	}
}

// BenchmarkNewTrace assembles traces whose spans come in any order; the copy that keeps the input for the next round is
// part of the time.
func BenchmarkNewTrace(b *testing.B) {
	for _, n := range []int{8, 80} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			var spans []Span
			for id := range 8000 / n {
				spans = append(spans, randomTrace(r, uint64(id), n)...)
			}
			input := make([]Span, len(spans))
			b.ReportAllocs()
			for b.Loop() {
				copy(input, spans)
				for at := 0; at < len(input); at += n {
					NewTrace(input[at : at+n : at+n])
				}
			}
			perSpan(b, 8000)
		})
	}
}

// BenchmarkGroupByTrace sorts a million spans of 125,000 traces into traces: 64 traces that arrive side by side, and all
// in no order. Beside it stands the whole, up to the critical path of each trace.
func BenchmarkGroupByTrace(b *testing.B) {
	const traces, size = 125_000, 8
	r := rand.New(rand.NewPCG(1, 2))
	var spans []Span
	for range traces {
		spans = append(spans, randomTrace(r, r.Uint64(), size)...)
	}
	group := func(input []Span) { groupByTrace(input) }
	whole := func(input []Span) {
		for t := range GroupByTrace(input) {
			t.CriticalPath()
		}
	}
	for _, c := range []struct {
		name   string
		window int
		do     func([]Span)
	}{
		{"arriving", 64 * size, group},
		{"shuffled", len(spans), group},
		{"arriving_to_paths", 64 * size, whole},
	} {
		b.Run(c.name, func(b *testing.B) {
			input := make([]Span, len(spans))
			for b.Loop() {
				b.StopTimer()
				copy(input, spans)
				for at := 0; at < len(input); at += c.window {
					part := input[at:min(at+c.window, len(input))]
					r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
				}
				b.StartTimer()
				c.do(input)
			}
			perSpan(b, len(spans))
		})
	}
}

// BenchmarkPathologicalShapes assembles one large trace and walks its path.
func BenchmarkPathologicalShapes(b *testing.B) {
	for _, s := range pathologicalShapes {
		b.Run(s.name, func(b *testing.B) {
			spans := s.make(s.size)
			input := make([]Span, len(spans))
			for b.Loop() {
				copy(input, spans)
				NewTrace(input).CriticalPath()
			}
			perSpan(b, len(spans))
		})
	}
}
