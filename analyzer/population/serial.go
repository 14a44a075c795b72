package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Serial says whether requests pass their server one by one. A request that only takes its own time, however long that
// is, takes as long whoever came before it. Where one thread serves all, a request takes its own time and all that those
// before it still need. Times are nanoseconds.
type Serial struct {
	N        int     // requests that show when they reached the engine
	Distance float64 // what the network takes of anybody: its 5 % quantile on the way to the engine
	Excess   float64 // mean way to the engine beyond that
	Hold     float64 // mean of what a request takes of the way beyond what those before it need
	Spread   float64 // the 90 % quantile of that over the 10 % quantile; 0 where the latter is
	// PromptShare is the share of it that goes by the length of prompts; nil where too few tell theirs.
	PromptShare *float64
	// EngineShare is how many last tokens the engine makes while a request holds the way, over as many as it makes in as
	// much time on average: about 1 where only the front end is held, and 0 where the whole process stands still. It is
	// nil where that would be too few to tell.
	EngineShare *float64
	// Leaving is how many answers leave the server while a request holds the way, over as many as leave it in as much time on
	// average: near 0 where one loop does both, and about 1 where prompts alone have to wait. It is nil where that would be too
	// few to tell.
	Leaving *float64
	holds   analyzer.Stretches // of at least leastDoor, for which a request holds the way

	// How much longer a request is on its way, over what those before it still need: of their way to the engine, and until
	// the engine is done with them. It is 1 on one thread, and near 0 where nobody waits for anybody. Medians, since some
	// wait for other things as well; nil where there are too few for an interval, and of their way where that cannot be told
	// from the engine's queue.
	Frontend, Calls *Quantile
}

// minSerial is the lower end of Frontend from which requests pass one by one.
const minSerial = 0.5

// fittedHolds is how many requests show at most how their holds go by prompt length: a line through all pairs of many
// more costs more than it tells.
const fittedHolds = 300

// leastEngineTokens is how many last tokens must be due in the holds so that their lack tells something.
const leastEngineTokens = 5

// leastAhead is the least that those before a request still need, in nanoseconds, from which its own time can show it.
const leastAhead = 1e6

// An approach is a request's way to the engine: to the start of its span where that has others above it, else to its queue,
// without tokenizing where that is stated. What senders and gateways take is left out. Times are in nanoseconds since the
// Unix epoch.
type approach struct {
	sent, arrived int64
	network       int64 // nanoseconds of the way that lie outside of the server
	done          int64 // when the engine was done with the request
	tokens        int64 // of the prompt; -1 while unknown
	queued        bool  // the way may hold a wait in the engine's queue, which passes requests on in turn by its nature
}

func (a *approach) took() int64 { return a.arrived - a.sent }

// approaches returns those of all requests that show when they reached the engine, in the order in which they were sent.
func approaches(members []*Record) (list []approach) {
	for _, r := range members {
		if r.Joined == 0 || r.Outcome != analyzer.Succeeded {
			continue
		}
		before := func(phase analyzer.Phase) int64 { return r.alone(phase, r.PathBefore()) }
		a := approach{
			sent:    r.Start + before(analyzer.Client) + before(analyzer.Retry) + before(analyzer.Gateway),
			arrived: r.Joined - before(analyzer.Tokenize),
			done:    r.Done(),
			tokens:  r.InputTokens,
		}
		if r.Entered > r.Accepted { // known for certain, where the rest of the time before the queue is what other parts leave
			a.arrived = min(a.arrived, r.Entered)
		} else {
			a.queued = r.mayQueue()
		}
		if a.took() < 0 || a.done < a.arrived {
			continue
		}
		a.network = min(before(analyzer.Network), a.took())
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b approach) int { return cmp.Compare(a.sent, b.sent) })
	return list
}

// alone returns the nanoseconds of a path that are stated as one phase alone.
func (r *Record) alone(phase analyzer.Phase, path Path) (ns int64) {
	for _, t := range r.Phases() {
		if t.Phase == phase && t.Covers == 0 {
			ns += t.On(path)
		}
	}
	return ns
}

// Served returns how long the engine has the request, waiting for it included, as its phases tell.
func (r *Record) Served() (ns int64) {
	for _, t := range r.Phases() {
		switch t.Phase {
		case analyzer.Queue, analyzer.GPUTransfer, analyzer.Prefill, analyzer.Decode, analyzer.Other:
			ns += t.E2E
		case analyzer.Unattributed:
			if t.Covers.Has(analyzer.Prefill) {
				ns += t.E2E
			}
		}
	}
	return ns
}

// Done returns when the engine was done with the request: at its last token, or as its phases tell; 0 while unknown.
func (r *Record) Done() int64 {
	if r.LastToken == 0 && r.Joined != 0 {
		return r.Joined + r.Served()
	}
	return r.LastToken
}

// PathBefore is the path on which time before the engine is told from time after it, as far as the request tells.
func (r *Record) PathBefore() Path {
	if r.FirstToken == 0 {
		return PathE2E
	}
	return PathTTFT
}

