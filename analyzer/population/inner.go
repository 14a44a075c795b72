package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An Inner says whether requests pass one by one what lies within the engine's span before its queue: the front end that
// makes tokens of prompts. Times are nanoseconds.
type Inner struct {
	N    int
	Mean float64
	// Turns is how much longer a request takes, over what those before it still need: 1 on one thread, near 0 where nobody
	// waits for anybody.
	Turns *Quantile
	// Leaving is as [Serial.Leaving].
	Leaving *float64
}

// InnerOf returns how requests pass the front end within the engine's span; nil where too few show it.
func InnerOf(members []*Record) *Inner {
	var ways []analyzer.Stretch
	for _, r := range members {
		if r.Entered > 0 && r.Joined >= r.Entered && r.Outcome == analyzer.Succeeded && !r.mayQueue() {
			ways = append(ways, analyzer.Stretch{From: r.Entered, To: r.Joined})
		}
	}
	if len(ways) < fewForFloor {
		return nil
	}
	slices.SortStableFunc(ways, func(a, b analyzer.Stretch) int { return cmp.Compare(a.From, b.From) })
	in := &Inner{N: len(ways)}
	var took, ahead []float64
	var turns []analyzer.Stretch
	passed := int64(0)
	for _, w := range ways {
		before := max(0, passed-w.From)
		took, ahead = append(took, float64(w.To-w.From)), append(ahead, float64(before))
		if own := w.To - w.From - before; own >= leastDoor {
			turns = append(turns, analyzer.Stretch{From: w.To - own, To: w.To})
		}
		in.Mean += float64(w.To-w.From) / float64(in.N)
		passed = max(passed, w.To)
	}
	in.Turns, in.Leaving = waitShare(took, ahead), leavingShare(members, turns)
	return in
}

// mayQueue reports whether time that no single phase of the request is stated for may hold a wait in the queue, which passes
// requests on in turn by its nature.
func (r *Record) mayQueue() bool {
	return slices.ContainsFunc(r.Phases(), func(t PhaseTime) bool { return t.Covers.Has(analyzer.Queue) })
}

// The part of a turn at each of its ends, and the least of it in nanoseconds, in which answers may leave that were kept back
// until the turn before ended, or that this one lets go.
const (
	turnEdge      = 0.1
	leastTurnEdge = 2e6
)

// leavingShare returns how many answers leave the server within turns, over as many as leave it in as much time on average:
// near 0 where whoever has the turn keeps the event loop, which sends answers as well, and about 1 where prompts alone have
// to wait. It is nil where that would be too few to tell.
func leavingShare(members []*Record, turns []analyzer.Stretch) *float64 {
	var ends []int64
	for _, r := range members {
		if r.answered != 0 {
			ends = append(ends, r.answered)
		}
	}
	slices.Sort(ends)
	if len(ends) < 2 || ends[0] == ends[len(ends)-1] {
		return nil
	}
	found, within := 0, int64(0)
	for _, t := range turns {
		edge := int64(max(leastTurnEdge, turnEdge*float64(t.To-t.From)))
		if t.To-t.From <= 2*edge {
			continue
		}
		from, _ := slices.BinarySearch(ends, t.From+edge)
		to, _ := slices.BinarySearch(ends, t.To-edge)
		found, within = found+to-from, within+t.To-t.From-2*edge
	}
	expected := float64(within) * float64(len(ends)) / float64(ends[len(ends)-1]-ends[0])
	if expected < leastEngineTokens {
		return nil
	}
	share := float64(found) / expected
	return &share
}
