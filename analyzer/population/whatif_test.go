package population_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// ask asks a question of one engine's traces.
func ask(t *testing.T, p *population.Population, f population.Facts, c population.Scenario) population.WhatIf {
	t.Helper()
	o := population.StudyOptions{Facts: f, Seed: 7}
	list, err := p.WhatIf(population.Examine(p, o), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("%d domains, want 1", len(list))
	}
	return list[0]
}

// TestReplayPredictsOtherSlots: from the traces of a server with some workers, what-if says what the same requests take
// with another number of them, for which they are served again.
func TestReplayPredictsOtherSlots(t *testing.T) {
	const n, mean = 3000, second / 2
	r := rand.New(rand.NewPCG(11, 12))
	for _, x := range []struct {
		name  string
		tasks []task
		slots int
		both  bool
	}{
		{"M/M/4", exponentialTasks(r, n, 7, mean), 4, true},
		{"M/G/6", tasksOf(r, n, 10.5, 1, lognormal(r, mean, 1)), 6, true},
		{"bursts", tasksOf(r, n, 9, 40, lognormal(r, mean, 0.7)), 8, true},
		{"batches", tasksOf(r, n, 6, 4, func() float64 { return float64(mean) }), 5, true},
		{"M/M/2, in prefill", exponentialTasks(r, n, 17, mean), 2, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := tell(t, serve(x.tasks, x.slots, x.both), "engine-1")
			for _, slots := range []int{x.slots - 1, x.slots + 1, 2 * x.slots} {
				truth := latencies(serve(x.tasks, slots, x.both))
				w := ask(t, p, nil, population.Scenario{Slots: slots})
				for _, q := range []float64{0.5, 0.95} {
					got, want := effect(t, w.Effects, population.PathE2E, q), population.QuantileOf(truth, q).Value
					if math.Abs(got.After/want-1) > 0.1 {
						t.Errorf("%d slots instead of %d: p%.0f is %.2f s, want %.2f (%s)", slots, x.slots, 100*q, got.After/1e9, want/1e9, w.Server)
					}
				}
			}
		})
	}
}

// batch lets an engine with continuous batching serve the tasks, one step after the other: each step makes a token of
// every answer, spends what is left of the budget on prompts, and takes longer with every answer in it.
func batch(tasks []task, seats int, budget int64, step, perAnswer, perToken float64) []task {
	tasks = slices.Clone(tasks)
	type seat struct{ task, prompt, output int64 }
	var busy []seat
	now, next := 0.0, 0
	for next < len(tasks) || len(busy) > 0 {
		if len(busy) == 0 {
			now = max(now, float64(tasks[next].arrive))
		}
		left, answers := budget, 0
		for i := range busy {
			if busy[i].prompt == 0 {
				busy[i].output--
				answers++
				left--
			}
		}
		used := budget - left
		for i := range busy {
			if s := &busy[i]; s.prompt > 0 {
				n := min(s.prompt, left)
				s.prompt, left, used = s.prompt-n, left-n, used+n
				if s.prompt == 0 {
					s.prompt = -1 // ends with this step
				}
			}
		}
		for left > 0 && len(busy) < seats && next < len(tasks) && float64(tasks[next].arrive) <= now {
			tasks[next].start = int64(now)
			s := seat{int64(next), tasks[next].prompt, tasks[next].output - 1}
			n := min(s.prompt, left)
			s.prompt, left, used = s.prompt-n, left-n, used+n
			if s.prompt == 0 {
				s.prompt = -1
			}
			busy = append(busy, s)
			next++
		}
		now += max(step+perAnswer*float64(max(0, answers-1)), perToken*float64(used))
		busy = slices.DeleteFunc(busy, func(s seat) bool {
			k := &tasks[s.task]
			if s.prompt == 0 && s.output == 0 {
				k.decode = int64(now) - k.start - k.prefill
			}
			return s.prompt == 0 && s.output == 0
		})
		for i := range busy {
			if s := &busy[i]; s.prompt < 0 {
				s.prompt = 0
				tasks[s.task].prefill = int64(now) - tasks[s.task].start
			}
		}
	}
	return tasks
}

