package population

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func scoreOf(t *testing.T, s *Study, phase analyzer.Phase, path Path, cohort string) Score {
	t.Helper()
	for _, c := range s.Scores {
		if c.Phase == phase && c.Path == path && c.Cohort == cohort {
			return c
		}
	}
	t.Fatalf("no score of %s on %s of %s", phase, path, cohort)
	return Score{}
}

// atFloor are requests whose prefill and decode are as their sizes say, one at a time.
func atFloor(n int) []planned {
	random := rand.New(rand.NewPCG(2, 2))
	var list []planned
	for i := range n {
		in, out := 10+random.Int64N(4000), 2+random.Int64N(300)
		list = append(list, planned{
			start: 1e18 + int64(i)*10e9, in: in, out: out, queue: 1e3,
			prefill: 5e6 + in*2e4, decode: (out - 1) * 8e6, instance: "a",
		})
	}
	return list
}

func TestPhaseAtItsFloorScoresZero(t *testing.T) {
	s := Examine(populationOf(atFloor(200)), StudyOptions{TargetMissed: true})
	for _, c := range s.Scores {
		if c.Value != nil && (*c.Value > 1e-6 || c.Class != ClassFine) {
			t.Errorf("%s on %s of %s scores %g (%s), want 0", c.Phase, c.Path, c.Cohort, *c.Value, c.Class)
		}
	}
	for _, h := range s.Headroom {
		if h.Value == nil || *h.Value > 1e-6 {
			t.Errorf("headroom on %s of %s: %v, want 0", h.Path, h.Cohort, h.Value)
		}
	}
}

// Half of the decodes take twice their floor, and nothing waits: the score is what they take beyond it.
func TestScoreIsTimeOverFloor(t *testing.T) {
	list := atFloor(400)
	var floor, whole float64
	for i := range list {
		q := &list[i]
		floor += float64(q.decode)
		if i%2 == 0 {
			q.decode *= 2
		}
		whole += float64(q.decode)
	}
	p := populationOf(list)
	s := Examine(p, StudyOptions{Seed: 1, TargetMissed: true})
	got := scoreOf(t, s, analyzer.Decode, PathE2E, CohortAll)
	var e2e float64
	for i := range p.Records {
		e2e += float64(p.Records[i].E2E())
	}
	want := 100 * (whole - floor) / e2e
	if got.Value == nil || math.Abs(*got.Value-want) > 0.01 {
		t.Fatalf("decode scores %v, want %g", got.Value, want)
	}
	if got.Low == nil || *got.Low > want || *got.High < want || *got.High-*got.Low > want {
		t.Errorf("interval %v to %v does not hold %g closely", *got.Low, *got.High, want)
	}
	if got.Class != ClassCritical {
		t.Errorf("%.0f from %.0f with a missed target is %s", *got.Value, *got.Low, got.Class)
	}
	if mean := (whole - floor) / 400; math.Abs(got.Recoverable.Value-mean) > 1e-4*mean {
		t.Errorf("recoverable %g ns a request, want %g", got.Recoverable.Value, mean)
	}
	kept := Examine(p, StudyOptions{Seed: 1})
	if c := scoreOf(t, kept, analyzer.Decode, PathE2E, CohortAll); c.Class != ClassModerate {
		t.Errorf("with all targets kept it is %s", c.Class)
	}
	distrusted := Examine(p, StudyOptions{Seed: 1, Distrusted: analyzer.SetOf(analyzer.Decode)})
	if c := scoreOf(t, distrusted, analyzer.Decode, PathE2E, CohortAll); c.Value != nil || c.Why == "" {
		t.Errorf("a phase whose telemetry is not to be trusted has a score: %+v", c)
	}
}

// With one slot that all wait for, a faster prefill removes waiting too, and the joint score counts that once.
func TestFeedbackCountsWaiting(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	var list []planned
	at, free := int64(1e18), int64(0)
	for i := range 1500 {
		at += int64(random.ExpFloat64() * 0.35e9)
		q := planned{start: at, in: 500 + random.Int64N(1000), out: 2, decode: 1e7, instance: "a"}
		q.prefill = q.in * 1e5
		if i%2 == 0 {
			q.prefill *= 4 // twice the mean service time of the others, and more
		}
		q.queue = max(0, free-at) + 1
		free = at + q.queue + q.prefill
		list = append(list, q)
	}
	s := Examine(populationOf(list), StudyOptions{Seed: 1, TargetMissed: true})
	d := s.Domains[0]
	if d.Queueing.Verdict != QueueLoad || d.Queueing.Binding != StagePrefill || d.Queueing.Slots != 1 {
		t.Fatalf("queueing %+v, want one slot of prefill that load explains", d.Queueing)
	}
	prefill := scoreOf(t, s, analyzer.Prefill, PathE2E, CohortAll)
	queue := scoreOf(t, s, analyzer.Queue, PathE2E, CohortAll)
	if prefill.NoFeedback || queue.NoFeedback || queue.FloorSource != FloorCapacity || queue.Capacity < 2 {
		t.Errorf("prefill %+v, queue %+v: want both by replay", prefill, queue)
	}
	if *prefill.Value <= 100*prefill.Share {
		t.Errorf("prefill scores %.1f and is %.1f %% of the time: the waiting it causes is not in it", *prefill.Value, 100*prefill.Share)
	}
	var joint Score
	for _, h := range s.Headroom {
		if h.Path == PathE2E && h.Cohort == CohortAll {
			joint = h
		}
	}
	if most := max(*prefill.Value, *queue.Value); *joint.Value < most-1e-9 || *joint.Value > 100 || *joint.Value > *prefill.Value+*queue.Value {
		t.Errorf("headroom %.1f, with prefill %.1f and queue %.1f", *joint.Value, *prefill.Value, *queue.Value)
	}
}

// A phase that only some requests show is scored for those cohorts alone that show it.
func TestScoreNeedsNineTenthsObserved(t *testing.T) {
	list := atFloor(200)
	for i := range list {
		list[i].covered = i%5 == 0
	}
	s := Examine(populationOf(list), StudyOptions{})
	c := scoreOf(t, s, analyzer.Prefill, PathE2E, CohortAll)
	if c.Value != nil || c.Why == "" || c.Observed < 0.7 || c.Observed > 0.9 {
		t.Errorf("prefill is observed in %.2f of the time and scores %v (%s)", c.Observed, c.Value, c.Why)
	}
	if d := scoreOf(t, s, analyzer.Decode, PathE2E, CohortAll); d.Value == nil {
		t.Errorf("decode has no score: %s", d.Why)
	}
}
