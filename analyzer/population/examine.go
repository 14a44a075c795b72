package population

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Examine studies p. It takes n log n steps in the number of requests, and its result depends on nothing but p and o.
func Examine(p *Population, o StudyOptions) *Study {
	s := &Study{Correlations: []Correlation{}}
	var regimes []*RegimeStudy
	var scored []*DomainStudy // domains with the requests that end in them
	domains := p.Domains(o.Facts)
	s.Domains = make([]*DomainStudy, len(domains))
	atOnce(len(domains), func(i int) { s.Domains[i] = p.examineDomain(domains[i], &o) })
	for _, d := range s.Domains {
		if !d.Domain.PrefillOnly {
			scored = append(scored, d)
			regimes = append(regimes, d.Regimes...)
		}
	}
	p.besideEachOther(scored)
	cohorts := p.cohorts(scored)
	if cohorts[0].N == 0 {
		s.Abstained = append(s.Abstained, Abstention{"scores", "no request succeeded within the window", "a longer window"})
	}
	b := newBootstrap(len(p.Records), regimes, o.Seed)
	b.lasts = p.durations()
	if b.groups < minBlocks {
		s.Abstained = append(s.Abstained, Abstention{"intervals of scores",
			fmt.Sprintf("blocks of independent requests: %d; they need %d", b.groups, minBlocks), "a longer window"})
	}
	if n := cohorts[0].N; n < 2*minCohort || b.groups < minCorrelationBlocks {
		s.Abstained = append(s.Abstained, Abstention{AbstainedCorrelation,
			fmt.Sprintf("it needs %d requests in %d blocks; there are %d in %d", 2*minCohort, minCorrelationBlocks, n, b.groups), "a longer window"})
	}
	head := newHeadroom(len(p.Records))
	paths := [...]Path{PathTTFT, PathE2E}
	scores := make([][]Score, len(cohorts)*len(paths)) // by cohort, then path
	var tests []Correlation
	var shown analyzer.PhaseSet
	for _, m := range cohorts[0].Members {
		for _, t := range p.Records[m].Phases() {
			shown |= analyzer.SetOf(t.Phase)
		}
	}
	for _, phase := range analyzer.Phases {
		if phase == analyzer.Unattributed || !shown.Has(phase) && !core.Has(phase) {
			continue
		}
		g := p.gainsOf(phase, scored, o.Baseline)
		atOnce(len(scores), func(i int) {
			scores[i] = append(scores[i], p.score(g, cohorts[i/len(paths)], paths[i%len(paths)], b, &o))
		})
		p.scorePlaces(g, scored, b, &o)
		if g.shown && !o.Distrusted.Has(phase) {
			head.add(p, g, scored)
			tests = append(tests, p.correlate(g, cohorts, b)...)
		}
	}
	head.finish(scored)
	s.Headroom = make([]Score, len(scores))
	atOnce(len(scores), func(i int) {
		s.Headroom[i] = p.score(&head.gains, cohorts[i/len(paths)], paths[i%len(paths)], b, &o)
	})
	s.Scores = append(s.Scores, slices.Concat(scores...)...)
	for _, c := range cohorts {
		s.Cohorts = append(s.Cohorts, *c)
	}
	s.Correlations = append(s.Correlations, significant(tests)...)
	return s
}

// durations returns how long each record lasts on each path, -1 while unknown: sums of many cohorts read them again and
// again, and records are large.
func (p *Population) durations() (lasts [2][]int64) {
	for path := range lasts {
		lasts[path] = make([]int64, len(p.Records))
		for i := range p.Records {
			ns, ok := p.Records[i].On(Path(path))
			if !ok {
				ns = -1
			}
			lasts[path][i] = ns
		}
	}
	return lasts
}

// atOnce calls do for 0 to n-1 on all processors. What each does must not touch what another does.
func atOnce(n int, do func(int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}

var core = analyzer.SetOf(analyzer.CorePhases[:]...)

func (p *Population) examineDomain(domain Domain, o *StudyOptions) *DomainStudy {
	d := &DomainStudy{Domain: domain, Regimes: p.regimes(domain.Members, domain.Before)}
	busy := p.busy(domain.Members, domain.Before)
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
				fmt.Sprintf("requests from p95 on: %d; it needs %d", n, fewForTail), "a longer window"})
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
	d.Steps = p.Steps(&d.Domain, domain.Members, &d.Sizes, o.Facts)
	d.Hardware = p.Hardware(&d.Domain, d.Regimes, &d.Sizes, d.Steps, o.Facts, o.Seed)
	d.rerun = p.rerun(d)
	if !domain.PrefillOnly {
		d.stepped = p.stepped(d, o)
	}
	return d
}
