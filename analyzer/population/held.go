package population

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	mostOfHeld   = 0.8  // share of the waiting that one group must hold
	fewRequests  = 0.5  // share of the requests that the group may have at most
	shortStretch = 0.1  // share of the time that a stretch may take at most
	heldBins     = 1000 // of the time
)

// A Passing says whether those who wait are passed by requests that came later, though there is room. Neither slots nor load
// makes that up: an engine that is full or busy holds whoever comes. Nor does a sampler: two requests are all that it takes.
// What is passed waits for something of its own.
type Passing struct {
	Followed int     `json:"followed"`   // long waits in which a later request came
	Passed   int     `json:"passed"`     // of those, in which one was let in first
	Median   float64 `json:"median_ns"`  // wait of the passed
	Room     float64 `json:"room_share"` // share of all waiting in which nobody is in prefill, and in service fewer than the engine was seen to hold
}

// What a hold takes: of long waits in which somebody came, so many that are passed, and so much of all waiting with room.
// Who comes may be held as well, so that they are not most. There is room for one more up to mostFull of the most in service.
const (
	fewFollowed = 10 // such waits tell nothing
	manyPassed  = 0.25
	mostRoom    = 0.5
	mostFull    = 0.9
)

// Held reports whether something holds those who wait.
func (p *Passing) Held() bool {
	return p != nil && p.Followed >= fewFollowed && float64(p.Passed) >= manyPassed*float64(p.Followed) && p.Room >= mostRoom
}

// passed says who is passed, and how long each job waited while there was room; nil where nobody came while one waited.
func (l *Load) passed() (p *Passing, held []int64) {
	p, held = &Passing{}, l.waitsWithRoom()
	var waits []float64
	var sum, room float64
	earliest := int64(math.MaxInt64) // start of a request that came later
	for i := len(l.Jobs) - 1; i >= 0; i-- {
		start := l.start(i)
		sum, room = sum+float64(l.Waits[i]), room+float64(held[i])
		// By more than a step, which is how exactly the times of two requests compare.
		if l.Waits[i] > longWait && i+1 < len(l.Jobs) && l.Jobs[i+1].Arrive < start-longWait {
			p.Followed++
			if earliest < start-longWait {
				p.Passed++
				waits = append(waits, float64(l.Waits[i]))
			}
		}
		earliest = min(earliest, start)
	}
	if p.Followed == 0 || sum == 0 {
		return nil, held
	}
	if p.Room = room / sum; p.Passed > 0 {
		slices.Sort(waits)
		p.Median = medianOf(waits)
	}
	return p, held
}

// waitsWithRoom returns how long each job waited while nobody was in prefill, whose tokens may have taken all of a step's
// budget, and while fewer were in service than the engine was seen to hold, by one at least and by a tenth.
func (l *Load) waitsWithRoom() []int64 {
	prefill, both := l.stays(slices.Index(Stages[:], StagePrefill)), l.stays(slices.Index(Stages[:], StageBoth))
	most := both.most()
	// Since each of these times there is room or not, and up to it there was for so long.
	at, sum, rooms := []int64{l.Jobs[0].Arrive}, []int64{0}, []bool{mostFull*float64(most) >= 1}
	until := func(t int64) int64 {
		k := below(at, t+1) - 1
		if !rooms[k] {
			return sum[k]
		}
		return sum[k] + t - at[k]
	}
	computing, inside := turnstile{stays: &prefill}, turnstile{stays: &both}
	for {
		now := min(computing.next(), inside.next())
		if now == math.MaxInt64 {
			break
		}
		so, n := until(now), inside.pass(now)
		at, sum = append(at, now), append(sum, so)
		rooms = append(rooms, computing.pass(now) == 0 && float64(n+1) <= mostFull*float64(most))
	}
	waits := make([]int64, len(l.Jobs))
	for i := range l.Jobs {
		waits[i] = until(l.start(i)) - until(l.Jobs[i].Arrive)
	}
	return waits
}

// passing counts the long waits in which a later request came, and those in which one was let in first.
func (l *Load) passing() (followed, overtaken int) {
	next := make([]int64, len(l.Jobs)) // the earliest start of a request that arrived later
	earliest := int64(math.MaxInt64)
	for i := len(l.Jobs) - 1; i >= 0; i-- {
		next[i], earliest = earliest, min(earliest, l.start(i))
	}
	for i, wait := range l.Waits {
		if wait <= longWait || i+1 == len(l.Jobs) || l.Jobs[i+1].Arrive >= l.start(i) {
			continue
		}
		followed++
		if next[i] < l.start(i) {
			overtaken++
		}
	}
	return followed, overtaken
}

// concentrated names what waiting that load does not explain concentrates in: a value of an attribute, a model, a kind
// of request or a stretch of time that holds four fifths of it, and few of the requests; "" if nothing does. Samplers
// leave requests out evenly, so they concentrate it in nothing.
func (p *Population) concentrated(l *Load, held []int64) string {
	total := int64(0)
	for _, ns := range held {
		total += ns
	}
	if total == 0 {
		return ""
	}
	group := func(of func(r *Record) (value uint32, ok bool)) (value uint32, found bool) {
		sums, counts := map[uint32]int64{}, map[uint32]int{}
		for i, m := range l.Members {
			if v, ok := of(&p.Records[m]); ok {
				sums[v] += held[i]
				counts[v]++
			}
		}
		for v, sum := range sums {
			if float64(sum) >= mostOfHeld*float64(total) && float64(counts[v]) <= fewRequests*float64(len(held)) {
				return v, true // at most one can hold so much
			}
		}
		return 0, false
	}
	for d := range Dimensions {
		if v, ok := group(func(r *Record) (uint32, bool) { return p.attribute(r, d) }); ok {
			return Dimensions[d].Name + "=" + p.Text(v)
		}
	}
	if v, ok := group(func(r *Record) (uint32, bool) { return r.Model, true }); ok {
		return "model=" + p.Text(v)
	}
	if v, ok := group(func(r *Record) (uint32, bool) { return uint32(r.Streaming), true }); ok {
		return [...]string{"requests that do not say whether they stream", "requests that do not stream", "requests that stream"}[v]
	}
	return l.stretch(held, total)
}

// stretch names the shortest stretch of time that holds most of the waiting, by arrival, "" if it is not short.
func (l *Load) stretch(held []int64, total int64) string {
	since := l.Jobs[0].Arrive
	width := (l.Jobs[len(l.Jobs)-1].Arrive-since)/heldBins + 1
	var bins [heldBins]int64
	for i, ns := range held {
		bins[(l.Jobs[i].Arrive-since)/width] += ns
	}
	const most = int(shortStretch * heldBins)
	sum := int64(0)
	for k := range bins {
		sum += bins[k]
		if k >= most {
			sum -= bins[k-most]
		}
		if float64(sum) >= mostOfHeld*float64(total) {
			from := time.Duration(max(0, int64(k-most+1)) * width)
			return fmt.Sprintf("requests from %s to %s after the first", from.Round(time.Second), time.Duration(int64(k+1)*width).Round(time.Second))
		}
	}
	return ""
}
