package population

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Examine studies p. It takes n log n steps in the number of requests, and its result depends on nothing but p and o.
func Examine(p *Population, o StudyOptions) *Study {
	s := &Study{Scores: []Score{}, Headroom: []Score{}, Cohorts: []Cohort{}, Correlations: []Correlation{}}
	var regimes []*RegimeStudy
	var scored []*DomainStudy // domains with the requests that end in them
	for _, domain := range p.Domains(o.Facts) {
		d := p.examineDomain(domain, &o)
		s.Domains = append(s.Domains, d)
		if !domain.PrefillOnly {
			scored = append(scored, d)
			regimes = append(regimes, d.Regimes...)
		}
	}
	cohorts := p.cohorts(scored)
	if cohorts[0].N == 0 {
		s.Abstained = append(s.Abstained, Abstention{"scores", "no request succeeded within the window", "a longer window"})
	}
	b := newBootstrap(len(p.Records), regimes, o.Seed)
	if b.groups < minBlocks {
		s.Abstained = append(s.Abstained, Abstention{"intervals of scores",
			fmt.Sprintf("%d blocks of independent requests, of %d that they need", b.groups, minBlocks), "a longer window"})
	}
	if n := cohorts[0].N; n < 2*minCohort || b.groups < minCorrelationBlocks {
		s.Abstained = append(s.Abstained, Abstention{"which attributes go with slow phases",
			fmt.Sprintf("%d requests in %d blocks, of %d in %d that it needs", n, b.groups, 2*minCohort, minCorrelationBlocks), "a longer window"})
	}
	head := newHeadroom(len(p.Records))
	type key struct {
		cohort int
		path   Path
	}
	scores := map[key][]Score{}
	var tests []Correlation
	for _, phase := range analyzer.Phases {
		if phase == analyzer.Unattributed {
			continue
		}
		g := p.gainsOf(phase, scored)
		if !g.shown && !core.Has(phase) {
			continue
		}
		for i, c := range cohorts {
			for _, path := range []Path{PathTTFT, PathE2E} {
				scores[key{i, path}] = append(scores[key{i, path}], p.score(g, c, path, b, &o))
			}
		}
		if g.shown && !o.Distrusted.Has(phase) {
			head.add(p, g, scored)
			tests = append(tests, p.correlate(g, cohorts, b)...)
		}
	}
	head.finish(scored)
	for i, c := range cohorts {
		for _, path := range []Path{PathTTFT, PathE2E} {
			s.Scores = append(s.Scores, scores[key{i, path}]...)
			s.Headroom = append(s.Headroom, p.score(&head.gains, c, path, b, &o))
		}
		s.Cohorts = append(s.Cohorts, *c)
	}
	s.Correlations = append(s.Correlations, significant(tests)...)
	return s
}

var core = analyzer.SetOf(analyzer.CorePhases[:]...)

func (p *Population) examineDomain(domain Domain, o *StudyOptions) *DomainStudy {
	d := &DomainStudy{Domain: domain, Regimes: p.regimes(domain.Members)}
	busy := p.busy(domain.Members)
	sampled := p.sampled(domain.Members, o.Facts)
	for _, r := range d.Regimes {
		p.split(r, o.Window.Until)
		r.Blocks = p.blocks(r, busy)
		if domain.PrefillOnly {
			continue
		}
		r.Incidents = p.incidents(domain.Name, r)
		r.TailTTFT = p.tail(r, PathTTFT, len(r.Incidents) > 0)
		r.TailE2E = p.tail(r, PathE2E, len(r.Incidents) > 0)
		if len(r.Incidents) > 0 && sampled != "" {
			for i := range r.Incidents {
				r.Incidents[i].Drain = 0
			}
			r.Abstained = append(r.Abstained, Abstention{"how long incidents took to drain", sampled, "trace every request, or state --fact sampling=none"})
		}
		if n := len(r.Tail); n > 0 && r.TailE2E.TooFew {
			r.Abstained = append(r.Abstained, Abstention{"tail of " + d.Domain.Label(),
				fmt.Sprintf("%d requests from p95 on, of %d that it needs", n, fewForTail), "a longer window"})
		}
		d.Incidents = append(d.Incidents, r.Incidents...)
	}
	d.Sizes = p.Sizes(&d.Domain, domain.Members, o.Seed)
	d.Queueing = p.Queueing(&d.Domain, domain.Members, &d.Sizes, o.Facts)
	for _, r := range d.Regimes {
		r.Queueing = d.Queueing
		if len(d.Regimes) > 1 {
			r.Queueing = p.Queueing(&d.Domain, r.Members, &d.Sizes, o.Facts)
		}
	}
	d.Blame, _ = p.Blame(&d.Domain, &d.Queueing) // what is missing for it, Queueing says
	d.Hardware = p.Hardware(&d.Domain, d.Regimes, &d.Sizes, o.Facts, o.Seed)
	d.rerun = p.rerun(d)
	return d
}
