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