// TestReplayPredictsOtherBatches: an engine whose steps take longer with more answers in them is not thought to have
// slots that do not matter to each other.
func TestReplayPredictsOtherBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	tasks := tasksOf(r, 1500, 7, 1, lognormal(r, second/2, 0.5))
	for i := range tasks {
		tasks[i].prompt, tasks[i].output = 100+r.Int64N(2000), 20+r.Int64N(80)
	}
	serve := func(seats int) []task { return batch(tasks, seats, 2048, 6e6, 9e5, 20e3) }
	p := tell(t, serve(6), "engine-1")
	for _, seats := range []int{5, 8, 16} {
		w := ask(t, p, nil, population.Scenario{Slots: seats})
		truth := latencies(serve(seats))
		for _, q := range []float64{0.5, 0.95} {
			got, want := effect(t, w.Effects, population.PathE2E, q), population.QuantileOf(truth, q).Value
			t.Logf("%d seats, p%.0f: %.2f s of %.2f (%s)", seats, 100*q, got.After/1e9, want/1e9, w.Server)
			if math.Abs(got.After/want-1) > 0.1 {
				t.Errorf("%d seats instead of 6: p%.0f is %.2f s, want %.2f (%s)", seats, 100*q, got.After/1e9, want/1e9, w.Server)
			}
		}
	}
}

// TestReplayPredictsChunkBudget: a small budget is seen in the traces, and a larger one is predicted.
func TestReplayPredictsChunkBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	tasks := tasksOf(r, 1200, 0.8, 1, lognormal(r, second/2, 0.5))
	for i := range tasks {
		tasks[i].prompt, tasks[i].output = 500+r.Int64N(3000), 2+r.Int64N(60)
	}
	serve := func(budget int64) []task { return batch(tasks, 256, budget, 25e6, 0, 25e6/200) }
	p := tell(t, serve(64), "engine-1")
	w := ask(t, p, nil, population.Scenario{ChunkBudget: 128})
	truth := latencies(serve(128))
	for _, q := range []float64{0.5, 0.95} {
		got, want := effect(t, w.Effects, population.PathE2E, q), population.QuantileOf(truth, q).Value
		t.Logf("p%.0f: %.2f s before, %.2f after, in truth %.2f (%s)", 100*q, got.Before/1e9, got.After/1e9, want/1e9, w.Server)
		if math.Abs(got.After/want-1) > 0.1 {
			t.Errorf("p%.0f is %.2f s, want %.2f (%s)", 100*q, got.After/1e9, want/1e9, w.Server)
		}
	}
}

// TestWhatIfRefuses: what the data cannot carry is not said, and why.
func TestWhatIfRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	tasks := exponentialTasks(r, 600, 7, second/2)
	served := serve(tasks, 4, true)
	last := lastFirst(exponentialTasks(r, 1000, 1.9, second/2))
	idle := serve(exponentialTasks(r, 600, 1, second/20), 4, true)
	faster := scale(analyzer.Decode, 0.5)
	for _, x := range []struct {
		name     string
		tasks    []task
		instance string
		facts    population.Facts
		ask      population.Scenario
		why      string // part of it
	}{
		{"too few", served[:50], "e", nil, faster, "50 requests"},
		{"no instance", served, "", nil, faster, "no span names the engine's process"},
		{"sampled", served, "e", population.Facts{"sampling": "0.5"}, faster, "only 0.5 of the requests"},
		{"last come first served", last, "e", population.Facts{"sampling": "none"}, faster, "replaying today misses"},
		{"slots of a calm server", idle, "e", nil, population.Scenario{Slots: 8}, "no limit of slots was seen to bind"},
	} {
		w := ask(t, tell(t, x.tasks, x.instance), x.facts, x.ask)
		if len(w.Effects) > 0 || len(w.Abstained) != 1 || !strings.Contains(w.Abstained[0].Why, x.why) {
			t.Errorf("%s: effects %v, refusals %+v; want none and one with %q", x.name, w.Effects, w.Abstained, x.why)
		}
	}
	if w := ask(t, callers(t, 20), nil, faster); len(w.Effects) > 0 || len(w.Serial) > 0 || len(w.Abstained) != 1 {
		t.Errorf("callers' telemetry alone: effects %v and %v, refusals %+v; want none and one", w.Effects, w.Serial, w.Abstained)
	}
	if w := ask(t, tell(t, served, ""), population.Facts{"replicas": "1"}, faster); len(w.Effects) == 0 {
		t.Errorf("one replica: %+v, want effects", w.Abstained)
	}
}

