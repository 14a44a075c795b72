package main

import (
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A phaseError is how far what is read of a phase is from the truth, request by request.
type phaseError struct {
	truth float64   // sum, in nanoseconds
	off   []float64 // in nanoseconds, without sign
}

func (e *phaseError) add(other *phaseError) {
	e.truth += other.truth
	e.off = append(e.off, other.off...)
}

// mean is how far off requests are on average; p95 is the 95th percentile by nearest rank. Both are in nanoseconds.
func (e *phaseError) mean() float64 {
	var sum float64
	for _, off := range e.off {
		sum += off
	}
	return sum / float64(len(e.off))
}

func (e *phaseError) p95() float64 { return quantile(e.off, 0.95) }

func (e *phaseError) meanTruth() float64 { return e.truth / float64(len(e.off)) }

// withinTarget reports whether the error is at most 2 ms or 2 % of the truth.
func (e *phaseError) withinTarget() bool { return e.mean() <= max(2e6, 0.02*e.meanTruth()) }

// ledgers hold what is read of each request against what is true of it, and add up what baselines go by.
type ledgers struct {
	run    *sim.Run
	rows   []row
	errors map[string]*phaseError
	joined int
	sums   phaseSums

	read *population.Builder
	of   map[analyzer.TraceID]*sim.Request // that a trace of one request tells of
}

func newLedgers(run *sim.Run, in string) *ledgers {
	l := &ledgers{
		run: run, errors: map[string]*phaseError{}, of: map[analyzer.TraceID]*sim.Request{},
		read: population.NewBuilder(population.Window{}, population.Filter{}, dialect.All),
	}
	if c := carrierOf(in); c != nil {
		l.rows = c.rows
	}
	return l
}

// indexOf returns which request spans are of, by the truth that rides along; -1 for none, such as a monitor's visit.
func indexOf(spans []analyzer.Span) int64 {
	for i := range spans {
		if due, ok := spans[i].Attributes.Number(truthPrefix + "start"); ok {
			return int64(due)
		}
	}
	return -1
}

// add takes in one trace; due is when its request was due.
func (l *ledgers) add(t *analyzer.Trace, due int64) {
	requests, _ := analyzer.Requests(t, dialect.All)
	for i := range requests {
		l.sums.add(&requests[i])
	}
	at, found := slices.BinarySearchFunc(l.run.Requests, due, func(q sim.Request, due int64) int {
		// Attributes hold such a number as a float64.
		return int(float64(q.Due) - float64(due))
	})
	l.read.Add(t)
	if found && len(requests) == 1 {
		l.of[t.ID] = &l.run.Requests[at]
	}
}

// compare holds what the population's records say of each request, once all traces are in, against the truth: what reports,
// scores and rules read, some of which only all requests together show.
func (l *ledgers) compare() {
	p := l.read.Population()
	for i := range p.Records {
		r := &p.Records[i]
		truth := l.of[r.TraceID]
		if truth == nil || r.Outcome != analyzer.Succeeded {
			continue
		}
		l.joined++
		var read, readFirst [analyzer.NumPhases]int64
		for _, t := range r.Phases() {
			read[t.Phase] += t.E2E
			readFirst[t.Phase] += t.TTFT
		}
		is, isFirst := sim.ByPhase(truth.Ledger()), sim.ByPhase(truth.FirstTokenLedger())
		for _, w := range l.rows {
			got, want := &read, &is
			if w.ttft {
				if got, want = &readFirst, &isFirst; r.FirstToken == 0 {
					continue
				}
			}
			l.note(&w, got, want)
		}
	}
}

// note adds how far one request's row is off.
func (l *ledgers) note(w *row, got, want *[analyzer.NumPhases]int64) {
	var difference, total float64
	for _, p := range w.read {
		difference += float64(got[p])
	}
	for _, p := range w.truth {
		total += float64(want[p])
	}
	e := l.errors[w.name]
	if e == nil {
		e = &phaseError{}
		l.errors[w.name] = e
	}
	e.truth += total
	e.off = append(e.off, math.Abs(difference-total))
}
