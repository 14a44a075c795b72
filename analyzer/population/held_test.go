package population_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// heldBack serves tasks on so many slots; one in ten, of model "grammar", joins the queue 15 s late although it came.
func heldBack(tasks []task, workers int) []task {
	arrive := make([]int64, len(tasks))
	tasks = slices.Clone(tasks)
	for i := range tasks {
		arrive[i] = tasks[i].arrive
		tasks[i].output = int64(i) // to find it again: serve sorts
		if i%10 == 0 {
			tasks[i].model = "grammar"
			tasks[i].arrive += 15 * second
		}
	}
	tasks = serve(tasks, workers, true)
	for i := range tasks {
		tasks[i].arrive = arrive[tasks[i].output]
		tasks[i].output = 20
	}
	return tasks
}

// TestHeldByNamesTheGroup: where waits with free capacity are all of one kind of request, capacity was held idle for it,
// whether or not anybody states that every request is traced. Spread over all requests, they may be a sampler's.
func TestHeldByNamesTheGroup(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	tasks := heldBack(exponentialTasks(r, 3000, 3.4, second/2), 2)
	for _, f := range []population.Facts{nil, {population.FactSampling: population.NoSampling}} {
		_, q := queueingOf(t, tell(t, tasks, "e"), f)
		if q.Verdict != population.QueueHeld || q.HeldBy != "model=grammar" || q.Slots != 2 || q.Ratio >= 0.8 || len(q.Abstained) != 0 {
			t.Errorf("%v: %s by %q, %d slots, ratio %.2f, %v; want held by model=grammar with 2 slots", f, q.Verdict, q.HeldBy, q.Slots, q.Ratio, q.Abstained)
		}
	}
	for i := range tasks {
		tasks[i].model = "m"
	}
	if _, q := queueingOf(t, tell(t, tasks, "e"), nil); q.Verdict != population.QueueHeldOrSample || q.HeldBy != "" || len(q.Abstained) != 1 {
		t.Errorf("all of one model: %s by %q, %v; want a hold or sampling", q.Verdict, q.HeldBy, q.Abstained)
	}
	if _, q := queueingOf(t, tell(t, tasks, "e"), population.Facts{population.FactSampling: population.NoSampling}); q.Verdict != population.QueueHeld || q.HeldBy != "" {
		t.Errorf("all of one model, every request traced: %s by %q; want held, by nothing in particular", q.Verdict, q.HeldBy)
	}
}

// TestHeldByAStretch: waits beyond the replay in a short stretch of time are a hold too.
func TestHeldByAStretch(t *testing.T) {
	r := rand.New(rand.NewPCG(73, 74))
	tasks := exponentialTasks(r, 3000, 3.2, second/2)
	arrive := make([]int64, len(tasks))
	for i := range tasks {
		arrive[i], tasks[i].output = tasks[i].arrive, int64(i)
		if at := tasks[i].arrive; at > 300*second && at < 340*second { // nobody is let in until it is over
			tasks[i].arrive = 340 * second
		}
	}
	tasks = serve(tasks, 2, true)
	for i := range tasks {
		tasks[i].arrive, tasks[i].output = arrive[tasks[i].output], 20
	}
	_, q := queueingOf(t, tell(t, tasks, "e"), nil)
	if q.Verdict != population.QueueHeld || len(q.HeldBy) < 8 || q.HeldBy[:8] != "requests" {
		t.Errorf("%s by %q, ratio %.2f, %+v; want held in a stretch of time", q.Verdict, q.HeldBy, q.Ratio, q.Plateaus)
	}
}

// TestHeldWithoutSlots: with more slots than anybody needs none binds; those that wait while later ones are let in are held
// all the same, whether or not an attribute tells them apart.
func TestHeldWithoutSlots(t *testing.T) {
	r := rand.New(rand.NewPCG(75, 76))
	tasks := heldBack(exponentialTasks(r, 3000, 3.4, second/2), 500)
	_, q := queueingOf(t, tell(t, tasks, "e"), nil)
	if q.Verdict != population.QueueHeld || q.HeldBy != "model=grammar" || q.Slots != 0 {
		t.Errorf("%s by %q, %d slots, %v; want held by model=grammar, without slots", q.Verdict, q.HeldBy, q.Slots, q.Abstained)
	}
	for i := range tasks {
		tasks[i].model = "m"
	}
	_, q = queueingOf(t, tell(t, tasks, "e"), nil)
	if q.Verdict != population.QueueHeld || q.HeldBy != "" || q.Slots != 0 {
		t.Errorf("all of one model: %s by %q, %d slots; want held, by nothing in particular", q.Verdict, q.HeldBy, q.Slots)
	}
	if p := q.Passing; p == nil || p.Passed < p.Followed*9/10 || p.Room < 0.6 || p.Median != 15e9 {
		t.Errorf("passing %+v; want nearly all of those who wait passed, with room while nobody is in prefill, and 15 s in the median", p)
	}
}

// TestPassedWithoutRoom: a full server that lets in last who came last has most who wait passed, and holds nobody.
func TestPassedWithoutRoom(t *testing.T) {
	r := rand.New(rand.NewPCG(77, 78))
	tasks := lastFirst(exponentialTasks(r, 3000, 1.8, second/2))
	_, q := queueingOf(t, tell(t, tasks, "e"), nil)
	if p := q.Passing; p == nil || p.Passed < p.Followed/2 || p.Room > 0.1 || p.Held() {
		t.Errorf("passing %+v; want most passed, and no room", p)
	}
	if q.Verdict == population.QueueHeld {
		t.Errorf("%s by %q; want load", q.Verdict, q.HeldBy)
	}
}

// TestNobodyIsPassedInOrder: first come first served, nobody is passed, however long they wait.
func TestNobodyIsPassedInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(79, 80))
	_, q := queueingOf(t, tell(t, serve(exponentialTasks(r, 3000, 3.8, second/2), 2, true), "e"), nil)
	if p := q.Passing; p == nil || p.Followed < 1000 || p.Passed != 0 {
		t.Errorf("passing %+v; want many followed and none passed", p)
	}
}
