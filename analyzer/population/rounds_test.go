package population_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// inRounds lets tasks in only at multiples of every, except into an engine in which nobody is.
func inRounds(tasks []task, every int64) []task {
	tasks = slices.Clone(tasks)
	var busy int64 // until then somebody is in service
	for i := range tasks {
		k := &tasks[i]
		k.start = k.arrive
		if next := (k.arrive + every - 1) / every * every; busy > k.arrive {
			k.start = min(next, max(busy, k.arrive))
		}
		busy = max(busy, k.start+k.prefill+k.decode)
	}
	return tasks
}

// stopped has the server stand still for a while at every multiple of every: nobody is let in, and nobody gets on.
func stopped(tasks []task, every, still int64) []task {
	tasks = slices.Clone(tasks)
	for i := range tasks {
		k := &tasks[i]
		k.start = k.arrive
		if since := k.arrive % every; since < still && k.arrive > every {
			k.start = k.arrive - since + still
		}
		for at := (k.start/every + 1) * every; at < k.start+k.prefill+k.decode; at += every {
			k.decode += still
		}
	}
	return tasks
}

// TestLetInOnlyInRounds: where the whole queue is let in at times, though others left before and there was room, it is held.
func TestLetInOnlyInRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	_, q := queueingOf(t, tell(t, inRounds(exponentialTasks(r, 3000, 4, 2*second), 3*second), "e"), nil)
	if q.Verdict != population.QueueHeld || !q.Rounds.Held() {
		t.Errorf("%s, rounds %+v; want held in rounds", q.Verdict, q.Rounds)
	}
	if x := q.Rounds; x == nil || x.Whole < 0.9 || x.Median < float64(second) || x.Median > 3*float64(second) {
		t.Errorf("rounds %+v; want nearly all to let the whole queue in, after up to three seconds", x)
	}
}

// TestWhatStandsStillHasNoRounds: an engine that stops now and then lets nobody in, and nobody go.
func TestWhatStandsStillHasNoRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(83, 84))
	_, q := queueingOf(t, tell(t, stopped(exponentialTasks(r, 3000, 4, 2*second), 10*second, 2*second), "e"), nil)
	if x := q.Rounds; x.Held() || x != nil && x.Leaving > 0.2 {
		t.Errorf("rounds %+v; want nobody to leave before them", x)
	}
}

// TestSlotsMakeNoRounds: with slots, one is let in as soon as another leaves.
func TestSlotsMakeNoRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(85, 86))
	_, q := queueingOf(t, tell(t, serve(exponentialTasks(r, 3000, 3.8, 2*second), 8, true), "e"), nil)
	if q.Rounds.Held() || q.Rounds != nil && q.Rounds.Room > 0.1 {
		t.Errorf("rounds %+v; want none", q.Rounds)
	}
}
