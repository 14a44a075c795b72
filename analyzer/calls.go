package analyzer

import (
	"cmp"
	"slices"
	"sync"
)

// A call is one inference call as it is found in a trace: the chain of spans from its innermost view up to its head,
// the highest span that is still nothing but this call.
type call struct {
	inner, head int32
	attempts    []int32 // heads of the earlier attempts and of hedges that lost; each is a call of its own in the list
	absorbed    bool    // it is an attempt of another call
	hedge       bool    // and ran beside it
	isLeg       bool    // and is its prefill leg
	prefill     int32   // 1 + the call that is its prefill leg; 0 for none
	decodeHead  int32   // its head when that was joined
	read        bool    // facts and outcome are set
	facts       Call
	outcome     Outcome

	firstTokenFrom, lastTokenFrom, chunksFrom int32 // the spans whose clocks the token times are on
}

// callFinder is the working memory of [Requests], kept between traces. Slices over spans have one entry for each span
// of the trace.
type callFinder struct {
	t        *Trace
	dialects []Dialect

	candidates []uint64 // dialects that the span can be of
	role       []Role
	dialect    []int16 // place of the dialect that gave the role; -1 for none

	order     []int32 // parents before children, each subtree in one stretch
	place     []int32 // in order
	size      []int32 // of the subtree, with the span itself
	callOf    []int32 // the call whose head the span is; -1 for none
	tally     []callTally
	calls     []call
	siblings  []int32
	stack     []int32
	ids       []int32 // calls that are requests
	turns     []int32 // spans
	clocks    map[hostNames]hostPair
	statement statementBook
}

// A callTally counts what a span's subtree holds.
type callTally struct {
	calls int32 // calls
	tools int32 // tools outside of calls
	open  int32 // calls that no agent, tool or asynchronous span separates from this span
	one   int32 // one of the open calls
}

var callFinders = sync.Pool{New: func() any { return new(callFinder) }}

// matchRoles asks the dialects for the role of every span and reports whether any is an inference span.
func (f *callFinder) matchRoles(t *Trace, dialects []Dialect) bool {
	f.t, f.dialects = t, dialects
	n := len(t.Spans)
	filter := filterFor(dialects)
	f.candidates = resize(f.candidates, n)
	f.role = resize(f.role, n)
	f.dialect = resize(f.dialect, n)
	found := false
	for i := range t.Spans {
		set := filter.candidates(&t.Spans[i])
		f.candidates[i], f.role[i], f.dialect[i] = set, RoleNone, -1
		if set &^= filter.context; set != 0 {
			f.match(int32(i), set)
			found = found || f.role[i] == RoleInference
		}
	}
	if !found {
		return false
	}
	for i := range t.Spans {
		if set := f.candidates[i] & filter.context; set != 0 && f.role[i] == RoleNone {
			f.match(int32(i), set)
		}
	}
	return true
}

func (f *callFinder) match(i int32, set uint64) {
	for d := range f.dialects {
		match := f.dialects[d].Match
		if set&dialectBit(d) == 0 || match == nil {
			continue
		}
		if role := match(&f.t.Spans[i]); role != RoleNone {
			f.role[i], f.dialect[i] = role, int16(d)
			return
		}
	}
}

// sortTree fills order, place and size.
func (f *callFinder) sortTree() {
	n := len(f.t.Spans)
	f.order, f.place, f.size = f.order[:0], resize(f.place, n), resize(f.size, n)
	f.stack = f.stack[:0]
	for _, r := range slices.Backward(f.t.Roots()) {
		f.stack = append(f.stack, r)
	}
	for len(f.stack) > 0 {
		i := f.stack[len(f.stack)-1]
		f.stack = f.stack[:len(f.stack)-1]
		f.place[i], f.size[i] = int32(len(f.order)), 1
		f.order = append(f.order, i)
		for _, c := range slices.Backward(f.t.Children(i)) {
			f.stack = append(f.stack, c)
		}
	}
	for _, i := range slices.Backward(f.order) {
		if p := f.t.Parent(i); p >= 0 {
			f.size[p] += f.size[i]
		}
	}
}

