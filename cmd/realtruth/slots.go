package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
)

// A slotsCompared is what a what-if says of another number of slots, beside a run that really has them.
type slotsCompared struct {
	Seed     uint64  `json:"seed"`
	From     int     `json:"from_slots"`
	To       int     `json:"to_slots"`
	Requests int     `json:"requests"`
	LagP99   float64 `json:"lag_p99_ms"`
	Slower   float64 `json:"slower_per_neighbour"` // as it is stated to the what-if
	P        float64 `json:"p"`
	Before   float64 `json:"observed_before_ms"` // E2E
	Said     float64 `json:"said_ms"`            // 0 where it abstains
	Real     float64 `json:"real_ms"`
	Why      string  `json:"abstained,omitempty"`
}

// The load under which one slot is compared with four: what one slot can serve, so that few wait for long and more do.
const (
	slotsShare   = 0.75
	slotsRuns    = 2
	slotsSeconds = 12
)

// compareSlots sends the same requests to a server that computes one at a time and to one that computes four, and asks of
// the telemetry of each what the other would do.
func compareSlots(ctx context.Context, o *options, four *machine, folder string) (list []slotsCompared, err error) {
	one, err := startMachine(ctx, o, folder, "one-slot", 1, strings.Fields(o.runWith))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, one.Stop()) }()
	alone, slower, err := four.measureSlower(ctx)
	if err != nil {
		return nil, err
	}
	f := &faultCase{share: slotsShare}
	for n := range slotsRuns {
		seed := o.seed + 1000 + uint64(n)
		load, err := four.prompts.plan(f, 1/alone, 0, slotsSeconds*1e9, seed)
		if err != nil {
			return nil, err
		}
		var seen [2]*observation
		for i, m := range []*machine{one, four} {
			if err := m.warm(ctx); err != nil {
				return nil, err
			}
			if seen[i], err = observe(ctx, []*machine{m}, f, m.parallel, seed, load); err != nil {
				return nil, err
			}
			if err := o.write(seen[i].spans, fmt.Sprintf("slots-%d-%d", m.parallel, seed)); err != nil {
				return nil, err
			}
		}
		for i, m := range []*machine{one, four} {
			to := []*machine{four, one}[i]
			said, why, err := whatIf(seen[i].spans, to.parallel, slower)
			if err != nil {
				return nil, err
			}
			for _, p := range []float64{0.5, 0.95} {
				list = append(list, slotsCompared{
					LagP99: max(lagP99(seen[0].sent), lagP99(seen[1].sent)).Seconds() * 1e3, Slower: slower,
					Seed: seed, From: m.parallel, To: to.parallel, Requests: len(load), P: p, Why: why,
					Before: endToEnd(seen[i].spans, p), Said: said[p], Real: endToEnd(seen[1-i].spans, p),
				})
			}
		}
	}
	return list, nil
}

// measureSlower returns how long a request takes alone, in seconds, and by how much of that it takes longer for each other
// one beside it, which is what the fact slower_per_neighbour states: the mean of what it is beside one, two and so on, as
// the first neighbour costs the most. The requests are of all lengths that the comparison has.
func (m *machine) measureSlower(ctx context.Context) (alone, slower float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, paceTime)
	defer cancel()
	if alone, err = m.timed(ctx, 1, differentLengths, faultCase{}); err != nil {
		return 0, 0, err
	}
	for n := 2; n <= m.parallel; n++ {
		each, err := m.timed(ctx, n, differentLengths, faultCase{})
		if err != nil {
			return 0, 0, err
		}
		slower += max(0, (each*float64(n)/alone-1)/float64(n-1)) / float64(m.parallel-1)
	}
	return alone, slower, nil
}

// whatIf asks what E2E would be with so many slots, in milliseconds by quantile; why says why it abstains. It is told by
// how much requests slow each other down, which a server with one slot does not show.
func whatIf(spans []analyzer.Span, slots int, slower float64) (said map[float64]float64, why string, err error) {
	known := maps.Clone(facts)
	if slower > 0 {
		known["slower_per_neighbour"] = strconv.FormatFloat(slower, 'g', 3, 64)
	}
	w, err := report.BuildWhatIf(traces(spans), population.Scenario{Slots: slots}, report.Options{Source: "run", Dialects: dialect.All, Facts: known})
	if err != nil {
		return nil, "", fmt.Errorf("ask what %d slots would do: %w", slots, err)
	}
	if refusal := w.Refusal(); refusal != nil {
		return nil, refusal.Why, nil
	}
	said = map[float64]float64{}
	for i := range w.Domains {
		for _, e := range w.Domains[i].Effects {
			if e.Path == population.PathE2E {
				said[e.P] = e.After / 1e6
			}
		}
	}
	return said, "", nil
}

// endToEnd returns a quantile of E2E, in milliseconds.
func endToEnd(spans []analyzer.Span, p float64) float64 {
	var list []int64
	for t := range analyzer.GroupByTrace(slices.Clone(spans)) {
		requests, _ := analyzer.Requests(t, dialect.All)
		for i := range requests {
			list = append(list, requests[i].E2E())
		}
	}
	slices.Sort(list)
	return float64(list[population.NearestRank(len(list), p)]) / 1e6
}
