package main

import (
	"math"
	"sync"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/emit"
)

// phaseSums are what simpler methods go by, from the same ledgers.
type phaseSums struct {
	requests int
	longest  [analyzer.NumPhases]int64 // part
	parts    [analyzer.NumPhases]int   // how many
	time     [analyzer.NumPhases]float64
	squares  [analyzer.NumPhases]float64 // of the time of each request
}

func (s *phaseSums) add(q *analyzer.Request) {
	s.requests++
	for _, p := range q.E2ELedger.Parts {
		s.longest[p.Phase] = max(s.longest[p.Phase], p.End-p.Start)
		s.parts[p.Phase]++
	}
	for p, ns := range q.E2ELedger.ByPhase() {
		s.time[p] += float64(ns)
		s.squares[p] += float64(ns) * float64(ns)
	}
}

// mean and deviation are of a phase's time in a request, in nanoseconds.
func (s *phaseSums) mean(p analyzer.Phase) float64 { return s.time[p] / float64(max(1, s.requests)) }

func (s *phaseSums) deviation(p analyzer.Phase) float64 {
	m := s.mean(p)
	return math.Sqrt(max(0, s.squares[p]/float64(max(1, s.requests))-m*m))
}

// Baselines name a phase by a simpler method.
const (
	longestSpan     = "longest span"
	largestShare    = "largest share"
	predecessorRule = "max > 2 x mean, mean > 100 ms"
	zScore          = "z-score against a healthy run"
)

var baselines = []string{longestSpan, largestShare, predecessorRule, zScore}

// leastZ is how many standard errors the mean of a phase must be above that of a healthy run to be named.
const leastZ = 3

// naive returns the phase that each baseline names. The last one compares with a healthy run under the same workload,
// model, device and seed.
func naive(s, healthy *phaseSums) map[string]string {
	longest, share, ratio, z := best{}, best{}, best{}, best{}
	for _, p := range analyzer.Phases {
		if p == analyzer.Unattributed {
			continue
		}
		longest.offer(p, float64(s.longest[p]))
		share.offer(p, s.time[p])
		if s.parts[p] > 0 {
			if mean := s.time[p] / float64(s.parts[p]); mean > 100e6 && float64(s.longest[p]) > 2*mean {
				ratio.offer(p, float64(s.longest[p])/mean)
			}
		}
		// A phase that hardly varies is held to a standard deviation of a tenth of a millisecond.
		spread := max(healthy.deviation(p), 1e5) / math.Sqrt(float64(max(1, s.requests)))
		if above := (s.mean(p) - healthy.mean(p)) / spread; above > leastZ {
			z.offer(p, above)
		}
	}
	return map[string]string{longestSpan: longest.name, largestShare: share.name, predecessorRule: ratio.name, zScore: z.name}
}

type best struct {
	name  string
	value float64
}

func (b *best) offer(p analyzer.Phase, value float64) {
	if value > b.value {
		b.name, b.value = p.String(), value
	}
}

// normals are the sums of healthy runs, each made once.
type normals struct {
	mutex sync.Mutex
	runs  map[string]*normalRun
}

type normalRun struct {
	once sync.Once
	sums *phaseSums
	err  error
}

// of returns the sums of the healthy run that is a scenario's pair.
func (n *normals) of(s *scenario, dialect string) (*phaseSums, error) {
	pair := scenario{part: partHealthy, workload: s.workload, shape: s.shape, seed: s.seed, seconds: s.seconds, dialects: []string{dialect}}
	n.mutex.Lock()
	if n.runs == nil {
		n.runs = map[string]*normalRun{}
	}
	key := pair.name() + " " + dialect
	run := n.runs[key]
	if run == nil {
		run = &normalRun{}
		n.runs[key] = run
	}
	n.mutex.Unlock()
	run.once.Do(func() { run.sums, run.err = sumsOf(&pair, dialect) })
	return run.sums, run.err
}

func sumsOf(s *scenario, name string) (*phaseSums, error) {
	system, err := simulate(s, -1)
	if err != nil {
		return nil, err
	}
	d, err := emit.ByName(name)
	if err != nil {
		return nil, err
	}
	var sums phaseSums
	for spans := range written(system, d) {
		requests, _ := analyzer.Requests(analyzer.NewTrace(blind(spans)), dialect.All)
		for i := range requests {
			sums.add(&requests[i])
		}
	}
	return &sums, nil
}