// subtree returns span i and all below it, parents first.
func (f *callFinder) subtree(i int32) []int32 {
	return f.order[f.place[i] : f.place[i]+f.size[i]]
}

// findCalls groups the inference spans into calls, from the leaves up.
//
// An inference span that holds exactly one call and no tool outside it is another view of that call. One that holds
// more is no call of its own but a chain: a step loop of an SDK, or a wrapper of several calls.
func (f *callFinder) findCalls() {
	n := len(f.t.Spans)
	f.tally, f.callOf, f.calls = resize(f.tally, n), resize(f.callOf, n), f.calls[:0]
	for _, i := range slices.Backward(f.order) {
		f.callOf[i] = -1
		sum := f.sumChildren(i)
		switch f.role[i] {
		case RoleTool:
			sum.tools++
			sum.open = 0
		case RoleAgent:
			sum.open = 0
		case RoleEnvelope:
			if sum.calls == 1 && sum.open == 1 && sum.tools == 0 && f.t.Parent(f.calls[sum.one].head) == i {
				f.raise(sum.one, i)
			}
		case RoleInference:
			switch {
			case sum.open == 0:
				sum = callTally{calls: sum.calls + 1, open: 1, one: int32(len(f.calls))}
				f.callOf[i] = sum.one
				f.calls = append(f.calls, call{inner: i, head: i})
			case sum.calls == 1 && sum.tools == 0:
				f.raise(sum.one, i)
			}
		}
		f.tally[i] = sum
	}
	f.siblings = f.siblings[:0]
	for _, r := range f.t.Roots() {
		if c := f.callOf[r]; c >= 0 {
			f.siblings = append(f.siblings, c)
		}
	}
	f.joinLegs(f.siblings)
}

// raise makes span i the head of a call.
func (f *callFinder) raise(c, i int32) {
	f.callOf[f.calls[c].head] = -1
	f.calls[c].head, f.calls[c].read = i, false
	f.callOf[i] = c
}

// sumChildren adds up what span i's children hold, after joining the attempts among them.
func (f *callFinder) sumChildren(i int32) (sum callTally) {
	f.siblings = f.siblings[:0]
	for _, c := range f.t.Children(i) {
		below := &f.tally[c]
		sum.calls += below.calls
		sum.tools += below.tools
		if f.t.Async(c) {
			continue
		}
		if below.open > 0 {
			sum.open += below.open
			sum.one = below.one
		}
		if f.callOf[c] >= 0 {
			f.siblings = append(f.siblings, f.callOf[c])
		}
	}
	if len(f.siblings) < 2 {
		if len(f.siblings) == 1 {
			f.joinRefused(i, f.siblings[0])
		}
		return sum
	}
	joined := f.joinLegs(f.siblings)
	f.siblings = slices.DeleteFunc(f.siblings, func(c int32) bool { return f.calls[c].absorbed })
	if joined += f.joinAttempts(i, f.siblings); joined > 0 {
		sum.calls -= joined
		sum.open -= joined
		for _, c := range f.siblings {
			if !f.calls[c].absorbed {
				sum.one = c // the only open one if sum.open is 1
			}
		}
	}
	if len(f.siblings) == 1 {
		f.joinRefused(i, f.siblings[0])
	}
	return sum
}

// findTurns fills turns with the outermost spans that hold two or more calls, or a call and a tool outside it.
func (f *callFinder) findTurns() {
	f.turns = f.turns[:0]
	for k := 0; k < len(f.order); {
		i := f.order[k]
		switch sum := &f.tally[i]; {
		case f.callOf[i] >= 0 || sum.calls == 0:
			k += int(f.size[i])
		case sum.calls > 1 || sum.tools > 0:
			f.turns = append(f.turns, i)
			k += int(f.size[i])
		default:
			k++
		}
	}
}

// requests returns the calls that are requests, by start and id of their heads.
func (f *callFinder) requests() []int32 {
	list := f.ids[:0]
	for c := range f.calls {
		if !f.calls[c].absorbed {
			list = append(list, int32(c))
		}
	}
	slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(f.calls[a].head, f.calls[b].head) })
	f.ids = list
	return list
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
