package population_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// TestBeforeHoldsSlots: a long request that started before the window is what those of the window wait for, and is in
// nothing else.
func TestBeforeHoldsSlots(t *testing.T) {
	tasks := []task{{arrive: 0, prefill: 15 * second, decode: 15 * second, prompt: 9000, output: 100, model: "m"}}
	for i := range int64(60) {
		tasks = append(tasks, task{arrive: 10*second + 3*i*second/2, prefill: second / 5, decode: 4 * second / 5, prompt: 100 + i, output: 10, model: "m"})
	}
	tasks = serve(tasks, 1, true)
	p := tellFrom(t, tasks, "e", population.Window{Since: epoch + 10*second})
	if len(p.Records) != 60 || len(p.Before) != 1 || p.Traces != 60 {
		t.Fatalf("%d requests, %d before, %d traces; want 60, 1, 60", len(p.Records), len(p.Before), p.Traces)
	}
	d, q := queueingOf(t, p, nil)
	if len(d.Members) != 60 || len(d.Before) != 1 {
		t.Errorf("domain of %d requests, %d before", len(d.Members), len(d.Before))
	}
	if q.Verdict != population.QueueLoad || q.Slots != 1 || q.Requests != 60 || math.Abs(q.Ratio-1) > 0.02 {
		t.Errorf("%s, %d slots, %d requests, ratio %.3f; want load to explain 60 requests with one slot (%+v)", q.Verdict, q.Slots, q.Requests, q.Ratio, q)
	}
	b, why := p.Blame(&d, &q)
	if b == nil {
		t.Fatal(why)
	}
	first := b.Culprits[0]
	if first.SpanID != p.Before[0].SpanID || b.Nobody != 0 {
		t.Errorf("the first culprit holds %d of %d, %d are nobody's; want the request before the window, and none", first.Held, b.Waited, b.Nobody)
	}
	sum := b.Nobody + b.Others
	for _, c := range b.Culprits {
		sum += c.Held
	}
	if sum != b.Waited {
		t.Errorf("blame of %d for waits of %d", sum, b.Waited)
	}
	if first.Without.Share < 0.9 {
		t.Errorf("without it %.2f of the waiting is gone by replay, want over 0.9", first.Without.Share)
	}
	for _, w := range b.Longest {
		if w.SpanID == first.SpanID {
			t.Error("the request before the window is among those who waited")
		}
	}
	s := population.Examine(p, population.StudyOptions{Seed: 1, Window: population.Window{Since: epoch + 10*second}})
	for _, c := range s.Cohorts {
		if c.N > 60 {
			t.Errorf("cohort %s of %d requests", c.Name, c.N)
		}
	}
	if in := s.Domains[0].Regimes[0].InFlight; in < 1 {
		t.Errorf("%.2f in flight: the request before is not there", in)
	}
}

// TestWindowsOfAQueueAgree: a window that begins in the midst of a queue shows the same server as all of the time, and
// the replay explains its waits as well.
func TestWindowsOfAQueueAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	tasks := serve(exponentialTasks(r, 3000, 7, second/2), 4, true)
	_, whole := queueingOf(t, tell(t, tasks, "e"), nil)
	for _, at := range []int{500, 1000, 1700, 2400} {
		p := tellFrom(t, tasks, "e", population.Window{Since: epoch + tasks[at].arrive})
		_, q := queueingOf(t, p, nil)
		if q.Verdict != whole.Verdict || q.Slots != whole.Slots || math.Abs(q.Ratio-1) > 0.03 || q.Utilisation > 1 {
			t.Errorf("from request %d on: %s, %d slots, ratio %.3f, utilisation %.2f; want %s, %d, about 1",
				at, q.Verdict, q.Slots, q.Ratio, q.Utilisation, whole.Verdict, whole.Slots)
		}
	}
}
