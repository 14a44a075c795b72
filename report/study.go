package report

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Regime is a stretch of steady load of one capacity domain.
type Regime struct {
	Domain   string    `json:"domain"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Requests int       `json:"requests"`   // that start in it
	Latency  int       `json:"successful"` // those among them that latency measures hold
	Arrivals float64   `json:"arrivals_rps"`
	InFlight float64   `json:"mean_in_flight"`
	Blocks   int       `json:"blocks"` // of independent requests, which intervals resample
	Body     int       `json:"body"`   // requests up to its p50 of E2E
	Tail     int       `json:"tail"`   // and from its p95 on
}

// A Tail says by which phases the tail of one regime differs from its body.
type Tail struct {
	Regime int `json:"regime"` // place in [Report.Regimes]
	population.TailAttribution
}

// An Incident is a short stretch that holds nearly all of a regime's tail.
type Incident struct {
	Regime int `json:"regime"` // place in [Report.Regimes]
	population.Incident
}

// study examines the population and fills in what that shows.
func (r *Report) study(p *population.Population, o *Options) {
	s := population.StudyOptions{Window: o.Window, Facts: o.Facts, Baseline: o.Baseline, Distrusted: analyzer.SetOf(r.Quality.NotTrusted...)}
	for i := range r.Targets {
		s.TargetMissed = s.TargetMissed || r.Targets[i].Verdict == VerdictFail
	}
	r.Study = population.Examine(p, s)
	r.Scores, r.Headroom, r.Cohorts = r.Study.Scores, r.Study.Headroom, r.Study.Cohorts
	r.Correlations = r.Study.Correlations
	r.Regimes, r.Tail, r.Incidents = []Regime{}, []Tail{}, []Incident{}
	for _, d := range r.Study.Domains {
		if d.Domain.PrefillOnly {
			continue
		}
		for _, g := range d.Regimes {
			for i := range g.Incidents {
				r.Incidents = append(r.Incidents, Incident{len(r.Regimes), g.Incidents[i]})
			}
			r.Tail = append(r.Tail, Tail{len(r.Regimes), g.TailTTFT}, Tail{len(r.Regimes), g.TailE2E})
			r.Regimes = append(r.Regimes, Regime{
				Domain: d.Domain.Name, Since: time.Unix(0, g.Since).UTC(), Until: time.Unix(0, g.Until).UTC(),
				Requests: len(g.Members), Latency: len(g.Latency), Arrivals: g.Arrivals, InFlight: g.InFlight,
				Blocks: len(g.Blocks), Body: len(g.Body), Tail: len(g.Tail),
			})
		}
	}
	r.Domains = domains(r.Study)
	r.Abstained = append([]population.Abstention{}, r.Study.Refusals()...)
}
