package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// An SLO says how many requests kept the objectives for a single request. Every request of the window counts: failed
// and cancelled ones missed them, those that were still running at the window's end count in the total.
type SLO struct {
	Objectives []Objective `json:"objectives"`
	Total      int         `json:"total"`
	Attained   int         `json:"attained"`
	Missed     int         `json:"missed"`
	Unknown    int         `json:"unknown"` // an objective applies, and its measure is not known
	Running    int         `json:"running"` // still running, and not over an objective yet
	// Attainment is attained / total; AttainmentHigh adds what is unknown and what is running.
	Attainment     float64 `json:"attainment"`
	AttainmentHigh float64 `json:"attainment_high"`
	// Goodput is requests that attained all, Throughput requests that succeeded, each per second of the window.
	Goodput    float64 `json:"goodput_rps"`
	Throughput float64 `json:"throughput_rps"`
	Seconds    float64 `json:"window_s"`
	// Interval is that of Attainment over blocks of independent requests; absent under 5 of them.
	Interval *population.Estimate `json:"attainment_interval,omitempty"`
	// EstimatedGoodput is what the goodput would be without sampling; absent when nothing was sampled.
	EstimatedGoodput *float64 `json:"estimated_goodput_rps,omitempty"`
}

// An Objective is the most that one measure of one request may be, and how the requests that succeeded stand to it.
type Objective struct {
	Measure       string `json:"measure"` // "TTFT", "TPOT" or "E2E"
	Unit          string `json:"unit"`
	Limit         int64  `json:"limit"`
	Attained      int    `json:"attained"`
	Missed        int    `json:"missed"`
	Unknown       int    `json:"unknown"`
	NotApplicable int    `json:"not_applicable"` // TTFT of what is not streamed, TPOT of one token
}

// objectiveMeasures names the measures in the order of [population.Objectives.Each].
var objectiveMeasures = [...]struct{ name, unit string }{{"TTFT", "ns"}, {"TPOT", "ns/token"}, {"E2E", "ns"}}

// ParseObjective sets one objective of o: measure is ttft, tpot or e2e, text a duration.
func ParseObjective(o *population.Objectives, measure, text string) error {
	to := map[string]*int64{"ttft": &o.TTFT, "tpot": &o.TPOT, "e2e": &o.E2E}[measure]
	if to == nil {
		return fmt.Errorf("there is no objective %q; there are ttft, tpot and e2e", measure)
	}
	ns, err := parseLimit(text)
	if err != nil {
		return fmt.Errorf("objective %s: %w", measure, err)
	}
	*to = int64(ns)
	return nil
}

// ParseObjectives reads a list such as "ttft=1s,tpot=50ms,e2e=10s".
func ParseObjectives(text string) (o population.Objectives, err error) {
	seen := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		measure, limit, ok := strings.Cut(strings.TrimSpace(item), "=")
		if !ok {
			return o, fmt.Errorf("%q is no objective such as ttft=1s", item)
		}
		if seen[measure] {
			return o, fmt.Errorf("objective %s is there twice", measure)
		}
		seen[measure] = true
		if err := ParseObjective(&o, measure, limit); err != nil {
			return o, err
		}
	}
	return o, nil
}

// slo judges every request; nil without objectives.
func slo(p *population.Population, r *Report, o Options) *SLO {
	if !o.Objectives.Any() {
		return nil
	}
	s := &SLO{Seconds: windowSeconds(p, o.Window)}
	limits := [...]int64{o.Objectives.TTFT, o.Objectives.TPOT, o.Objectives.E2E}
	each := make([]Objective, len(limits))
	var good population.TrueCount
	in, attained := population.Clustered{Blocks: p.Blocks}, make([]bool, len(p.Records))
	for i := range p.Records {
		rec := &p.Records[i]
		s.Total++
		in.Of = append(in.Of, rec.Block)
		switch o.Objectives.Judge(rec, o.Window.Until) {
		case population.Attained:
			s.Attained++
			attained[i] = true
			good.Add(o.probability(rec))
		case population.Missed:
			s.Missed++
		case population.NotKnown:
			s.Unknown++
		case population.StillRunning:
			s.Running++
		}
		if rec.Running(o.Window.Until) || rec.Outcome != analyzer.Succeeded {
			continue
		}
		for m, v := range o.Objectives.Each(rec, o.Window.Until) {
			each[m].add(v)
		}
	}
	for m, limit := range limits {
		if limit != 0 {
			each[m].Measure, each[m].Unit, each[m].Limit = objectiveMeasures[m].name, objectiveMeasures[m].unit, limit
			s.Objectives = append(s.Objectives, each[m])
		}
	}
	if s.Total > 0 {
		s.Attainment = float64(s.Attained) / float64(s.Total)
		s.AttainmentHigh = float64(s.Attained+s.Unknown+s.Running) / float64(s.Total)
	}
	if e, ok := in.Proportion(func(i int) bool { return attained[i] }); ok {
		s.Interval = &e
	}
	if s.Seconds > 0 {
		s.Goodput, s.Throughput = float64(s.Attained)/s.Seconds, float64(r.Requests.Succeeded)/s.Seconds
		if r.Sampling.Estimated != nil {
			estimated := good.Estimate().Value / s.Seconds
			s.EstimatedGoodput = &estimated
		}
	}
	return s
}

func (o *Objective) add(v population.Verdict) {
	switch v {
	case population.Attained:
		o.Attained++
	case population.Missed:
		o.Missed++
	case population.NotKnown:
		o.Unknown++
	case population.NotApplicable:
		o.NotApplicable++
	}
}

// windowSeconds is how long the window is; an open side is where the requests begin or end.
func windowSeconds(p *population.Population, w population.Window) float64 {
	if len(p.Records) == 0 {
		return 0
	}
	since, until := w.Since, w.Until
	if since == 0 {
		since = p.Records[0].Start
	}
	if until == 0 {
		for i := range p.Records {
			until = max(until, p.Records[i].End)
		}
	}
	return float64(until-since) / 1e9
}
