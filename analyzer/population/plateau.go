package population

import (
	"math"
	"slices"
)

// A Plateau is how many requests a stage held while others waited.
type Plateau struct {
	Stage string  `json:"stage"`
	Count int     `json:"count"` // the time-weighted mode
	Share float64 `json:"share"` // of the time that somebody waited, with Count in the stage
	Over  float64 `json:"over"`  // of that time, with more
	Ends  float64 `json:"ends"`  // share of waits that end within one decode step of a departure from the stage while it holds Count
}

// The stages of service whose slots requests can wait for.
const (
	StagePrefill = "prefill"
	StageDecode  = "decode"
	StageBoth    = "both"
)

// Stages lists them.
var Stages = [...]string{StagePrefill, StageDecode, StageBoth}

// within returns when job i of l is in the stage.
func (l *Load) within(stage int, i int) (from, to int64) {
	switch Stages[stage] {
	case StagePrefill:
		return l.start(i), l.firstToken(i)
	case StageDecode:
		return l.firstToken(i), l.end(i)
	}
	return l.start(i), l.end(i)
}

// longWait is from how many nanoseconds on a wait tells something of slots: shorter ones are the scheduler's pace.
const longWait = int64(10e6)

// A stage binds whose departures end minEnds of the waits. So does one that is full for minFull of the time that somebody
// waits, and over it for maxOver at most: an engine that computes one whole prompt a step lets the next request start
// when that step ends, well after the departure.
const (
	minEnds = 0.8
	minFull = 0.9
	maxOver = 0.01
)

func (p *Plateau) binds() bool {
	return p.Count > 0 && (p.Ends >= minEnds || p.Share >= minFull && p.Over <= maxOver)
}

// plateaus finds, for each stage, how many it holds while somebody has waited for longWait, and how many of the waits a
// departure from it ends, within step nanoseconds.
func (l *Load) plateaus(step int64) []Plateau {
	list := make([]Plateau, len(Stages))
	var waits stays
	for i, wait := range l.Waits {
		if wait > longWait {
			waits.from, waits.to = append(waits.from, l.Jobs[i].Arrive+longWait), append(waits.to, l.start(i))
		}
	}
	waits.sort()
	for stage := range Stages {
		in := l.stays(stage)
		list[stage] = Plateau{Stage: Stages[stage]}
		list[stage].mode(&waits, &in)
		list[stage].Ends = l.endedBy(&in, list[stage].Count, step)
	}
	return list
}

// stays are when requests enter something and leave it, each in ascending order.
type stays struct{ from, to []int64 }

// stays returns those in the stage.
func (l *Load) stays(stage int) stays {
	s := stays{make([]int64, 0, len(l.Jobs)), make([]int64, 0, len(l.Jobs))}
	for i := range l.Jobs {
		if from, to := l.within(stage, i); from < to {
			s.from, s.to = append(s.from, from), append(s.to, to)
		}
	}
	s.sort()
	return s
}

func (s *stays) sort() {
	slices.Sort(s.from)
	slices.Sort(s.to)
}

// most returns how many are in at most.
func (s *stays) most() (n int) {
	for inside := (turnstile{stays: s}); inside.next() != math.MaxInt64; {
		n = max(n, inside.pass(inside.next()))
	}
	return n
}

// A turnstile counts how many are in, as time goes on.
type turnstile struct {
	*stays
	came, left int
}

// next returns when somebody comes or leaves next; math.MaxInt64 if nobody does any more.
func (t *turnstile) next() int64 {
	if t.left == len(t.to) {
		return math.MaxInt64
	}
	if t.came < len(t.from) {
		return min(t.from[t.came], t.to[t.left])
	}
	return t.to[t.left]
}

// pass goes on to the given time and returns how many are in after it.
func (t *turnstile) pass(now int64) int {
	for t.came < len(t.from) && t.from[t.came] <= now {
		t.came++
	}
	for t.left < len(t.to) && t.to[t.left] <= now {
		t.left++
	}
	return t.came - t.left
}

// mode finds how many are in for most of the time that somebody waits, its share of that time, and the share with more.
func (p *Plateau) mode(waits, in *stays) {
	var held []int64 // nanoseconds by number
	waiting, inside := turnstile{stays: waits}, turnstile{stays: in}
	var last, total int64
	w, n := 0, 0
	for {
		now := min(waiting.next(), inside.next())
		if now == math.MaxInt64 {
			break
		}
		if w > 0 {
			for len(held) <= n {
				held = append(held, 0)
			}
			held[n] += now - last
			total += now - last
		}
		w, n, last = waiting.pass(now), inside.pass(now), now
	}
	if total == 0 {
		return
	}
	for n := range held {
		if held[n] > held[p.Count] {
			p.Count = n
		}
	}
	more := int64(0)
	for n := p.Count + 1; n < len(held); n++ {
		more += held[n]
	}
	p.Share, p.Over = float64(held[p.Count])/float64(total), float64(more)/float64(total)
}

// endedBy returns the share of long waits that end within step nanoseconds of a departure from the stage, while it holds
// count. A scheduler may let the next request start with the step that the departing one ends in, so what it holds is
// counted before either.
func (l *Load) endedBy(in *stays, count int, step int64) float64 {
	ended, waits := 0, 0
	for i := range l.Jobs {
		if l.Waits[i] <= longWait {
			continue
		}
		waits++
		start := l.start(i)
		departure, ok := nearest(in.to, start)
		if !ok || departure < start-step || departure > start+step {
			continue
		}
		if before := min(start, departure); below(in.from, before)-below(in.to, before) == count {
			ended++
		}
	}
	if waits == 0 {
		return 0
	}
	return float64(ended) / float64(waits)
}

// nearest returns the item of sorted that is nearest to t.
func nearest(sorted []int64, t int64) (at int64, ok bool) {
	k := below(sorted, t)
	switch {
	case len(sorted) == 0:
		return 0, false
	case k == len(sorted) || k > 0 && t-sorted[k-1] < sorted[k]-t:
		k--
	}
	return sorted[k], true
}

// binding returns the index of the plateau that requests wait for: the smallest that binds, among
// equals prefill before both before decode; -1 if there is none. Who holds a slot for both also holds one in decode.
func binding(list []Plateau) int {
	best := -1
	for _, i := range [...]int{0, 2, 1} {
		if p := &list[i]; p.binds() && (best < 0 || p.Count < list[best].Count) {
			best = i
		}
	}
	return best
}
