package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// upperTail returns the probability that a standard normal variable is over z.
func upperTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// measureHops fills in what lies outside of the engine, and what runs beside model calls.
func (v *view) measureHops() {
	var outside, outsideFirst, total, totalFirst, backFirst, overhang float64
	seen, first, streams := 0, 0, 0
	for _, r := range v.latency {
		total += float64(r.E2E())
		here, back, shown := int64(0), int64(0), false
		for _, t := range r.Phases() {
			switch t.Phase {
			case analyzer.Network, analyzer.Gateway:
				here, back, shown = here+t.E2E, back+t.E2E-t.TTFT, true
			}
		}
		if shown {
			seen++
			outside += float64(here)
		}
		if ttft, ok := r.TTFT(); ok {
			first++
			totalFirst, backFirst = totalFirst+float64(ttft), backFirst+float64(back)
			outsideFirst += float64(here - back)
		}
		if ns := phaseTime(r, analyzer.Stream, population.PathE2E); ns > 0 {
			streams++
			overhang += float64(max(0, ns-v.held(r)))
		}
	}
	if seen > 0 && total > 0 {
		v.m["overhead_share"], v.m["overhead_mean"] = number(outside/total, seen), span(outside/float64(len(v.latency)), seen)
	}
	if seen > 0 && totalFirst > 0 {
		v.m["overhead_ttft_share"], v.m["overhead_ttft_mean"] = number(outsideFirst/totalFirst, first), span(outsideFirst/float64(first), first)
		v.m["caller_ttft_mean"] = span((totalFirst+backFirst)/float64(first), first)
	}
	if streams > 0 && total > 0 {
		v.m["stream_overhang_share"], v.m["stream_overhang_mean"] = number(overhang/total, streams), span(overhang/float64(len(v.latency)), streams)
	}
	v.measureOverlap()
	v.measureClient()
}

// measureClient fills in how late clients send.
func (v *view) measureClient() {
	if v.m["client_seen"].Number == 0 {
		return
	}
	var lag []float64
	for _, r := range v.latency {
		lag = append(lag, float64(phaseTime(r, analyzer.Client, r.PathBefore())))
	}
	slices.Sort(lag)
	if q := population.QuantileOf(lag, 0.99); len(lag) > 0 {
		v.m["client_lag_p99"] = span(q.Value, q.N)
	}
}

// measureOverlap says how much of the time in which a model call runs two or more do.
func (v *view) measureOverlap() {
	type change struct {
		at int64
		by int
	}
	var changes []change
	waits, n := 0.0, 0
	for _, r := range v.members {
		from, to := serving(r)
		if to > from {
			changes = append(changes, change{from, 1}, change{to, -1})
			waits += float64(from - r.Start)
			n++
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	var one, more float64
	running := 0
	for i, c := range changes {
		if dt := c.at - changes[max(0, i-1)].at; running == 1 {
			one += float64(dt)
		} else if running > 1 {
			more += float64(dt)
		}
		running += c.by
	}
	if one+more > 0 {
		v.m["model_overlap_share"] = number(more/(one+more), n)
		v.m["serial_wait_mean"] = span(waits/float64(n), n)
	}
}

// serving returns when the engine worked on r: from the end of its wait to its last token where they are known, else
// as its phases tell, from the end of what precedes prefill.
func serving(r *population.Record) (from, to int64) {
	if wait := phaseTime(r, analyzer.Queue, population.PathE2E); r.Joined != 0 {
		to = r.Joined + r.Served()
		if r.FirstToken != 0 {
			to = max(r.FirstToken, r.LastToken)
		}
		return min(r.Joined+wait, r.End), min(to, r.End)
	}
	before := int64(0)
	engine := int64(0)
	for _, t := range r.Phases() {
		switch t.Phase {
		case analyzer.Queue, analyzer.Frontend, analyzer.Network, analyzer.Gateway, analyzer.Client, analyzer.Tokenize:
			if t.Covers == 0 {
				before += t.E2E
			}
		case analyzer.Prefill, analyzer.Decode, analyzer.Other:
			engine += t.E2E
		case analyzer.Unattributed:
			if t.Covers.Has(analyzer.Prefill) {
				engine += t.E2E
			}
		}
	}
	if engine == 0 {
		return r.Start, r.Start
	}
	from = min(r.Start+before, r.End)
	return from, min(r.End, from+engine)
}

// measureTelemetry fills in how far the telemetry can be trusted.
func (v *view) measureTelemetry() {
	n := len(v.members)
	if n == 0 {
		return
	}
	at := map[string]population.DoubtSet{}
	for i := range population.Doubts {
		at[population.Doubts[i].Name] = 1 << i
	}
	count := func(names ...string) Measure {
		var any population.DoubtSet
		for _, name := range names {
			any |= at[name]
		}
		k := 0
		for _, r := range v.members {
			if r.Doubts&any != 0 {
				k++
			}
		}
		return share(k, n)
	}
	verified, named, stated, sampled := 0, 0, false, false
	for _, r := range v.members {
		if v.Verified[v.Population.Text(r.Dialect)] {
			verified++
		}
		if v.Population.Text(r.Instance) != "" {
			named++
		}
		stated = stated || r.Probability != 0
		sampled = sampled || r.Probability == analyzer.UnknownRate || r.Probability > 0 && r.Probability < 1
	}
	if p, ok := v.Facts.Sampling(); ok {
		stated, sampled = true, p < 1
	}
	v.m["verified_share"], v.m["instance_known_share"] = share(verified, n), share(named, n)
	v.m["ttft_unmeasured_share"] = count(analyzer.WarnTTFTUnmeasured)
	v.m["slices_missing_share"] = count(analyzer.WarnSlicesMissing)
	v.m["inconsistent_share"] = count(analyzer.WarnDurationRefused, analyzer.WarnTextCut, analyzer.WarnDurationsDisagree, analyzer.WarnFirstTokenOutside)
	v.m["clock_drift_share"], v.m["clock_skew_share"] = count(analyzer.WarnClockDrift), count(analyzer.WarnClockSkew)
	v.m["attributes_lost_share"], v.m["texts_cut_share"] = count(population.WarnCallCut), count(analyzer.WarnTextCut)
	v.m["partial_share"] = count(population.WarnPartialTrace)
	v.m["events_lost_share"] = count(population.WarnEventsLost, analyzer.WarnEventsDropped)
	v.m["sampled"], v.m["sampling_stated"] = truth(sampled), truth(stated)
}