// callers are what n callers know of one engine: when they asked and were answered, and nothing between.
func callers(t *testing.T, n int) *population.Population {
	t.Helper()
	b := population.NewBuilder(population.Window{}, population.Filter{}, dialect.All)
	for i := range n {
		s := analyzer.Span{
			TraceID: analyzer.TraceID{15: byte(i + 1)}, ID: analyzer.SpanID{7: 1}, Name: "chat", Kind: analyzer.SpanKindClient,
			Resource: &analyzer.Resource{}, Start: epoch + int64(i)*second, End: epoch + int64(i+1)*second,
			Attributes: analyzer.Attributes{{Key: "gen_ai.operation.name", Value: analyzer.String("chat")}},
		}
		b.Add(analyzer.NewTrace([]analyzer.Span{s}))
	}
	return b.Population()
}

// lastFirst serves one at a time whoever came last.
func lastFirst(tasks []task) []task {
	tasks = slices.Clone(tasks)
	var waiting []int
	now, next := int64(0), 0
	for next < len(tasks) || len(waiting) > 0 {
		if len(waiting) == 0 {
			now = max(now, tasks[next].arrive)
		}
		for next < len(tasks) && tasks[next].arrive <= now {
			waiting = append(waiting, next)
			next++
		}
		k := &tasks[waiting[len(waiting)-1]]
		waiting = waiting[:len(waiting)-1]
		k.start = now
		now += k.prefill + k.decode
	}
	return tasks
}

func TestScenarioCheck(t *testing.T) {
	for _, x := range []struct {
		c    population.Scenario
		want string // part of the error; "" for none
	}{
		{population.Scenario{}, "nothing is changed"},
		{scale(analyzer.Queue, 0.5), "queue is what comes out"},
		{scale(analyzer.Unattributed, 0.5), "nobody knows"},
		{scale(analyzer.Prefill, -1), "want a factor"},
		{scale(analyzer.Prefill, math.NaN()), "want a factor"},
		{scale(analyzer.Prefill, math.Inf(1)), "want a factor"},
		{population.Scenario{Rate: math.NaN()}, "the rate is scaled"},
		{population.Scenario{Rate: 1e6}, "the rate is scaled"},
		{population.Scenario{Slots: -1}, "slots"},
		{population.Scenario{ChunkBudget: -1}, "chunk budget"},
		{scale(analyzer.Prefill, 0), ""},
		{population.Scenario{Rate: 2, Slots: 3, ChunkBudget: 4}, ""},
	} {
		err := x.c.Check()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v, want %q", x.c, err, x.want)
		}
	}
}

// TestSameSeedSameAnswer: one question has one answer, to the last digit of its intervals.
func TestSameSeedSameAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	p := tell(t, serve(exponentialTasks(r, 800, 7, second/2), 4, true), "e")
	c := scale(analyzer.Decode, 0.7)
	if a, b := ask(t, p, nil, c), ask(t, p, nil, c); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v and %+v", a, b)
	}
}

// TestScaledServiceHasFeedback: with feedback more is won than without, and a phase that is scaled by one wins nothing.
func TestScaledServiceHasFeedback(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	p := tell(t, serve(exponentialTasks(r, 1500, 7, second/2), 4, true), "e")
	w := ask(t, p, nil, scale(analyzer.Decode, 0.8))
	with, without := effect(t, w.Effects, population.PathE2E, 0.95), effect(t, w.Serial, population.PathE2E, 0.95)
	if with.Delta > 1.5*without.Delta {
		t.Errorf("p95 changes by %.2f s with feedback and %.2f s without", with.Delta/1e9, without.Delta/1e9)
	}
	for _, e := range ask(t, p, nil, scale(analyzer.Decode, 1)).Effects {
		if e.Delta != 0 {
			t.Errorf("nothing is scaled, and %s p%.0f changes by %g ns", e.Path, 100*e.P, e.Delta)
		}
	}
}
