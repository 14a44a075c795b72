package population

import (
	"cmp"
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
	for stage := range Stages {
		list[stage] = Plateau{Stage: Stages[stage]}
		list[stage].Count, list[stage].Share, list[stage].Over = l.mode(stage)
		list[stage].Ends = l.endedBy(stage, list[stage].Count, step)
	}
	return list
}

// A turnstile is a change of how many wait, and of how many are in a stage.
type turnstile struct {
	at            int64
	waits, inside int32
}

// changes returns what happens to waiting, from patience nanoseconds on, and to the stage, by time.
func (l *Load) changes(stage int, patience int64) []turnstile {
	list := make([]turnstile, 0, 4*len(l.Jobs))
	for i := range l.Jobs {
		if l.Waits[i] > patience {
			list = append(list, turnstile{at: l.Jobs[i].Arrive + patience, waits: 1}, turnstile{at: l.start(i), waits: -1})
		}
		if from, to := l.within(stage, i); from < to {
			list = append(list, turnstile{at: from, inside: 1}, turnstile{at: to, inside: -1})
		}
	}
	slices.SortFunc(list, func(a, b turnstile) int { return cmp.Compare(a.at, b.at) })
	return list
}

// mode returns how many are in the stage for most of the time that somebody has waited long, its share of that time, and
// the share with more.
func (l *Load) mode(stage int) (count int, share, over float64) {
	var held []int64 // nanoseconds by count
	var waiting, inside int32
	var last, total int64
	for _, c := range l.changes(stage, longWait) {
		if waiting > 0 {
			for len(held) <= int(inside) {
				held = append(held, 0)
			}
			held[inside] += c.at - last
			total += c.at - last
		}
		waiting += c.waits
		inside += c.inside
		last = c.at
	}
	for n := range held {
		if held[n] > held[count] {
			count = n
		}
	}
	if total == 0 {
		return 0, 0, 0
	}
	more := int64(0)
	for n := count + 1; n < len(held); n++ {
		more += held[n]
	}
	return count, float64(held[count]) / float64(total), float64(more) / float64(total)
}

// endedBy returns the share of long waits that end within step nanoseconds of a departure from the stage, while it holds
// count. A scheduler may let the next request start with the step that the departing one ends in, so what it holds is
// counted before either.
func (l *Load) endedBy(stage, count int, step int64) float64 {
	entries, departures := make([]int64, 0, len(l.Jobs)), make([]int64, 0, len(l.Jobs))
	for i := range l.Jobs {
		if from, to := l.within(stage, i); from < to {
			entries, departures = append(entries, from), append(departures, to)
		}
	}
	slices.Sort(entries)
	slices.Sort(departures)
	ended, waits := 0, 0
	for i := range l.Jobs {
		if l.Waits[i] <= longWait {
			continue
		}
		waits++
		start := l.start(i)
		departure, ok := nearest(departures, start)
		if !ok || departure < start-step || departure > start+step {
			continue
		}
		if before := min(start, departure); below(entries, before)-below(departures, before) == count {
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
