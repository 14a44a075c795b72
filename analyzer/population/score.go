package population

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The classes of a score.
const (
	ClassFine     = "fine"     // under 5
	ClassModerate = "moderate" // from 5
	ClassCritical = "critical" // from 20, if the interval is from 10 on and a target is missed
)

// The sources of a floor, best first.
const (
	FloorBaseline = "measured baseline"         // 10 % line on size of a saved analysis
	FloorPhysics  = "physics"                   // the roofline of the device and the model
	FloorTokens   = "inferred from r"           // see [Sizes]
	FloorQuantile = "10 % quantile line"        // on size, in the same domain
	FloorWaste    = "0, pure waste"             // of retry, of reloads, and of decode that stalls for others' prefill
	FloorStated   = "stated round trip"         // of the network
	FloorOverhead = "0, makes no tokens"        // of the client, gateways, front ends and streams
	FloorCapacity = "replay with more capacity" // of queue
	FloorInTurn   = "replay in turn"            // of queue, where replicas wait while others are idle
	FloorCalm     = "waits of 5 % of E2E"       // of queue, where nothing can be replayed
)

// A Score says how much of the time of a cohort could be won back in one phase, from 0 to 100; higher is worse. It is
// 100 * max(0, sum of (B - F)) / sum of T, where T is a request's observed duration on the path, B that of the replay of
// today, and F that of the replay with the phase at min(observed, floor).
type Score struct {
	Phase  analyzer.Phase `json:"phase"` // of headroom: Unattributed, for all together
	Path   Path           `json:"path"`
	Cohort string         `json:"cohort"` // "all", "body", "tail", or an attribute and its value, such as "model=llama"
	N      int            `json:"n"`      // requests that the path has a duration of

	Value *float64 `json:"value"`         // nil where the phase is not observable, which is not 0
	Low   *float64 `json:"low,omitempty"` // of the 95 % interval over blocks; nil under 5 of them
	High  *float64 `json:"high,omitempty"`
	Class string   `json:"class,omitempty"`

	// Recoverable is the mean of B - F, in nanoseconds a request. Its ends mean nothing where Low is nil.
	Recoverable Estimate `json:"recoverable_ns"`
	Observed    float64  `json:"observed"` // share of the cohort's time on the path that is of requests whose phase is known
	Share       float64  `json:"share"`    // share of the cohort's time on the path that is this phase
	FloorSource string   `json:"floor_source,omitempty"`
	Capacity    float64  `json:"capacity,omitempty"` // of queue: that of the floor, as a multiple of today's
	NoFeedback  bool     `json:"no_feedback"`        // without replay: that others would wait less is not in it
	Why         string   `json:"why,omitempty"`      // why there is no value
}

// minObserved is the share of a cohort's time that must be of requests whose phase is known.
const minObserved = 0.9

// gains are, by record, what a phase at its floor would win on each path, in nanoseconds.
type gains struct {
	phase    analyzer.Phase
	known    []bool // by record
	observed [2][]int64
	own      [2][]int64 // without feedback
	won      [2][]int64
	excess   []float64 // E2E over the floor's line, signed; the phase's time where there is no line

	source     string
	noFeedback bool
	capacity   float64
	why        string // no domain has a floor
	shown      bool   // some request shows the phase
}

func newGains(phase analyzer.Phase, n int) *gains {
	g := &gains{phase: phase, known: make([]bool, n), excess: make([]float64, n)}
	for path := range g.won {
		g.observed[path], g.own[path], g.won[path] = make([]int64, n), make([]int64, n), make([]int64, n)
	}
	return g
}

// gainsOf computes what a phase would win in every domain.
func (p *Population) gainsOf(phase analyzer.Phase, domains []*DomainStudy, baseline *Sample) *gains {
	g := newGains(phase, len(p.Records))
	var done map[*DomainStudy]bool
	if phase == analyzer.Queue {
		done = p.queueInTurn(g, domains)
	}
	for _, d := range domains {
		if !done[d] {
			p.addGains(g, d, baseline)
		}
	}
	return g
}

func (p *Population) addGains(g *gains, d *DomainStudy, baseline *Sample) {
	shown := p.takeIn(g, d)
	if !shown {
		g.forget(d)
		return
	}
	g.shown = true
	if g.phase == analyzer.Queue {
		p.queueGains(g, d)
		return
	}
	members := d.latency()
	f := p.floor(g.phase, d, members, baseline)
	wasted := p.waste(g.phase, members)
	if f.source == "" {
		if wasted == nil {
			g.lacks(d, f.found)
			return
		}
		f = phaseFloor{source: FloorWaste, line: func(*Record) (float64, bool) { return 0, false }} // the rest may be needed
	}
	g.names(f.source)
	for i, m := range members {
		if !g.known[m] {
			continue
		}
		rec := &p.Records[m]
		needed := g.observed[PathE2E][m]
		if wasted != nil {
			needed = max(0, needed-wasted[i])
		}
		won := g.observed[PathE2E][m] - f.of(rec, needed)
		g.own[PathE2E][m] = won
		if f.line != nil {
			if line, ok := f.line(rec); ok {
				g.excess[m] -= max(line, 0)
			}
		}
		// A phase on both sides of the first token wins on each in proportion.
		if whole := g.observed[PathE2E][m]; whole > 0 {
			g.own[PathTTFT][m] = int64(float64(won) * float64(g.observed[PathTTFT][m]) / float64(whole))
		}
		g.won[PathTTFT][m], g.won[PathE2E][m] = g.own[PathTTFT][m], g.own[PathE2E][m]
	}
	p.feedback(g, d)
}

