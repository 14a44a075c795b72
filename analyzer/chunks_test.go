package analyzer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestGapsBetweenChunks(t *testing.T) {
	const ms = 1_000_000
	five := []int64{100, 110, 120, 130, 140}
	tests := []struct {
		name     string
		r        Request
		icl, itl []int64
	}{
		{"as many chunks as tokens", Request{Chunks: five, OutputTokens: 5, Sequences: 1}, []int64{10, 10, 10, 10}, []int64{10, 10, 10, 10}},
		{"fewer chunks than tokens", Request{Chunks: five, OutputTokens: 9, Sequences: -1}, []int64{10, 10, 10, 10}, nil},
		{"more chunks than tokens", Request{Chunks: five, OutputTokens: 4}, []int64{10, 10, 10, 10}, nil},
		{"tokens unknown", Request{Chunks: five, OutputTokens: -1}, []int64{10, 10, 10, 10}, nil},
		{"steps, tokens unknown", Request{Chunks: five, OutputTokens: -1, ChunksAreSteps: true}, []int64{10, 10, 10, 10}, []int64{10, 10, 10, 10}},
		{"steps of a speculating engine", Request{Chunks: five, OutputTokens: 12, ChunksAreSteps: true}, []int64{10, 10, 10, 10}, nil},
		{"several answers", Request{Chunks: five, OutputTokens: 5, Sequences: 2}, nil, nil},
		{"one chunk", Request{Chunks: five[:1], OutputTokens: 1}, nil, nil},
		{"unknown", Request{OutputTokens: -1, ChunksAreSteps: true}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.r.ICL(); !slices.Equal(got, tt.icl) || (got == nil) != (tt.icl == nil) {
				t.Errorf("ICL = %v, want %v", got, tt.icl)
			}
			if got := tt.r.ITL(); !slices.Equal(got, tt.itl) || (got == nil) != (tt.itl == nil) {
				t.Errorf("ITL = %v, want %v", got, tt.itl)
			}
		})
	}

	stalls := []struct {
		name string
		icl  []int64
		want Gaps
	}{
		{"none", nil, Gaps{}},
		{"short of the floor", []int64{10 * ms, 100 * ms, 10 * ms}, Gaps{Median: 10 * ms, Max: 100 * ms}},
		{"over both limits", []int64{10 * ms, 100*ms + 1, 10 * ms, 2000 * ms, 10 * ms}, Gaps{Median: 10 * ms, Max: 2000 * ms, Stalls: 2}},
		{"slow throughout", []int64{400 * ms, 500 * ms, 2000 * ms}, Gaps{Median: 500 * ms, Max: 2000 * ms}},
	}
	for _, tt := range stalls {
		t.Run(tt.name, func(t *testing.T) {
			if got := SumUp(slices.Clone(tt.icl)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestFirstOutputTokenIsKnownOnlyWithoutReasoning(t *testing.T) {
	r := Request{Start: 100, FirstToken: 600, End: 900}
	for reasoning, want := range map[int64]int64{-1: 0, 0: 500, 7: 0} {
		r.ReasoningTokens = reasoning
		if got, ok := r.TTFO(); ok != (want > 0) || got != want {
			t.Errorf("%d reasoning tokens: TTFO %d, %t, want %d", reasoning, got, ok, want)
		}
	}
}

func TestFluidity(t *testing.T) {
	tests := []struct {
		name string
		ttft int64
		itl  []int64
		want float64
	}{
		{"all on time", 100, []int64{10, 10, 10}, 1},
		{"slack of the first token is spent", 60, []int64{50, 10, 10}, 1},
		{"slack is spent once", 60, []int64{50, 11, 10}, 0.75},
		{"a late token leaves no slack", 500, []int64{10, 11, 9, 11}, 0.6},
		{"one token, late", 101, nil, 0},
	}
	for _, tt := range tests {
		if got := Fluidity(tt.ttft, tt.itl, 100, 10); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Fluidity is a matter of proportion, and never falls when a limit is raised.
func TestFluidityScalesAndRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(0, 1e9)
		ttft, itl := ns.Draw(t, "ttft"), rapid.SliceOf(ns).Draw(t, "itl")
		ttftLimit, tpotLimit := ns.Draw(t, "ttft limit"), ns.Draw(t, "tpot limit")
		got := Fluidity(ttft, itl, ttftLimit, tpotLimit)
		if got < 0 || got > 1 {
			t.Fatalf("%v is no share", got)
		}
		scaled := slices.Clone(itl)
		for i := range scaled {
			scaled[i] *= 8
		}
		if again := Fluidity(8*ttft, scaled, 8*ttftLimit, 8*tpotLimit); again != got {
			t.Errorf("scaled: %v, want %v", again, got)
		}
		more := ns.Draw(t, "more")
		if easier := Fluidity(ttft, itl, ttftLimit, tpotLimit+more); easier < got {
			t.Errorf("with %d ns more for each token: %v, was %v", more, easier, got)
		}
	})
}
