package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// A bench runs scenarios.
type bench struct {
	rules     *rules.Set
	rulesHash string
	leastCost float64
	show      bool // results hold the whole report as a text
	normal    normals
	owners    owners
}

func newBench(s *split) (*bench, error) {
	files := rules.Builtin()
	set, err := rules.Load(files)
	if err != nil {
		return nil, fmt.Errorf("load the rules: %w", err)
	}
	sum := sha256.New()
	for _, f := range files { // which come sorted by name
		fmt.Fprintf(sum, "%s\n%s\n", f.Name, f.Text)
	}
	return &bench{rules: set, rulesHash: hex.EncodeToString(sum.Sum(nil)), leastCost: s.LeastCost, owners: owners{seed: s.Seeds.Calibration}}, nil
}

// A result is what came of one scenario in one dialect.
type result struct {
	scenario
	dialect  string
	requests int

	cost   cost // of the fault; zero of healthy runs and damage
	answer answer
	naive  map[string]string // by baseline, the phase that it names; "" for none
	scores map[analyzer.Phase]scored
	// baselined are the scores where a measured baseline is given; nil where no saving is held against them.
	baselined map[analyzer.Phase]scored
	// recovery and baselinedRecovery are what the finding of the right rule says can be won back; nil where none is named.
	recovery, baselinedRecovery *recovery
	// unfit says of a healthy run that it misses a target of its owner: it is no healthy one.
	unfit  bool
	errors map[string]*phaseError // by row of the dialect's table
	joined int                    // requests that the analyzer and the simulation both have
	shown  string                 // the whole report, where the bench shows it
}

// measureAll runs all scenarios, and gives their results in the scenarios' order.
func (b *bench) measureAll(ctx context.Context, list []scenario, workers int, progress func(done int)) ([]*result, error) {
	all := make([][]*result, len(list))
	errs := make([]error, len(list))
	var next, done atomic.Int64
	var tell sync.Mutex
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				if all[i], errs[i] = b.measure(list[i]); errs[i] != nil {
					errs[i] = fmt.Errorf("%s: %w", list[i].name(), errs[i])
				}
				tell.Lock()
				progress(int(done.Add(1)))
				tell.Unlock()
			}
		})
	}
	pool.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var results []*result
	for i := range all {
		if errs[i] != nil {
			return nil, errs[i]
		}
		results = append(results, all[i]...)
	}
	return results, nil
}

// measure simulates a scenario once, and lets the analyzer read it in each of its dialects.
func (b *bench) measure(s scenario) ([]*result, error) {
	broken, err := simulate(&s, -1)
	if err != nil {
		return nil, err
	}
	var c cost
	var mended *simulated
	if !s.isHealthy() && s.part != partDamage && len(s.injections) == 1 {
		if mended, err = simulate(&s, 0); err != nil {
			return nil, err
		}
		c = costOf(broken.run, mended.run)
	}
	var results []*result
	for _, name := range s.dialects {
		r := &result{scenario: s, dialect: name, requests: len(broken.run.Requests), cost: c}
		if err := b.analyze(broken, mended, r); err != nil {
			return nil, fmt.Errorf("as %s: %w", name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// A simulated scenario.
type simulated struct {
	scenario *fault.Scenario
	run      *sim.Run
}

// simulate runs the scenario without the injection at an index, or with all of them.
func simulate(s *scenario, mended int) (*simulated, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	system, err := fault.NewScenario(o)
	if err != nil {
		return nil, err
	}
	if s.part == partCalibration {
		err = system.InjectLoads(s.injections)
	} else {
		err = system.InjectAllBut(s.injections, mended)
	}
	if err != nil {
		return nil, err
	}
	system.Config.KeepTokens = mended < 0 && slices.ContainsFunc(s.dialects, writesTokens)
	run, err := system.Run()
	if err != nil {
		return nil, err
	}
	return &simulated{system, run}, nil
}

func writesTokens(name string) bool {
	d, err := emit.ByName(name)
	return err == nil && d.Tokens
}

// analyze lets the analyzer read the run in a dialect, without its truth and under names that say nothing. The mended run
// is nil where nothing can be mended.
func (b *bench) analyze(s, mended *simulated, r *result) error {
	d, err := emit.ByName(r.dialect)
	if err != nil {
		return err
	}
	ledgers := newLedgers(s.run, r.dialect)
	traces := func(yield func(*analyzer.Trace, error) bool) {
		for spans := range written(s, d) {
			truth := indexOf(spans)
			t := analyzer.NewTrace(blind(spans))
			ledgers.add(t, truth)
			if !yield(t, nil) {
				return
			}
		}
	}
	owner, err := b.owners.of(&r.scenario)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	rep, err := report.Build(traces, b.options(s, d, owner))
	if err != nil {
		return err
	}
	ledgers.compare()
	r.answer = answerOf(rep)
	r.scores = scoresOf(rep)
	r.errors, r.joined = ledgers.errors, ledgers.joined
	r.unfit = r.isHealthy() && owner.missed(s.run)
	if b.saves(r) {
		r.recovery = recoveryOf(rep.Findings, r.labels(), s.run, mended.run)
		o := b.options(s, d, owner)
		if o.Baseline, err = owner.baseline(); err != nil {
			return fmt.Errorf("calibrate: %w", err)
		}
		again, err := report.Build(tracesOf(s, d), o)
		if err != nil {
			return err
		}
		r.baselined = scoresOf(again)
		r.baselinedRecovery = recoveryOf(again.Findings, r.labels(), s.run, mended.run)
	}
	if b.show {
		if r.shown, err = show(r, rep, b.rules); err != nil {
			return err
		}
	}
	if r.part != partDamage && r.part != partPairs && r.part != partCurve && r.dialect == mainDialect {
		normal, err := b.normal.of(&r.scenario, r.dialect)
		if err != nil {
			return err
		}
		r.naive = naive(&ledgers.sums, normal)
	}
	return nil
}

// saves reports whether the scores of a result can be held against what mending its fault saves.
func (b *bench) saves(r *result) bool {
	return (r.part == partDevelop || r.part == partHeldOut) && r.dialect == mainDialect && r.cost.paired && r.observable() && r.material(b.leastCost)
}

// tracesOf are the traces of a run in a dialect as the analyzer gets them.
func tracesOf(s *simulated, d emit.Dialect) iter.Seq2[*analyzer.Trace, error] {
	return func(yield func(*analyzer.Trace, error) bool) {
		for spans := range written(s, d) {
			if !yield(analyzer.NewTrace(blind(spans)), nil) {
				return
			}
		}
	}
}

// written yields the traces of a run in a dialect, with their truth.
func written(s *simulated, d emit.Dialect) iter.Seq[[]analyzer.Span] {
	return emit.Traces(s.run, d, emit.Options{Truth: true, Damage: s.scenario.Damage})
}

// options are those of a person who knows what is served, how the server is configured, and what it should do.
func (b *bench) options(s *simulated, d emit.Dialect, o *owner) report.Options {
	to := report.Options{Source: "simulation", Dialects: dialect.All, Targets: o.targets, Rules: b.rules, Facts: factsOf(s)}
	if points := metricsOf(s.run, d); points != nil {
		to.Metrics = func(population.Window) ([]analyzer.MetricPoint, error) { return points, nil }
	}
	return to
}
