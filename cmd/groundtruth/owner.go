package main

import (
	"math"
	"slices"
	"sync"

	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/report"
)

// headroom is how many times what a system did when it was as it should be its owner lets it take.
const headroom = 1.5

// owners know what their systems did before anything was wrong with them: each is run once with the seed of calibration,
// and several scenarios can have the same.
type owners struct {
	seed  uint64
	mutex sync.Mutex
	list  map[string]*owner
}

// An owner states the targets of one system.
type owner struct {
	calibration scenario

	once    sync.Once
	targets []report.Target
	err     error

	sampled   sync.Once
	sample    *population.Sample
	sampleErr error
}

// of returns the owner of a scenario's system.
func (o *owners) of(s *scenario) (*owner, error) {
	calibration := s.calibration(o.seed)
	o.mutex.Lock()
	if o.list == nil {
		o.list = map[string]*owner{}
	}
	key := calibration.name()
	one := o.list[key]
	if one == nil {
		one = &owner{calibration: calibration}
		o.list[key] = one
	}
	o.mutex.Unlock()
	one.once.Do(func() { one.err = one.calibrate() })
	return one, one.err
}

// calibration is the scenario's system as it should be, under the same load but for the seed: a healthy one is, and of
// faults only the load stays that comes with them. Without such a load it is the same for all faults.
func (s *scenario) calibration(seed uint64) scenario {
	c := scenario{part: s.part, injections: s.injections, workload: s.workload, shape: s.shape, seed: seed, seconds: s.seconds}
	if c.isHealthy() {
		c.part = partHealthy
		return c
	}
	c.part = partCalibration
	if !slices.ContainsFunc(s.injections, func(i fault.Injection) bool { return i.Fault.HasLoad() }) {
		c.injections = nil
	}
	return c
}

// partCalibration marks systems that are run for their owners alone.
const partCalibration part = "calibration"

func (o *owner) calibrate() error {
	system, err := simulate(&o.calibration, -1)
	if err != nil {
		return err
	}
	o.targets = statedTargets(system.run)
	return nil
}

// baseline is the calibration run in the main dialect, as slowtoken analyze --baseline takes it.
func (o *owner) baseline() (*population.Sample, error) {
	o.sampled.Do(func() {
		system, err := simulate(&o.calibration, -1)
		if err != nil {
			o.sampleErr = err
			return
		}
		d, err := emit.ByName(mainDialect)
		if err != nil {
			o.sampleErr = err
			return
		}
		o.sample, o.sampleErr = report.Sample(tracesOf(system, d), report.Options{Dialects: dialect.All})
	})
	return o.sample, o.sampleErr
}

// missed reports whether a run takes longer than its owner lets it.
func (o *owner) missed(run *sim.Run) bool {
	measured := did(run)
	return slices.ContainsFunc(o.targets, func(t report.Target) bool { return measured[t.Name] > t.Limit })
}

// statedTargets are the default targets, or what leaves the run its headroom where that is more.
func statedTargets(run *sim.Run) []report.Target {
	measured := did(run)
	targets := report.Defaults()
	for i := range targets {
		t := &targets[i]
		// Whole milliseconds, or tenths of one for a token: as a person would state them.
		digit := 1e6
		if t.Name == "tpot-mean" {
			digit = 1e5
		}
		t.Limit = max(t.Limit, math.Ceil(headroom*measured[t.Name]/digit)*digit)
		if t.Acceptable > 0 {
			t.Acceptable = max(t.Acceptable, t.Limit)
		}
	}
	return targets
}

// did is what a run did of each default target, in nanoseconds, by the clocks of its clients.
func did(run *sim.Run) map[string]float64 {
	var ttft, e2e []float64
	var perToken, streamed float64
	for i := range run.Requests {
		r := &run.Requests[i]
		if r.Refused {
			continue
		}
		ttft, e2e = append(ttft, float64(r.TTFT())), append(e2e, float64(r.E2E()))
		if r.Output > 1 && !r.Whole {
			perToken += float64(r.Last.Read-r.First.Read) / float64(r.Output-1)
			streamed++
		}
	}
	return map[string]float64{
		"ttft-p50": quantile(ttft, 0.5), "ttft-p95": quantile(ttft, 0.95), "ttft-p99": quantile(ttft, 0.99),
		"tpot-mean": perToken / max(1, streamed), "e2e-p95": quantile(e2e, 0.95),
	}
}

// quantile is by nearest rank; 0 of nothing.
func quantile(list []float64, p float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(math.Ceil(p*float64(len(sorted))))-1]
}
