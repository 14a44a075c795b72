package analyzer_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestOverlapCountsEveryInstantOnce(t *testing.T) {
	busy := analyzer.Union([]analyzer.Stretch{{From: 50, To: 60}, {From: 10, To: 20}, {From: 15, To: 30}, {From: 16, To: 17}, {From: 60, To: 65}})
	if want := (analyzer.Stretches{{From: 10, To: 30}, {From: 50, To: 65}}); !slices.Equal(busy, want) {
		t.Errorf("the union is %v, want %v", busy, want)
	}
	for _, c := range []struct{ from, to, want int64 }{
		{0, 100, 35}, {0, 10, 0}, {10, 30, 20}, {12, 14, 2}, {30, 50, 0}, {25, 55, 10}, {64, 99, 1}, {65, 99, 0},
	} {
		if got := busy.Overlap(c.from, c.to); got != c.want {
			t.Errorf("overlap of [%d, %d) with %v is %d, want %d", c.from, c.to, busy, got, c.want)
		}
	}
}

func TestOverlapIsThatOfTheInstantsOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var list []analyzer.Stretch
		var in [100]bool
		for range r.IntN(12) {
			from := r.Int64N(100)
			to := from + r.Int64N(100-from)
			list = append(list, analyzer.Stretch{From: from, To: to})
			for at := from; at < to; at++ {
				in[at] = true
			}
		}
		union := analyzer.Union(slices.Clone(list))
		from := r.Int64N(100)
		to := from + r.Int64N(100-from)
		want := int64(0)
		for _, there := range in[from:to] {
			if there {
				want++
			}
		}
		if got := union.Overlap(from, to); got != want {
			t.Fatalf("overlap of [%d, %d) with %v is %d, want %d", from, to, list, got, want)
		}
	}
}
