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
	for _, r := range d.Regimes {
		p.split(r, o.Window.Until)
		r.Blocks = p.blocks(r, busy)
		if domain.PrefillOnly {
			continue
		}
		incidents := p.incidents(domain.Name, r)
		d.Incidents = append(d.Incidents, incidents...)
		r.TailTTFT = p.tail(r, PathTTFT, len(incidents) > 0)
		r.TailE2E = p.tail(r, PathE2E, len(incidents) > 0)
	}
	d.Sizes = p.Sizes(&d.Domain, domain.Members, o.Seed)
	d.Queueing = p.Queueing(&d.Domain, domain.Members, &d.Sizes, o.Facts)
	d.Hardware = p.Hardware(&d.Domain, d.Regimes, &d.Sizes, o.Facts, o.Seed)
	d.rerun = p.rerun(d)
	return d
}
