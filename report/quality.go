package report

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Quality says how far the telemetry is to be trusted.
type Quality struct {
	// Threshold is the share of requests, or of time, from which doubts that touch a phase discredit it. It is a choice
	// of ours.
	Threshold  float64          `json:"threshold"`
	Doubts     []Doubt          `json:"doubts"` // what discredits first, then by how many requests it concerns
	NotTrusted []analyzer.Phase `json:"not_trusted"`
}

// A Doubt is one way in which the telemetry is incomplete or contradicts itself.
type Doubt struct {
	Name     string  `json:"name"`
	Count    int     `json:"count"`    // as its meaning says: spans, durations, requests
	Requests int     `json:"requests"` // that it concerns: in their own telemetry or in their trace's
	Share    float64 `json:"share"`    // of all requests; without any, of all traces
	Traces   int     `json:"traces,omitempty"`
	// Time is the nanoseconds that were cut off or set aside, and TimeShare what they are beside the critical paths.
	Time      int64   `json:"time_ns,omitempty"`
	TimeShare float64 `json:"time_share,omitempty"`
	// Phases are those whose time can be wrong because of it; Discredits says that it is so frequent that they are not
	// to be trusted.
	Phases     []analyzer.Phase `json:"phases"`
	Discredits bool             `json:"discredits"`
	Meaning    string           `json:"meaning"`
	Remedy     string           `json:"remedy,omitempty"`
}

// discreditShare is [Quality.Threshold].
const discreditShare = 0.10

// quality counts doubts, and marks the phases of the report that are not to be trusted.
func quality(p *population.Population, phases []Phase) Quality {
	q := Quality{Threshold: discreditShare, Doubts: []Doubt{}, NotTrusted: []analyzer.Phase{}}
	requests, doubted := countDoubts(p)
	var byTime analyzer.PhaseSet
	for i := range population.Doubts {
		w := &population.Doubts[i]
		if p.Warnings[w.Name] == 0 {
			continue
		}
		d := Doubt{
			Name: w.Name, Count: p.Warnings[w.Name], Requests: requests[i], Traces: p.DoubtfulTraces[i],
			Phases: append([]analyzer.Phase{}, w.Touches.Phases()...), Meaning: w.Meaning, Remedy: w.Remedy,
		}
		d.Share = share(int64(d.Requests), int64(len(p.Records)))
		if len(p.Records) == 0 {
			d.Share = share(int64(d.Traces), int64(p.Traces))
		}
		weight := d.Share
		if w.ByTime {
			d.Time = map[string]int64{analyzer.WarnClipped: p.ClippedTime, analyzer.WarnDroppedOutside: p.DroppedTime}[w.Name]
			d.TimeShare = share(d.Time, p.PathTime)
			weight = d.TimeShare
		}
		d.Discredits = w.Touches != 0 && !w.Bounded && weight >= discreditShare
		if d.Discredits && w.ByTime {
			byTime |= w.Touches
		}
		q.Doubts = append(q.Doubts, d)
	}
	slices.SortStableFunc(q.Doubts, func(a, b Doubt) int {
		return cmp.Or(-compareBool(a.Discredits, b.Discredits), -compareBool(len(a.Phases) > 0, len(b.Phases) > 0),
			cmp.Compare(b.Share, a.Share), cmp.Compare(b.Count, a.Count))
	})
	for i := range phases {
		ph := &phases[i]
		ph.DoubtedShare = share(int64(doubted[ph.Phase]), int64(len(p.Records)))
		if ph.NotTrusted = ph.Requests > 0 && (ph.DoubtedShare >= discreditShare || byTime.Has(ph.Phase)); ph.NotTrusted {
			q.NotTrusted = append(q.NotTrusted, ph.Phase)
		}
	}
	return q
}

// countDoubts returns how many requests each doubt concerns, and in how many some doubt touches a phase.
func countDoubts(p *population.Population) (requests [64]int, doubted [analyzer.NumPhases]int) {
	sets := map[population.DoubtSet]int{}
	for i := range p.Records {
		sets[p.Records[i].Doubts]++
	}
	for set, n := range sets {
		for i := range set.All {
			requests[i] += n
		}
		for _, ph := range set.Touches().Phases() {
			doubted[ph] += n
		}
	}
	return requests, doubted
}
