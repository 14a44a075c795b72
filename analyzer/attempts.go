package analyzer

import "slices"

// joinAttempts joins the attempts of one call among the sibling calls below span parent, which are by start, and
// returns how many calls became attempts of another.
//
// A call is tried again when the earlier one failed, the later starts after its end, both are the same operation on the
// same model with equally large input where that is stated, and no tool and no other call runs in between.
func (f *callFinder) joinAttempts(parent int32, siblings []int32) (joined int32) {
	for k := 1; k < len(siblings); k++ {
		earlier, later := siblings[k-1], siblings[k]
		a, b := f.readCall(earlier), f.readCall(later)
		switch {
		case f.triedAgain(a, b) && !f.workBetween(parent, a.head, b.head):
			b.attempts = append(append(a.attempts, a.head), b.attempts...)
			a.attempts, a.absorbed = nil, true
			joined++
		case f.hedged(a, b):
			winner, loser := b, a
			if a.outcome == Succeeded {
				winner, loser = a, b
				siblings[k] = earlier
			}
			winner.attempts = append(append(winner.attempts, loser.attempts...), loser.head)
			loser.attempts, loser.absorbed, loser.hedge = nil, true, true
			joined++
		}
	}
	return joined
}

func (f *callFinder) triedAgain(a, b *call) bool {
	_, end := f.t.Extent(a.head)
	start, _ := f.t.Extent(b.head)
	return a.outcome == Failed && start >= end && f.sameAsk(a, b) &&
		(a.facts.InputTokens < 0 || b.facts.InputTokens < 0 || a.facts.InputTokens == b.facts.InputTokens)
}

// hedged reports whether one of two overlapping calls is the other sent again: one request id, or equally large input,
// and exactly one of them was given up. Such calls that both succeed are taken for two samples that somebody wanted.
func (f *callFinder) hedged(a, b *call) bool {
	_, end := f.t.Extent(a.head)
	start, _ := f.t.Extent(b.head)
	same := a.facts.RequestID != "" && a.facts.RequestID == b.facts.RequestID ||
		a.facts.InputTokens >= 0 && a.facts.InputTokens == b.facts.InputTokens
	return start < end && same && f.sameAsk(a, b) && (a.outcome == Succeeded) != (b.outcome == Succeeded)
}

func (f *callFinder) sameAsk(a, b *call) bool {
	operation := func(c *call) string {
		if c.facts.Operation != "" {
			return c.facts.Operation
		}
		return f.t.Spans[c.head].Name
	}
	return operation(a) == operation(b) && a.facts.RequestModel == b.facts.RequestModel
}

// joinRefused adds to call c, the only one below span parent, the attempts of it that no engine saw: failed calls of the
// same address by the same client, which ended before it began.
func (f *callFinder) joinRefused(parent, c int32) {
	head := f.calls[c].head
	if f.role[head] != RoleEnvelope || f.t.Spans[head].Kind != SpanKindClient {
		return
	}
	var refused []int32
	for _, i := range f.t.Children(parent) { // by start
		if i == head {
			break
		}
		if f.refused(i, head) && !f.workBetween(parent, i, head) {
			refused = append(refused, i)
		}
	}
	if refused == nil {
		return
	}
	for _, i := range refused {
		f.callOf[i] = int32(len(f.calls))
		f.calls = append(f.calls, call{inner: i, head: i, absorbed: true})
	}
	f.calls[c].attempts = append(refused, f.calls[c].attempts...)
}

// refused reports whether span i is a client's call that failed before the one of span head, with no inference in it.
func (f *callFinder) refused(i, head int32) bool {
	if f.role[i] != RoleEnvelope || f.tally[i].calls > 0 || f.tally[i].tools > 0 || f.t.Async(i) {
		return false
	}
	s, next := &f.t.Spans[i], &f.t.Spans[head]
	_, end := f.t.Extent(i)
	start, _ := f.t.Extent(head)
	if s.Kind != SpanKindClient || s.Name != next.Name || end > start {
		return false
	}
	for _, key := range [...]string{"url.full", "http.url", "server.address", "net.peer.name", "rpc.service"} {
		if s.Attributes.Text(key) != next.Attributes.Text(key) {
			return false
		}
	}
	if s.Status == StatusError {
		return true
	}
	d := f.dialect[i]
	return d >= 0 && f.dialects[d].Call != nil && f.dialects[d].Call(f.t, i).ErrorType != ""
}

// workBetween reports whether a tool or a call of the same parent starts between two of its children.
func (f *callFinder) workBetween(parent, a, b int32) bool {
	children := f.t.Children(parent) // in the order of places
	first, _ := slices.BinarySearch(children, a+1)
	for _, c := range children[first:] {
		if c >= b {
			break
		}
		if f.tally[c].tools > 0 || f.tally[c].calls > 0 {
			return true
		}
	}
	return false
}