// SerialOf returns how requests of one server reach it; nil where too few show that. Members come by start.
func SerialOf(members []*Record) *Serial {
	ways := approaches(members)
	if len(ways) < fewForFloor {
		return nil
	}
	s := &Serial{N: len(ways)}
	var outside []float64
	for i := range ways {
		outside = append(outside, float64(ways[i].network))
	}
	slices.Sort(outside)
	s.Distance = outside[NearestRank(s.N, 0.05)]
	var took, ahead, calls, own []float64
	var passed, done int64
	var turns []analyzer.Stretch
	for i := range ways {
		a := &ways[i]
		at := a.sent + int64(s.Distance)
		took = append(took, float64(a.arrived-at))
		ahead, calls = append(ahead, float64(max(0, passed-at))), append(calls, float64(max(0, done-at)))
		own = append(own, max(0, took[i]-ahead[i]))
		if ns := int64(own[i]); ns >= leastDoor {
			turns = append(turns, analyzer.Stretch{From: a.arrived - ns, To: a.arrived})
		}
		s.Hold += own[i] / float64(s.N)
		s.Excess += took[i] / float64(s.N)
		passed, done = max(passed, a.arrived), max(done, a.done)
	}
	s.Excess = max(0, s.Excess)
	s.Calls = waitShare(took, calls)
	if !slices.ContainsFunc(ways, func(a approach) bool { return a.queued }) {
		s.Frontend = waitShare(took, ahead)
	}
	s.Leaving = leavingShare(members, turns)
	s.holds = analyzer.Union(turns)
	s.PromptShare, s.EngineShare = s.promptShare(ways, own), s.engineShare(ways)
	slices.Sort(own)
	if least := own[NearestRank(s.N, 0.1)]; least > 0 {
		s.Spread = own[NearestRank(s.N, 0.9)] / least
	}
	return s
}

// promptShare returns the share of what requests hold the way for that goes by the length of their prompts.
func (s *Serial) promptShare(ways []approach, own []float64) *float64 {
	var x, y []float64
	every := 1 + len(ways)/fittedHolds
	for i := 0; i < len(ways); i += every {
		if ways[i].tokens > 0 {
			x, y = append(x, float64(ways[i].tokens)), append(y, own[i])
		}
	}
	if len(x) < fewForFloor || s.Hold == 0 {
		return nil
	}
	tokens := 0.0
	for _, n := range x {
		tokens += n / float64(len(x))
	}
	l, ok := theilSen(x, y, 0)
	if !ok {
		return nil
	}
	share := min(1, max(0, l.Slope.Value)*tokens/s.Hold)
	return &share
}

// engineShare returns EngineShare.
func (s *Serial) engineShare(ways []approach) *float64 {
	var last []int64
	for i := range ways {
		last = append(last, ways[i].done)
	}
	slices.Sort(last)
	if len(last) < 2 || last[0] == last[len(last)-1] {
		return nil
	}
	found, held := 0, int64(0)
	for _, h := range s.holds {
		from, _ := slices.BinarySearch(last, h.From)
		to, _ := slices.BinarySearch(last, h.To)
		found, held = found+to-from, held+h.To-h.From
	}
	expected := float64(held) * float64(len(last)) / float64(last[len(last)-1]-last[0])
	if expected < leastEngineTokens {
		return nil
	}
	share := float64(found) / expected
	return &share
}

// Held returns how much of [from, to) the way is held by a request, in nanoseconds; 0 where requests do not pass one by one.
func (s *Serial) Held(from, to int64) int64 {
	if s.Frontend == nil || s.Frontend.Low < minSerial {
		return 0
	}
	return s.holds.Overlap(from, to)
}

// waitShare returns the median share that requests take longer of what those before them still need.
func waitShare(took, ahead []float64) *Quantile {
	var alone []float64
	for i := range took {
		if ahead[i] == 0 {
			alone = append(alone, took[i])
		}
	}
	base := 0.0
	if len(alone) > 0 {
		slices.Sort(alone)
		base = alone[NearestRank(len(alone), 0.5)]
	}
	var shares, met []float64
	for i := range took {
		if ahead[i] >= max(leastAhead, base/5) {
			shares, met = append(shares, (took[i]-base)/ahead[i]), append(met, ahead[i])
		}
	}
	slices.Sort(shares)
	q := QuantileOf(shares, 0.5)
	if len(shares) == 0 {
		return nil
	}
	if q.LowOpen || q.Open {
		// Too few for the interval of a median. Those who met nobody tell how likely so much longer a time is by chance.
		if chanceOf(alone, base, shares[0], met) > maxDoorChance {
			return nil
		}
		q.Low, q.High, q.LowOpen, q.Open = shares[0], shares[len(shares)-1], false, false
	}
	return &q
}

// chanceOf returns the probability that all of some requests take at least a share of what those before them need longer
// than the base, if each takes what one of those does who met nobody. Their times are ascending, and all in nanoseconds.
func chanceOf(alone []float64, base, share float64, ahead []float64) float64 {
	p := 1.0
	for _, ns := range ahead {
		i, _ := slices.BinarySearch(alone, base+max(0, share)*ns)
		p *= float64(len(alone)-i+1) / float64(len(alone)+1)
	}
	return p
}