// shows reports whether telemetry shows the phase of r.
func (r *Record) shows(phase analyzer.Phase) bool {
	for _, t := range r.Phases() {
		if t.Phase == phase {
			return true
		}
	}
	return false
}

func (g *gains) names(source string) {
	switch {
	case g.source == "":
		g.source = source
	case g.source != source:
		g.source = "several"
	}
}

// lacks notes that a domain has too few requests for a floor.
func (g *gains) lacks(d *DomainStudy, found int) {
	if g.why == "" {
		g.why = fmt.Sprintf("%d requests are too few for a floor, which needs %d", found, fewForFloor)
	}
	g.forget(d)
}

func (g *gains) forget(d *DomainStudy) {
	for _, m := range d.latency() {
		g.known[m] = false
	}
}

// latency returns what latency measures hold of the domain, by start.
func (d *DomainStudy) latency() []int32 {
	var list []int32
	for _, r := range d.Regimes {
		list = append(list, r.Latency...)
	}
	return list
}

// sums are totals by group of the bootstrap.
type sums struct {
	n               int
	time, won       []float64
	count           []float64 // requests
	known, observed float64   // nanoseconds
	whole           float64
}

// sumOf adds up a cohort by groups.
func sumOf(g *gains, c *Cohort, path Path, b *bootstrap) sums {
	s := sums{time: make([]float64, b.groups), won: make([]float64, b.groups), count: make([]float64, b.groups)}
	for _, m := range c.Members {
		group, whole := b.of[m], b.lasts[path][m]
		if whole < 0 || group < 0 {
			continue
		}
		s.n++
		s.whole += float64(whole)
		s.time[group] += float64(whole)
		s.count[group]++
		if g.known[m] {
			s.known += float64(whole)
			s.observed += float64(g.observed[path][m])
			s.won[group] += float64(g.won[path][m])
		}
	}
	return s
}

// score scores a phase of a cohort on a path.
func (p *Population) score(g *gains, c *Cohort, path Path, b *bootstrap, o *StudyOptions) Score {
	s := Score{Phase: g.phase, Path: path, Cohort: c.Name, FloorSource: g.source, NoFeedback: g.noFeedback, Capacity: g.capacity}
	t := sumOf(g, c, path, b)
	s.N = t.n
	if t.whole > 0 {
		s.Observed, s.Share = t.known/t.whole, t.observed/t.whole
	}
	switch {
	case t.n == 0 && path == PathTTFT:
		s.Why = "no request of the cohort states its first token"
	case t.n == 0:
		s.Why = "no successful request"
	case t.whole == 0:
		s.Why = "the requests take no time"
	case !g.shown:
		s.Why = "not observable here"
	case o.Distrusted.Has(g.phase):
		s.Why = "its telemetry is not to be trusted: see the warnings"
	case s.Observed < minObserved && g.why != "":
		s.Why = g.why
	case g.phase == analyzer.Network && g.source == FloorQuantile && s.Share-wonShare(t) >= unjudged:
		s.Why = fmt.Sprintf("%.0f %% of the time, and nothing says how much of it is distance: state --fact network_rtt=SECONDS, or give a baseline", 100*s.Share)
	case s.Observed < minObserved:
		s.Why = fmt.Sprintf("observed in %.0f %% of the time only; a score needs 90 %%", 100*s.Observed)
	}
	if s.Why != "" {
		s.FloorSource, s.Capacity, s.NoFeedback = "", 0, false
		return s
	}
	ratio, ok := b.ratio(t.won, t.time)
	value := 100 * max(0, ratio.Value)
	s.Value = &value
	s.Recoverable, _ = b.ratio(t.won, t.count)
	if ok {
		low, high := 100*max(0, ratio.Low), 100*max(0, ratio.High)
		s.Low, s.High = &low, &high
	}
	s.Class = classOf(&s, o.TargetMissed)
	return s
}

// scorePlaces scores a phase in each domain and regime.
func (p *Population) scorePlaces(g *gains, domains []*DomainStudy, b *bootstrap, o *StudyOptions) {
	atOnce(len(domains), func(i int) {
		d := domains[i]
		in := func(members []int32, scores []Score) []Score {
			for _, path := range [...]Path{PathTTFT, PathE2E} {
				scores = append(scores, p.score(g, &Cohort{Name: CohortAll, Members: members}, path, b, o))
			}
			return scores
		}
		d.Scores = in(d.latency(), d.Scores)
		for _, r := range d.Regimes {
			if len(d.Regimes) == 1 {
				r.Scores = d.Scores
				continue
			}
			r.Scores = in(r.Latency, r.Scores)
		}
	})
}

// unjudged is the share of the time from which a delay that all requests share makes a difference: see [ClassModerate].
// A line on today's requests takes it for their distance.
const unjudged = 0.05

func wonShare(t sums) float64 {
	var won float64
	for _, w := range t.won {
		won += w
	}
	return won / t.whole
}

func classOf(s *Score, missed bool) string {
	switch {
	case *s.Value < 5:
		return ClassFine
	case *s.Value >= 20 && s.Low != nil && *s.Low >= 10 && missed:
		return ClassCritical
	}
	return ClassModerate
}
