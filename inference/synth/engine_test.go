package synth

import (
	"math"
	"slices"
	"testing"
	"time"
)

// A server that answers with one token never decodes, so its queue is the textbook's single server and the mean wait
// has a closed form.
func TestMeanWaitMatchesQueueingTheory(t *testing.T) {
	const (
		calls   = 500_000
		load    = 0.7
		service = float64(time.Millisecond)
	)
	tests := []struct {
		name string
		// prompt draws a size; with 1 ns a token, sizes are service times.
		prompt func(r random) int
		want   float64 // mean wait in service times
	}{
		{"M/D/1: all prompts alike", func(random) int { return int(service) }, load / (2 * (1 - load))},
		{"M/M/1: exponential prompts", func(r random) int { return int(r.exponential(service)) }, load / (1 - load)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRandom(7, 0)
			engine := Engine{Slots: 1, PrefillPerToken: 1}
			arrivals := func(yield func(*Call) bool) {
				var at int64
				for range calls {
					at += r.exponential(service / load)
					if !yield(&Call{Queued: at, Prompt: test.prompt(r), Output: 1}) {
						return
					}
				}
			}
			var waited float64
			for call := range engine.Serve(arrivals) {
				waited += float64(call.Scheduled - call.Queued)
			}
			got := waited / calls / service
			t.Logf("mean wait %.4f service times, theory %.4f, off by %+.2f %%", got, test.want, 100*(got/test.want-1))
			if math.Abs(got/test.want-1) > 0.03 {
				t.Errorf("mean wait is %.4f service times, want %.4f within 3 %%", got, test.want)
			}
		})
	}
}

func TestEngineTimeline(t *testing.T) {
	// In milliseconds: a prefill takes 10, a decode step 2 and 1 more for each running request.
	engine := Engine{Slots: 2, PrefillBase: 10, StepBase: 2, StepPerSequence: 1}
	calls := []*Call{
		{Queued: 0, Output: 3},  // prefilled at once
		{Queued: 11, Output: 2}, // comes during the first one's decode step, and stalls its next
		{Queued: 12, Output: 1}, // finds both slots taken
	}
	type times struct {
		scheduled, first, last int64
		waiting, running       int
	}
	want := []times{
		{scheduled: 0, first: 10, last: 27},                          // steps: 10-13, [prefill 13-23], 23-27
		{scheduled: 13, first: 23, last: 27, running: 1},             // shares the step 23-27
		{scheduled: 27, first: 37, last: 37, waiting: 1, running: 0}, // once a slot is free
	}
	served := 0
	for range engine.Serve(slices.Values(calls)) {
		served++
	}
	if served != len(calls) {
		t.Errorf("served %d calls, want %d", served, len(calls))
	}
	for i, c := range calls {
		got := times{c.Scheduled, c.FirstToken, c.LastToken, c.Waiting, c.Running}
		if got != want[i] {
			t.Errorf("call %d: got %+v, want %+v", i, got, want[i])
		}
	}
}

func TestServeStopsWhenTheCallerDoes(t *testing.T) {
	drawn := 0
	endless := func(yield func(*Call) bool) {
		for {
			drawn++
			if !yield(&Call{Queued: int64(drawn), Output: 1}) {
				return
			}
		}
	}
	for range (Engine{Slots: 1, PrefillBase: 5}).Serve(endless) {
		break
	}
	if drawn > 10 {
		t.Errorf("drew %d calls to serve one", drawn)
	}
}
