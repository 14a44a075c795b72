package population_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// share lets a server with so many slots on one device serve the tasks, whose times are those alone: each other one beside
// it makes a task take longer by a share of its time.
func share(tasks []task, slots int, slower float64) []task {
	tasks = slices.Clone(tasks)
	left := make([]float64, len(tasks)) // of prefill and decode, alone
	for i := range tasks {
		left[i] = float64(tasks[i].prefill + tasks[i].decode)
	}
	var busy []int
	now, next := 0.0, 0
	for next < len(tasks) || len(busy) > 0 {
		pace := 1 + slower*float64(max(0, len(busy)-1))
		step := math.Inf(1)
		for _, i := range busy {
			to := left[i]
			if alone := float64(tasks[i].decode); to > alone { // its prefill ends first
				to -= alone
			}
			step = min(step, to*pace)
		}
		if next < len(tasks) && len(busy) < slots {
			step = min(step, max(0, float64(tasks[next].arrive)-now))
		}
		now += step
		for _, i := range busy {
			before := left[i]
			left[i] -= step / pace
			if alone := float64(tasks[i].decode); before > alone && left[i] <= alone+1e-3 {
				left[i] = alone
				tasks[i].prefill = int64(now) - tasks[i].start
			}
		}
		busy = slices.DeleteFunc(busy, func(i int) bool {
			if left[i] < 1 {
				tasks[i].decode = int64(now) - tasks[i].start - tasks[i].prefill
			}
			return left[i] < 1
		})
		for next < len(tasks) && len(busy) < slots && float64(tasks[next].arrive) <= now {
			tasks[next].start = int64(now)
			busy = append(busy, next)
			next++
		}
	}
	return tasks
}

// TestReplayPredictsSharedSlots: slots that share a device are not thought to serve each request for as long as before
// when there are fewer or more of them.
func TestReplayPredictsSharedSlots(t *testing.T) {
	for slower, perSecond := range map[float64]float64{0.3: 3.7, 1: 1.7} {
		r := rand.New(rand.NewPCG(41, 42))
		tasks := tasksOf(r, 2000, perSecond, 1, lognormal(r, second/2, 0.5))
		for i := range tasks {
			tasks[i].prompt, tasks[i].output = 1, 1+tasks[i].decode/1e7
		}
		p := tell(t, share(tasks, 4, slower), "engine-1")
		for _, slots := range []int{1, 2, 6} {
			w := ask(t, p, nil, population.Scenario{Slots: slots})
			truth := latencies(share(tasks, slots, slower))
			if len(w.Effects) == 0 {
				t.Errorf("slower by %g, %d slots: %+v", slower, slots, w.Abstained)
				continue
			}
			for _, q := range []float64{0.5, 0.95} {
				got, want := effect(t, w.Effects, population.PathE2E, q), population.QuantileOf(truth, q).Value
				if math.Abs(got.After/want-1) > 0.1 {
					t.Errorf("slower by %g, %d slots instead of 4: p%.0f is %.2f s, want %.2f (%s)", slower, slots, 100*q, got.After/1e9, want/1e9, w.Server)
				}
			}
		}
	}
}

// TestOneSlotTellsNothingOfSeveral: how much requests slow each other down is seen where some are served together.
func TestOneSlotTellsNothingOfSeveral(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	p := tell(t, share(exponentialTasks(r, 600, 1.7, second/2), 1, 1), "engine-1")
	w := ask(t, p, nil, population.Scenario{Slots: 4})
	if len(w.Effects) > 0 || len(w.Abstained) != 1 || !strings.Contains(w.Abstained[0].Why, "one request is served at a time") {
		t.Errorf("effects %v, refusals %+v", w.Effects, w.Abstained)
	}
}

// wants checks p50 and p95 of E2E of a what-if against tasks that were really served so.
func wants(t *testing.T, w *population.WhatIf, served []task) {
	t.Helper()
	if len(w.Effects) == 0 {
		t.Fatalf("refused: %+v", w.Abstained)
	}
	truth := latencies(served)
	for _, q := range []float64{0.5, 0.95} {
		got, want := effect(t, w.Effects, population.PathE2E, q), population.QuantileOf(truth, q).Value
		if math.Abs(got.After/want-1) > 0.1 {
			t.Errorf("p%.0f is %.2f s, want %.2f (%s)", 100*q, got.After/1e9, want/1e9, w.Server)
		}
	}
}

// TestStatedSlowdownTakesThePlaceOfTraces: where one request is served at a time, or as many as there are slots at all
// times, what others do to a request is not in the traces; stated, it answers.
func TestStatedSlowdownTakesThePlaceOfTraces(t *testing.T) {
	const slower = 0.6
	r := rand.New(rand.NewPCG(45, 46))
	stated := population.Facts{"slower_per_neighbour": "0.6"}

	alone := tasksOf(r, 1500, 1.5, 1, lognormal(r, second/2, 0.5))
	w := ask(t, tell(t, share(alone, 1, slower), "engine-1"), stated, population.Scenario{Slots: 4})
	wants(t, &w, share(alone, 4, slower))

	// All come at the beginning, and four are served until the last. A token of some takes longer than one of others.
	full := tasksOf(r, 400, 1, 1, lognormal(r, second/2, 0.5))
	for i := range full {
		full[i].arrive = full[0].arrive + int64(i)
		full[i].prompt, full[i].output = 1, 50
	}
	p := tell(t, share(full, 4, slower), "engine-1")
	if w := ask(t, p, nil, population.Scenario{Slots: 1}); len(w.Effects) > 0 {
		t.Errorf("nobody has seen fewer than four at once, and it says %+v (%s)", w.Effects[0], w.Server)
	}
	w = ask(t, p, stated, population.Scenario{Slots: 1})
	wants(t, &w, share(full, 1, slower))
}

// TestFewerSlotsThanAreTaken: where nobody waits, no limit is seen, and one below what is served at once binds all the same.
func TestFewerSlotsThanAreTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(47, 48))
	tasks := tasksOf(r, 1500, 1.3, 1, lognormal(r, second/2, 0.5))
	for i := range tasks {
		tasks[i].prompt, tasks[i].output = 1, 1+tasks[i].decode/1e7
	}
	for _, slower := range []float64{0, 0.5} {
		p := tell(t, share(tasks, 100, slower), "engine-1")
		w := ask(t, p, nil, population.Scenario{Slots: 1})
		wants(t, &w, share(tasks, 1, slower))
		if w := ask(t, p, nil, population.Scenario{Slots: 100}); len(w.Effects) > 0 {
			t.Errorf("100 slots were never taken, and it says %+v", w.Effects[0])
		}
	}
}
