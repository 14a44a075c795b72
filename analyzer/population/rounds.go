package population

import (
	"math"
	"slices"
)

// A Rounds says whether those who wait are let in only at times: nobody for a while, though there is room and others leave,
// then all of them. No slot, cache or budget makes that up: with slots one who waits is let in as soon as somebody leaves, and
// a queue that waits for a cache is seldom let in as a whole, and does not wait until the last has left.
type Rounds struct {
	Count   int     `json:"count"`         // times at which somebody is let in after nobody was, though there was room
	Room    float64 `json:"room_share"`    // share of all waiting that comes before them, while there is room
	Whole   float64 `json:"whole_share"`   // share of the waiting before them that ends with the whole queue let in, or after all others have left
	Leaving float64 `json:"leaving_share"` // share of the waiting before them in which somebody left, by more than a step, and nobody was let in for it
	Beside  float64 `json:"beside_share"`  // share of the waiting before them that ends while others are in service: a batch that ends before the next begins has none
	Median  float64 `json:"median_ns"`     // time before one in which somebody waits, and there is room
}

// What a hold takes: so many rounds, so much of all waiting before them, so much of that which ends for the whole queue, so much
// in which somebody left, since in an engine that stands still nobody does, and so much beside others.
const (
	minRound    = 100_000_000 // nanoseconds with room and nobody let in: some steps
	fewRounds   = 5
	mostWhole   = 0.7
	mostLeaving = 0.5
	mostBeside  = 0.1
)

// Held reports whether requests are let in only at times.
func (r *Rounds) Held() bool {
	return r != nil && r.Count >= fewRounds && r.Room >= mostRoom && r.Whole >= mostWhole && r.Leaving >= mostLeaving && r.Beside >= mostBeside
}

// A round of requests that are let in: when, whether beside others, for how long somebody had waited with room, how long all
// had together, and when others left meanwhile.
type round struct {
	since, wait, waits int64
	beside             bool
	left               []int64
}

// rounds sums up the times at which the whole queue is let in after nobody was; nil without any.
func (l *Load) rounds() *Rounds {
	queue := l.queue()
	prefill, both := l.stays(slices.Index(Stages[:], StagePrefill)), l.stays(slices.Index(Stages[:], StageBoth))
	starts := make([]int64, len(l.Jobs))
	var sum float64
	for i := range l.Jobs {
		starts[i], sum = l.start(i), sum+float64(l.Waits[i])
	}
	slices.Sort(starts)
	if sum == 0 {
		return nil
	}
	full := mostFull * float64(both.most())

	var r Rounds
	var lengths []float64
	var next, last round // the one to come, and the one that was let in while others of it may still be in prefill
	waiting, computing, inside := turnstile{stays: &queue}, turnstile{stays: &prefill}, turnstile{stays: &both}
	for at, w, c, n := int64(0), 0, 0, 0; ; {
		now := min(waiting.next(), computing.next(), inside.next())
		if now == math.MaxInt64 {
			break
		}
		if free := c == 0 && n > 0 && float64(n+1) <= full; free && w > 0 {
			next.wait, next.waits = next.wait+now-at, next.waits+int64(w)*(now-at)
		}
		before, left, started := w, inside.left, inside.came
		w, c, n, at = waiting.pass(now), computing.pass(now), inside.pass(now), now
		if before > 0 && inside.left > left {
			next.left = append(next.left, now)
		}
		if came := inside.came - started; came > 0 {
			if next.wait > minRound {
				leave := below(both.to, now+longWait+1) - inside.left // some tell of their end a little late
				next.since, next.beside = now, n > came+leave
				last = next
			}
			next = round{}
		}
		if last.since == 0 || c > 0 {
			continue
		}
		// The prompts of the round are through.
		waits := float64(last.waits)
		r.Count, r.Room = r.Count+1, r.Room+waits
		lengths = append(lengths, float64(last.wait))
		if below(starts, now+1) >= l.arrived(last.since-longWait) || float64(n+1) > full || !last.beside {
			r.Whole += waits
		}
		if below(last.left, last.since-longWait) > 0 {
			r.Leaving += waits
		}
		if last.beside {
			r.Beside += waits
		}
		last = round{}
	}
	if r.Count == 0 {
		return nil
	}
	slices.Sort(lengths)
	r.Whole, r.Leaving, r.Beside = r.Whole/r.Room, r.Leaving/r.Room, r.Beside/r.Room
	r.Room, r.Median = r.Room/sum, medianOf(lengths)
	return &r
}

// queue returns who waits from when to when.
func (l *Load) queue() (s stays) {
	for i, wait := range l.Waits {
		if wait > 0 {
			s.from, s.to = append(s.from, l.Jobs[i].Arrive), append(s.to, l.start(i))
		}
	}
	s.sort()
	return s
}
