package population

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A Backlog says how an engine serves while requests wait, whatever it is that they wait for. Where no number of slots
// binds, since a token budget or a cache does, it is what tells load from a hold: an engine that is loaded serves all the
// while, and lets in first who came first.
type Backlog struct {
	Share     float64 `json:"share"`      // of the time up to the last start: somebody has waited for over 10 ms
	Busy      float64 `json:"busy"`       // share of the backlog's time in which somebody is in service
	InService float64 `json:"in_service"` // mean number in service in that time
	Rate      float64 `json:"rate_per_s"` // requests let in a second in that time: what the engine serves at most
	Overtaken float64 `json:"overtaken"`  // share of long waits in which somebody came, of those in which a later one was let in first
	Peaks     float64 `json:"peaks"`      // share of all waiting in backlogs that arrivals at over twice the usual rate built up
	PeakSize  int     `json:"peak_size"`  // arrivals of the largest of them; 0 without any
}

// An arrival peak is made of at least so many requests, that come so many times as fast as usual.
const (
	minPeak  = 10
	peakRate = 2
)

// Loaded reports whether the engine serves all the while, and in order: then requests wait since it is busy, and nothing
// holds them.
func (b *Backlog) Loaded() bool { return b.Busy >= minBusy && b.Overtaken <= maxOvertaken }

const (
	minBusy      = 0.95
	maxOvertaken = 0.1 // of long waits: preempted requests come back before others
)

// backlog sums up the time in which somebody has waited for longWait; nil where nobody has.
func (l *Load) backlog() *Backlog {
	var waits stays
	starts := make([]int64, len(l.Jobs))
	for i, wait := range l.Waits {
		starts[i] = l.start(i)
		if wait > longWait {
			waits.from, waits.to = append(waits.from, l.Jobs[i].Arrive+longWait), append(waits.to, starts[i])
		}
	}
	if len(waits.from) == 0 {
		return nil
	}
	waits.sort()
	slices.Sort(starts)
	in := l.stays(slices.Index(Stages[:], StageBoth))
	var b Backlog
	var time, busy, served float64
	let := 0
	waiting, inside := turnstile{stays: &waits}, turnstile{stays: &in}
	var at, since int64
	for w, n := 0, 0; waiting.next() != math.MaxInt64; {
		now := min(waiting.next(), inside.next())
		if dt := float64(now - at); w > 0 {
			time, served = time+dt, served+dt*float64(n)
			if n > 0 {
				busy += dt
			}
		}
		before := w
		w, n, at = waiting.pass(now), inside.pass(now), now
		switch {
		case before == 0 && w > 0:
			since = now
		case before > 0 && w == 0:
			let += below(starts, now+1) - below(starts, since+1)
			b.peak(l, starts, since-longWait, now)
		}
	}
	length, whole := float64(starts[len(starts)-1]-l.Jobs[0].Arrive), l.meanWait()*float64(len(l.Jobs))
	b.Share, b.Busy, b.InService, b.Rate = time/length, busy/time, served/time, float64(let)/time*1e9
	b.Peaks /= whole
	if followed, overtaken := l.passing(); followed > 0 {
		b.Overtaken = float64(overtaken) / float64(followed)
	}
	return &b
}

// peak adds the waiting of one backlog to Peaks, if those who came until the queue was longest came much faster than
// usual.
func (b *Backlog) peak(l *Load, starts []int64, since, until int64) {
	first := l.arrived(since)
	end := l.arrived(until)
	longest, last := 0, first
	waited := 0.0
	for i := first; i < end; i++ {
		waited += float64(l.Waits[i])
		if depth := i + 1 - below(starts, l.Jobs[i].Arrive+1); depth > longest {
			longest, last = depth, i
		}
	}
	n := last + 1 - first
	usual := 0.0
	if span := l.span(); span > 0 {
		usual = float64(len(l.Jobs)) / span * float64(l.Jobs[last].Arrive-l.Jobs[first].Arrive) / 1e9
	}
	if n >= minPeak && float64(n) >= peakRate*usual {
		b.Peaks += waited
		b.PeakSize = max(b.PeakSize, n)
	}
}

// arrived returns how many arrive before t.
func (l *Load) arrived(t int64) int {
	i, _ := slices.BinarySearchFunc(l.Jobs, t, func(j replay.Job, t int64) int { return cmp.Compare(j.Arrive, t) })
	return i
}
