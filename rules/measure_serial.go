package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// An approach is a request's way to the engine: to the start of its span where that has others above it, else to its queue,
// without tokenizing where that is stated. What senders and gateways take is left out. Times are in nanoseconds since the
// Unix epoch.
type approach struct {
	sent, arrived int64
	network       int64 // nanoseconds of the way that lie outside of the server
	done          int64 // when the engine was done with the request
}

func (a *approach) took() int64 { return a.arrived - a.sent }

// approaches returns those of all requests that show when they reached the engine, in the order in which they were sent.
func (v *view) approaches() (list []approach) {
	for _, r := range v.members {
		if r.Joined == 0 || r.Outcome != analyzer.Succeeded {
			continue
		}
		path := pathBefore(r)
		a := approach{
			sent:    r.Start + phaseTime(r, analyzer.Client, path) + phaseTime(r, analyzer.Retry, path) + phaseTime(r, analyzer.Gateway, path),
			arrived: r.Joined - phaseTime(r, analyzer.Tokenize, path),
			done:    r.LastToken,
		}
		if r.Entered != 0 { // known for certain, where the rest of the time before the queue is what other parts leave
			a.arrived = min(a.arrived, r.Entered)
		}
		if a.done == 0 {
			a.done = r.Joined + served(r)
		}
		if a.took() < 0 || a.done < a.arrived {
			continue
		}
		a.network = min(phaseTime(r, analyzer.Network, path), a.took())
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b approach) int { return cmp.Compare(a.sent, b.sent) })
	return list
}

// served returns how long the engine has a request, waiting for it included, as its phases tell.
func served(r *population.Record) (ns int64) {
	for _, t := range r.Phases() {
		switch t.Phase {
		case analyzer.Queue, analyzer.GPUTransfer, analyzer.Prefill, analyzer.Decode, analyzer.Other:
			ns += t.E2E
		case analyzer.Unattributed:
			if t.Covers.Has(analyzer.Prefill) {
				ns += t.E2E
			}
		}
	}
	return ns
}

// pathBefore is the path on which time before the engine is told from time after it, as far as r tells.
func pathBefore(r *population.Record) population.Path {
	if r.FirstToken == 0 {
		return population.PathE2E
	}
	return population.PathTTFT
}

// measureSerial fills in whether requests pass the server's front end one by one. A request that only takes its own time,
// however long that is, takes as long whoever came before it. Where one thread serves all, a request takes its own time and
// all that those before it still need.
func (v *view) measureSerial() {
	list := v.approaches()
	if len(list) < minLine {
		return
	}
	var outside []float64
	for i := range list {
		outside = append(outside, float64(list[i].network))
	}
	slices.Sort(outside)
	distance := outside[population.NearestRank(len(outside), 0.05)] // what the network takes of anybody
	var took, ahead, calls, own []float64
	var passed, done int64
	for i := range list {
		a := &list[i]
		at := a.sent + int64(distance)
		took = append(took, float64(a.arrived-at))
		ahead, calls = append(ahead, float64(max(0, passed-at))), append(calls, float64(max(0, done-at)))
		own = append(own, max(0, float64(a.arrived-at)-ahead[i]))
		passed, done = max(passed, a.arrived), max(done, a.done)
	}
	n := len(list)
	v.m["approach_excess_mean"] = span(max(0, meanOf(took)), n)
	v.serial("frontend_serial", took, ahead)
	v.serial("call_serial", took, calls)
	slices.Sort(own)
	v.m["frontend_hold"] = span(own[population.NearestRank(n, 0.5)], n)
}

// leastAhead is the least that those before a request still need, in nanoseconds, from which its own time can show it.
const leastAhead = 1e6

// serial fills in the median share that requests take longer of what those before them still need. It is a median, since
// some wait for other things as well.
func (v *view) serial(name string, took, ahead []float64) {
	var alone []float64
	for i := range took {
		if ahead[i] == 0 {
			alone = append(alone, took[i])
		}
	}
	base := 0.0
	if len(alone) > 0 {
		slices.Sort(alone)
		base = alone[population.NearestRank(len(alone), 0.5)]
	}
	var shares []float64
	for i := range took {
		if ahead[i] >= max(leastAhead, base/5) {
			shares = append(shares, (took[i]-base)/ahead[i])
		}
	}
	slices.Sort(shares)
	q := population.QuantileOf(shares, 0.5)
	if len(shares) == 0 || q.LowOpen || q.Open {
		return
	}
	v.m[name] = number(q.Value, q.N).within(q.Low, q.High)
	v.m[name+"_low"] = number(q.Low, q.N)
}
