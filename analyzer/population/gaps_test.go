package population

import (
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"pgregory.net/rapid"
)

// A record keeps of a request's chunks what the request says, to the microsecond, however many requests there are.
func TestRecordsKeepGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(Window{}, Filter{}, nil)
		for range rapid.IntRange(1, 8).Draw(t, "requests") {
			gaps := rapid.SliceOfN(rapid.Int64Range(0, 5e9), 0, 6000).Draw(t, "gaps")
			r := analyzer.Request{Chunks: []int64{100}, OutputTokens: rapid.Int64Range(-1, 4).Draw(t, "tokens")}
			r.ChunksAreSteps = rapid.Bool().Draw(t, "steps")
			for i, gap := range gaps {
				r.Chunks = append(r.Chunks, r.Chunks[i]+gap)
			}
			if rapid.Bool().Draw(t, "all tokens") {
				r.OutputTokens = int64(len(r.Chunks))
			}
			rec := Record{OutputTokens: r.OutputTokens, chunksAreSteps: r.ChunksAreSteps, gaps: b.gaps(&r)}
			want := r.ICL()
			for i := range want {
				want[i] -= want[i] % 1000
			}
			if got := rec.AppendICL(nil); !slices.Equal(got, want) {
				t.Fatalf("got %d gaps, want %d, or others", len(got), len(want))
			}
			if got := rec.ITL(); len(got) != len(r.ITL()) {
				t.Errorf("%d gaps of single tokens, want %d", len(got), len(r.ITL()))
			}
		}
	})
}

func TestVeryLongGapsStayLong(t *testing.T) {
	b := NewBuilder(Window{}, Filter{}, nil)
	if got := b.gaps(&analyzer.Request{Chunks: []int64{1, 1 + 1e15}}); len(got) != 1 || got[0] != 1<<32-1 {
		t.Errorf("got %v", got)
	}
}
