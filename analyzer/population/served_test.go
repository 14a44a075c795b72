package population_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A task is a request that a server of these tests serves. Times are nanoseconds from the first.
type task struct {
	arrive, prefill, decode int64
	prompt, output          int64 // tokens
	start                   int64 // when it leaves the queue
	model                   string
}

const (
	second      = int64(1e9)
	millisecond = int64(1e6)
	epoch       = 1_772_366_400 * second
)

// tell returns the population of tasks as vLLM tells of them; instance "" is a process without a name.
func tell(t *testing.T, tasks []task, instance string) *population.Population {
	t.Helper()
	return tellFrom(t, tasks, instance, population.Window{})
}

// tellFrom does so for a window.
func tellFrom(t *testing.T, tasks []task, instance string, w population.Window) *population.Population {
	t.Helper()
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("engine")}}}
	if instance != "" {
		resource.Attributes = append(resource.Attributes, analyzer.Attribute{Key: "service.instance.id", Value: analyzer.String(instance)})
	}
	b := population.NewBuilder(w, population.Filter{}, dialect.All)
	for i, k := range tasks {
		seconds := func(key string, ns int64) analyzer.Attribute {
			return analyzer.Attribute{Key: "gen_ai.latency." + key, Value: analyzer.Double(float64(ns) / 1e9)}
		}
		wait := k.start - k.arrive
		s := analyzer.Span{
			Name: "llm_request", Kind: analyzer.SpanKindServer, Resource: resource,
			Start: epoch + k.arrive, End: epoch + k.start + k.prefill + k.decode,
			Attributes: analyzer.Attributes{
				seconds("time_in_queue", wait), seconds("time_in_model_prefill", k.prefill), seconds("time_in_model_decode", k.decode),
				seconds("time_to_first_token", wait+k.prefill),
				{Key: "gen_ai.usage.prompt_tokens", Value: analyzer.Int(k.prompt)},
				{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(k.output)},
				{Key: "gen_ai.request.model", Value: analyzer.String(k.model)},
			},
		}
		binary.BigEndian.PutUint64(s.TraceID[8:], uint64(i+1))
		binary.BigEndian.PutUint64(s.ID[:], uint64(i+1))
		b.Add(analyzer.NewTrace([]analyzer.Span{s}))
	}
	return b.Population()
}

// serve lets workers take the tasks first come first served; each is busy for a task's prefill, and decode if both is
// set. It is written for these tests alone and shares nothing with package replay.
func serve(tasks []task, workers int, both bool) []task {
	tasks = slices.Clone(tasks)
	slices.SortStableFunc(tasks, func(a, b task) int { return int(a.arrive - b.arrive) })
	free := make([]int64, workers)
	for i := range tasks {
		k := &tasks[i]
		slices.Sort(free)
		k.start = max(k.arrive, free[0])
		free[0] = k.start + k.prefill
		if both {
			free[0] += k.decode
		}
	}
	return tasks
}

// exponentialTasks returns n tasks whose service is exponential around mean, a fifth of it prefill, that arrive at random
// at that many a second.
func exponentialTasks(r *rand.Rand, n int, perSecond float64, mean int64) []task {
	return tasksOf(r, n, perSecond, 1, func() float64 { return r.ExpFloat64() * float64(mean) })
}

// tasksOf returns n tasks of the given service that arrive in groups, at random.
func tasksOf(r *rand.Rand, n int, perSecond float64, group int, service func() float64) []task {
	list := make([]task, n)
	at := 0.0
	for i := range list {
		if i%group == 0 {
			at += r.ExpFloat64() / perSecond * float64(group) * 1e9
		}
		ns := max(2e6, service())
		list[i] = task{arrive: int64(at), prefill: int64(ns / 5), decode: int64(ns / 5 * 4), model: "m"}
		list[i].prompt = list[i].prefill/20_000 + 1
		list[i].output = list[i].decode/(10*millisecond) + 2
	}
	return list
}

func lognormal(r *rand.Rand, mean int64, sigma float64) func() float64 {
	return func() float64 { return math.Exp(r.NormFloat64()*sigma-sigma*sigma/2) * float64(mean) }
}

// latencies returns the sorted E2E of served tasks.
func latencies(tasks []task) []float64 {
	list := make([]float64, len(tasks))
	for i, k := range tasks {
		list[i] = float64(k.start + k.prefill + k.decode - k.arrive)
	}
	slices.Sort(list)
	return list
}
