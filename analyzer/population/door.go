package population

import (
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// What lies between the caller's span and the server's is network, as far as one trace tells. An HTTP server's span starts
// when its process takes the request up, though, not when the request reaches its socket: a process that stands still, or
// an event loop that is held, lets requests wait at its door, and no span shows it. Many traces do. The network delays
// requests whatever the server does with others, so that others are taken up meanwhile as often as ever; while the door is
// shut, nobody is.
const (
	leastDoor = 2e6 // nanoseconds beyond the usual that a request must take to count as held: less is not felt
	// doorSlack is the share of a wait, at its end, in which others may be taken up: those who came before, one by one.
	doorSlack = 0.1
	// maxPassing is the share of the waits in which something goes on, over the share that chance would give, up to which it
	// counts as nothing; maxDoorChance is the probability that so few do by chance. Both are ours.
	maxPassing    = 0.2
	maxDoorChance = 0.01
	// maxCallOverlap is the share of the calls' time in which two or more run, up to which they run one by one; a request's
	// turn comes within maxTurn nanoseconds of the end of a call, for minTurns of those who waited, and by chance
	// for no more than maxPassing.
	maxCallOverlap = 0.05
	maxTurn        = 10e6
	minTurns       = 0.8
	leastTurns     = 5 // requests
)

// A wait at the door, of one record, in nanoseconds since the Unix epoch.
type doorWait struct {
	record   int32
	from, to int64
}

// openDoors books waits at servers' doors as frontend instead of network, process by process, where all requests together
// show them: the server serves its calls one by one, and they end as the call before does; or nobody is taken up during
// them, and the server is seen to do nothing else either, or to let no answer out, or to be held by the handling of another
// request.
func (p *Population) openDoors() {
	byProcess := map[uint32][]int32{}
	for i := range p.Records {
		if r := &p.Records[i]; r.Accepted != 0 {
			byProcess[r.Instance] = append(byProcess[r.Instance], int32(i))
		}
	}
	for _, members := range byProcess {
		for _, w := range p.doorWaits(members) {
			p.Records[w.record].rebook(analyzer.Network, analyzer.Frontend, w.to-w.from)
		}
	}
}

// doorWaits returns those of one process; none where chance would explain them, or the network.
func (p *Population) doorWaits(members []int32) []doorWait {
	var waits, hops []int64
	var accepted, seen, ended []int64
	for _, m := range members {
		r := &p.Records[m]
		hops = append(hops, r.Accepted-r.sent)
		accepted = append(accepted, r.Accepted)
		for _, at := range [...]int64{r.Joined, r.FirstToken, r.LastToken} {
			if at != 0 {
				seen = append(seen, at)
			}
		}
		if r.answered != 0 {
			ended = append(ended, r.answered)
		}
	}
	waits = slices.Clone(hops)
	slices.Sort(waits)
	usual := waits[NearestRank(len(waits), 0.05)]
	var list []doorWait
	for i, m := range members {
		if hops[i]-usual >= leastDoor {
			to := p.Records[m].Accepted
			list = append(list, doorWait{m, to - (hops[i] - usual), to})
		}
	}
	slices.Sort(accepted)
	slices.Sort(seen)
	slices.Sort(ended)
	shut := func(w doorWait) bool { return !letsIn(accepted, w) }
	if ends := p.turns(members, list); ends != nil {
		shut = func(w doorWait) bool { return follows(ends, w.to) }
	} else if !rarely(list, accepted) {
		return nil
	} else if !rarely(list, seen) && !rarely(holds(list), bursts(ended)) {
		// The loop may still be held by what it does for others before they reach the engine.
		handled := p.handling(members)
		shut = func(w doorWait) bool {
			return !letsIn(accepted, w) && float64(handled.Overlap(w.from, w.to)) >= (1-doorSlack)*float64(w.to-w.from)
		}
	}
	return slices.DeleteFunc(list, func(w doorWait) bool { return !shut(w) })
}

// holds returns the waits of one time as one: whether answers leave a server meanwhile is the same fact for all of them. An
// engine of its own process goes on while the front end stands still, but what it makes gets out only through that; while
// the network holds requests up, answers leave the server as ever.
func holds(list []doorWait) []doorWait {
	var waits []analyzer.Stretch
	for _, w := range list {
		waits = append(waits, analyzer.Stretch{From: w.from, To: w.to})
	}
	var held []doorWait
	for _, s := range analyzer.Union(waits) {
		held = append(held, doorWait{from: s.From, to: s.To})
	}
	return held
}

// bursts returns one of the ascending times for all that follow each other within a turn: answers of one batch end together.
func bursts(times []int64) []int64 {
	var list []int64
	for i, at := range times {
		if i == 0 || at-times[i-1] > maxTurn {
			list = append(list, at)
		}
	}
	return list
}

// turns returns when calls ended, ascending, if they run one by one and those who wait are taken up as the one before ends;
// else nil.
func (p *Population) turns(members []int32, list []doorWait) (ends []int64) {
	if len(list) < leastTurns || p.callsOverlap(members) > maxCallOverlap {
		return nil
	}
	for _, m := range members {
		if _, to, ok := p.Records[m].InService(); ok {
			ends = append(ends, to)
		}
	}
	slices.Sort(ends)
	turns := 0
	for _, w := range list {
		if follows(ends, w.to) {
			turns++
		}
	}
	if float64(turns) < minTurns*float64(len(list)) || float64(len(ends))*2*maxTurn > maxPassing*float64(ends[len(ends)-1]-ends[0]) {
		return nil
	}
	return ends
}

// follows reports whether at lies within a turn of one of the ascending times. It may come before: what the engine says of its
// last token may be when the front end had it.
func follows(ends []int64, at int64) bool {
	i, _ := slices.BinarySearch(ends, at-maxTurn)
	return i < len(ends) && ends[i] <= at+maxTurn
}

// letsIn reports whether one of the ascending times lies in w, but for its end, where all who waited are let in.
func letsIn(times []int64, w doorWait) bool {
	i, _ := slices.BinarySearch(times, w.from+1)
	return i < len(times) && times[i] < w.to-slack(w)
}

func slack(w doorWait) int64 { return int64(doorSlack*float64(w.to-w.from)) + leastDoor/2 }

// rarely reports whether fewer of the waits hold one of the ascending times than chance explains, if they came as often as
// on average: by the Poisson distribution, of which the number that do is a lower bound.
func rarely(list []doorWait, times []int64) bool {
	if len(times) < 2 || times[0] == times[len(times)-1] {
		return false
	}
	rate := float64(len(times)) / float64(times[len(times)-1]-times[0])
	expected, found := 0.0, 0
	for _, w := range list {
		if length := w.to - slack(w) - w.from; length > 0 {
			expected += 1 - math.Exp(-rate*float64(length))
		}
		if letsIn(times, w) {
			found++
		}
	}
	if float64(found) > maxPassing*expected {
		return false
	}
	chance, term := 0.0, math.Exp(-expected)
	for k := range found + 1 {
		if k > 0 {
			term *= expected / float64(k)
		}
		chance += term
	}
	return chance < maxDoorChance
}

// callsOverlap returns the share of the time in which the engine has a request in which it has two or more.
func (p *Population) callsOverlap(members []int32) float64 {
	var calls []analyzer.Stretch
	var all, any int64
	for _, m := range members {
		if from, to, ok := p.Records[m].InService(); ok && to > from {
			calls = append(calls, analyzer.Stretch{From: from, To: to})
			all += to - from
		}
	}
	for _, s := range analyzer.Union(calls) {
		any += s.To - s.From
	}
	if any == 0 {
		return 1
	}
	return float64(all-any) / float64(any)
}

// handling returns when the process had a request that was not at the engine yet.
func (p *Population) handling(members []int32) analyzer.Stretches {
	var list []analyzer.Stretch
	for _, m := range members {
		r := &p.Records[m]
		to := r.Joined
		if r.Entered > r.Accepted {
			to = min(to, r.Entered)
		}
		if to > r.Accepted {
			list = append(list, analyzer.Stretch{From: r.Accepted, To: to})
		}
	}
	return analyzer.Union(list)
}

// rebook moves time of one phase, before the first token, to another, as far as it was booked there.
func (r *Record) rebook(from, to analyzer.Phase, ns int64) {
	into := -1
	moved := ns
	for i := range r.phases {
		t := &r.phases[i]
		switch {
		case t.Phase == from && t.Covers == 0:
			if i < int(r.shown) {
				if moved = min(moved, t.E2E); r.FirstToken != 0 {
					moved = min(moved, t.TTFT)
				}
			}
			t.E2E = max(0, t.E2E-moved)
			if r.FirstToken != 0 {
				t.TTFT = max(0, t.TTFT-moved)
			}
		case t.Phase == to && t.Covers == 0 && i < int(r.shown):
			into = i
		}
	}
	if into < 0 {
		into = int(r.shown)
		r.phases = slices.Insert(slices.Clip(r.phases), into, PhaseTime{Phase: to, Inferred: true})
		r.shown++
	}
	r.phases[into].E2E += moved
	if r.FirstToken != 0 {
		r.phases[into].TTFT += moved
	}
}
