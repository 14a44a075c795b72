package population

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// The resources that waiting is shared by.
const (
	ResourcePrefillTokens = "prefill tokens" // of the prompts in prefill
	ResourceSlots         = "slots"          // one each
	ResourceEqual         = "equal shares"   // nothing says how much each holds
)

// A Blame says whom the requests of one domain waited for: at each instant, a wait falls to those who hold what it is
// waited for, in proportion to how much they hold. Times are nanoseconds, and they are conserved: Waited is the sum of
// Nobody, of Held of all Culprits, and of Others. A request that started before the window can be a culprit; its own wait
// is not counted.
type Blame struct {
	Stage    string    `json:"stage"`    // those in it are waited for
	Resource string    `json:"resource"` // that waiting is shared by
	Requests int       `json:"requests"` // that waited
	Waited   int64     `json:"waited_ns"`
	Nobody   int64     `json:"nobody_ns"` // waited while nobody was in service, which is evidence of a hold
	Culprits []Culprit `json:"culprits"`  // those who held most, most first
	Others   int64     `json:"others_ns"` // held by all others
	Longest  []Waiter  `json:"longest"`   // those who waited longest, longest first

	// Together is how much less would be waited without all of Culprits, by replay: their own waits are not counted.
	Together Cause `json:"without_culprits"`

	p      *Population
	load   Load
	stage  int
	weight []int64
	each   integral // grows by 1/weight in service
	order  []int    // jobs by when they enter the stage
	length int64    // of the longest stay in it
	idle   integral // grows by 1 while nobody is in service
}

// A Culprit is a request that others waited for.
type Culprit struct {
	Exemplar
	Tokens  int64   `json:"prompt_tokens"`
	Held    int64   `json:"held_ns"` // of others' waiting
	Share   float64 `json:"share"`   // of all waiting
	Without Cause   `json:"without"` // it, by replay
}

// A Waiter is a request that waited, with those it waited for.
type Waiter struct {
	Exemplar
	Waited int64  `json:"waited_ns"`
	Nobody int64  `json:"nobody_ns"`
	For    []Held `json:"for"` // most first, up to five
}

// Held is how much of a wait falls to a request.
type Held struct {
	Exemplar
	Held int64 `json:"held_ns"`
}

// A Cause is what a replay without a request says of it: only this is what the request causes.
type Cause struct {
	Waited int64   `json:"less_waited_ns"` // by others
	Share  float64 `json:"share"`          // of what they wait in the replay of today
}

// A Blamed is a request that one other waited for.
type Blamed struct {
	Record int32 // index of Population.Records, or from their end on of Before; -1 for nobody
	Held   int64 // nanoseconds of the other's wait
}

const (
	topCulprits = 10
	topWaiters  = 3
	topHeld     = 5
)

// Blame returns whom the members of d waited for, as its queueing q shows; why says what is missing, if it is nil.
func (p *Population) Blame(d *Domain, q *Queueing) (b *Blame, why *Abstention) {
	what := "blame in " + d.Label()
	server, ok := q.Server()
	switch {
	case q.Verdict == QueueCalm:
		return nil, &Abstention{What: what, Why: "nobody waits for long"}
	case !ok:
		a := Abstention{What: what, Why: "it is not known what requests wait for"}
		if n := len(q.Abstained); n > 0 {
			a.Why, a.Remedy = q.Abstained[n-1].Why, q.Abstained[n-1].Remedy
		}
		return nil, &a
	}
	b = &Blame{Stage: q.Binding, p: p, load: p.loadWithBefore(d, d.Members), stage: slices.Index(Stages[:], q.Binding)}
	b.weigh()
	held := b.share()
	top := make([]int, len(held))
	for i := range top {
		top[i] = i
	}
	slices.SortFunc(top, func(i, k int) int { return cmp.Or(cmp.Compare(held[k], held[i]), cmp.Compare(i, k)) })
	b.Others = b.Waited - b.Nobody
	today := server.Run(b.load.Jobs)
	for _, i := range top[:min(topCulprits, len(top))] {
		if held[i] == 0 {
			break
		}
		r := p.record(b.load.Members[i])
		b.Culprits = append(b.Culprits, Culprit{
			Exemplar: exemplarOf(r), Tokens: r.InputTokens, Held: held[i], Share: float64(held[i]) / float64(b.Waited),
			Without: b.without(server, today, i),
		})
		b.Others -= held[i]
	}
	b.Together = b.without(server, today, top[:len(b.Culprits)]...)
	top = slices.DeleteFunc(top, func(i int) bool { return i < b.load.Before })
	slices.SortFunc(top, func(i, k int) int { return cmp.Or(cmp.Compare(b.load.Waits[k], b.load.Waits[i]), cmp.Compare(i, k)) })
	for _, i := range top[:min(topWaiters, len(top))] {
		b.Longest = append(b.Longest, b.waiter(b.load.Members[i], b.load.Waits[i]))
	}
	return b, nil
}

func (b *Blame) waiter(record int32, waited int64) Waiter {
	w := Waiter{Exemplar: exemplarOf(&b.p.Records[record]), Waited: waited}
	for _, x := range b.WaitedFor(record) {
		switch {
		case x.Record < 0:
			w.Nobody = x.Held
		case len(w.For) < topHeld:
			w.For = append(w.For, Held{exemplarOf(b.p.record(x.Record)), x.Held})
		}
	}
	return w
}

// weigh sets how much each request holds of what is waited for.
func (b *Blame) weigh() {
	b.weight = make([]int64, len(b.load.Jobs))
	b.Resource = ResourceSlots
	if b.Stage == StagePrefill {
		b.Resource = ResourcePrefillTokens
		for i := range b.weight {
			if b.weight[i] = b.load.Jobs[i].PromptTokens; b.weight[i] <= 0 {
				b.Resource = ResourceEqual
				break
			}
		}
	}
	if b.Resource != ResourcePrefillTokens {
		for i := range b.weight {
			b.weight[i] = 1
		}
	}
}

// An edge is a change of what waits and what is held.
type edge struct {
	at, weight int64
	waits      int64
}

// share returns how much of the waiting falls to each request. It sweeps over time once: what falls to a request is its
// weight times the integral, over its stay, of waiting requests per weight in service.
func (b *Blame) share() []int64 {
	l := &b.load
	edges := make([]edge, 0, 4*len(l.Jobs))
	for i := range l.Jobs {
		if w := l.Waits[i]; w > 0 && i >= l.Before {
			b.Requests++
			b.Waited += w
			edges = append(edges, edge{at: l.Jobs[i].Arrive, waits: 1}, edge{at: l.start(i), waits: -1})
		}
		if from, to := l.within(b.stage, i); from < to {
			b.order = append(b.order, i)
			b.length = max(b.length, to-from)
			edges = append(edges, edge{at: from, weight: b.weight[i]}, edge{at: to, weight: -b.weight[i]})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	slices.SortStableFunc(b.order, func(i, k int) int { return cmp.Compare(b.enters(i), b.enters(k)) })
	var all integral // grows by waiting / weight in service
	var waiting, weight, last int64
	for _, e := range edges {
		if weight == 0 {
			b.Nobody += waiting * (e.at - last)
		}
		waiting, weight, last = waiting+e.waits, weight+e.weight, e.at
		if weight > 0 {
			all.bend(e.at, float64(waiting)/float64(weight))
			b.each.bend(e.at, 1/float64(weight))
			b.idle.bend(e.at, 0)
		} else {
			all.bend(e.at, 0)
			b.each.bend(e.at, 0)
			b.idle.bend(e.at, 1)
		}
	}
	held := make([]float64, len(l.Jobs))
	for _, i := range b.order {
		from, to := l.within(b.stage, i)
		held[i] = float64(b.weight[i]) * all.between(from, to)
	}
	return apportion(held, b.Waited-b.Nobody)
}

func (b *Blame) enters(i int) int64 {
	from, _ := b.load.within(b.stage, i)
	return from
}

// WaitedFor returns for whom the request at that index of Population.Records waited, most first. It sums to its wait
// exactly; a request that did not wait has none.
func (b *Blame) WaitedFor(record int32) []Blamed {
	i := slices.Index(b.load.Members, record)
	if i < 0 || b.load.Waits[i] == 0 {
		return nil
	}
	l := &b.load
	since, until := l.Jobs[i].Arrive, l.start(i)
	list := []Blamed{{Record: -1}}
	shares := []float64{b.idle.between(since, until)}
	first, _ := slices.BinarySearchFunc(b.order, since-b.length, func(k int, t int64) int { return cmp.Compare(b.enters(k), t) })
	for _, k := range b.order[first:] {
		from, to := l.within(b.stage, k)
		if from >= until {
			break
		}
		if to > since {
			list = append(list, Blamed{Record: l.Members[k]})
			shares = append(shares, float64(b.weight[k])*b.each.between(max(from, since), min(to, until)))
		}
	}
	for k, ns := range apportion(shares, l.Waits[i]) {
		list[k].Held = ns
	}
	list = slices.DeleteFunc(list, func(x Blamed) bool { return x.Held == 0 })
	slices.SortStableFunc(list, func(x, y Blamed) int { return cmp.Compare(y.Held, x.Held) })
	return list
}

// apportion rounds shares so that they sum to total: down, and one more for the largest rests.
func apportion(shares []float64, total int64) []int64 {
	out := make([]int64, len(shares))
	sum := 0.0
	for _, x := range shares {
		sum += x
	}
	if sum <= 0 || total <= 0 {
		return out
	}
	type rest struct {
		at   int
		part float64
	}
	rests := make([]rest, 0, len(shares))
	left := total
	for i, x := range shares {
		whole, part := math.Modf(x / sum * float64(total))
		out[i] = int64(whole)
		left -= out[i]
		if x > 0 {
			rests = append(rests, rest{i, part})
		}
	}
	slices.SortFunc(rests, func(a, b rest) int { return cmp.Or(cmp.Compare(b.part, a.part), cmp.Compare(a.at, b.at)) })
	for k := 0; left != 0; k = (k + 1) % len(rests) {
		step := min(max(left, -1), 1)
		out[rests[k].at] += step
		left -= step
	}
	return out
}

// without replays the domain without some jobs, as far as they can matter: until nobody is left whom they could delay.
func (b *Blame) without(server replay.Slots, today []replay.Times, jobs ...int) (c Cause) {
	l := &b.load
	var total int64
	gone := map[int]bool{}
	for _, i := range jobs {
		gone[i] = true
	}
	for i := l.Before; i < len(l.Jobs); i++ {
		if !gone[i] {
			total += today[i].Start - l.Jobs[i].Arrive
		}
	}
	if total == 0 {
		return c
	}
	for _, s := range l.busyAround(today, jobs) {
		var rest []replay.Job
		before := 0
		for i := s[0]; i < s[1]; i++ {
			if !gone[i] {
				rest = append(rest, l.Jobs[i])
				if i >= l.Before {
					c.Waited += today[i].Start - l.Jobs[i].Arrive
				} else {
					before++
				}
			}
		}
		for i, t := range server.Run(rest) {
			if i >= before {
				c.Waited -= t.Start - rest[i].Arrive
			}
		}
	}
	c.Share = float64(c.Waited) / float64(total)
	return c
}

// busyAround returns the ranges of jobs, by arrival, that hold the given ones and between which everybody has left.
func (l *Load) busyAround(times []replay.Times, jobs []int) [][2]int {
	jobs = slices.Clone(jobs)
	slices.Sort(jobs)
	var list [][2]int
	next, from := 0, 0
	var until int64
	for i := 0; i <= len(l.Jobs) && next < len(jobs); i++ {
		if i == len(l.Jobs) || i > 0 && l.Jobs[i].Arrive >= until {
			if jobs[next] < i {
				list = append(list, [2]int{from, i})
				for next < len(jobs) && jobs[next] < i {
					next++
				}
			}
			from = i
		}
		if i < len(l.Jobs) {
			until = max(until, times[i].End)
		}
	}
	return list
}
