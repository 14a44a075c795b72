package analyzer

import (
	"cmp"
	"slices"
)

// PathParts explains a path of the trace, for example its [Trace.CriticalPath]: of each interval it returns the parts
// that tile it, with the requests and turns that [Requests] found in the same trace.
//
// An interval of a span below a request is explained by that request's ledger up to its end, the innermost one where
// requests are nested; an earlier attempt of a request that lies beside it likewise. Below a turn only, the turn's
// ledger explains it. What no ledger speaks of is Unattributed. A ledger is a walk of its own, with server clocks put
// right, so a part says what the request was waiting for at that instant, whichever span the path is in.
func PathParts(t *Trace, path []Interval, requests []Request, turns []Turn) [][]Part {
	ledgers := ledgersOfSpans(t, requests, turns)
	explained := make([][]Part, len(path))
	flat := make([]Part, 0, len(path))
	for i, at := range path {
		first := len(flat)
		var ledger *Ledger
		if ledgers != nil {
			ledger = ledgers[at.Span]
		}
		flat = ledger.appendStretch(flat, at.Start, at.End)
		explained[i] = flat[first:len(flat):len(flat)]
	}
	return explained
}

// MainPhase returns the phase that holds most of the time of parts: of phases that hold as much, the one that reports
// name first.
func MainPhase(parts []Part) Phase {
	if len(parts) == 1 {
		return parts[0].Phase
	}
	ns := Ledger{Parts: parts}.ByPhase()
	return slices.MaxFunc(Phases[:], func(a, b Phase) int { return cmp.Compare(ns[a], ns[b]) })
}

// ledgersOfSpans returns the ledger that explains each span's time; nil where none does, and nil when there is none.
func ledgersOfSpans(t *Trace, requests []Request, turns []Turn) []*Ledger {
	if len(requests) == 0 && len(turns) == 0 {
		return nil
	}
	places := t.places(requests, turns)
	own := make([]*Ledger, len(t.Spans))
	for i := range turns {
		if at := places[idEnd{turns[i].SpanID, turns[i].End}]; at >= 0 {
			own[at] = &turns[i].Ledger
		}
	}
	for i := range requests {
		if at := places[idEnd{requests[i].SpanID, requests[i].End}]; at >= 0 {
			own[at] = &requests[i].E2ELedger
		}
	}
	for i := range requests {
		if at := places[idEnd{requests[i].SpanID, requests[i].End}]; at >= 0 {
			t.ownAttempts(own, at, &requests[i])
		}
	}
	stack := slices.Clone(t.Roots())
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, c := range t.Children(i) {
			if own[c] == nil {
				own[c] = own[i]
			}
			stack = append(stack, c)
		}
	}
	return own
}

// ownAttempts gives r's ledger to the siblings of its span that started while r was under way and the span was not:
// earlier attempts, and what ran beside them.
func (t *Trace) ownAttempts(own []*Ledger, head int32, r *Request) {
	until := t.nodes[head].start
	if r.Start >= until || t.Parent(head) < 0 {
		return
	}
	siblings := t.Children(t.Parent(head))
	first, _ := slices.BinarySearchFunc(siblings, r.Start, func(i int32, start int64) int {
		return cmp.Compare(t.nodes[i].start, start)
	})
	for _, i := range siblings[first:] {
		if t.nodes[i].start >= until {
			return
		}
		if own[i] == nil {
			own[i] = &r.E2ELedger
		}
	}
}

// An idEnd tells which span is meant where several share an id.
type idEnd struct {
	id  SpanID
	end int64
}

// places returns where the spans that requests and turns start at are in Spans, -1 if they are not there: the first of
// those that share id and end.
func (t *Trace) places(requests []Request, turns []Turn) map[idEnd]int32 {
	places := make(map[idEnd]int32, len(requests)+len(turns))
	for i := range turns {
		places[idEnd{turns[i].SpanID, turns[i].End}] = -1
	}
	for i := range requests {
		places[idEnd{requests[i].SpanID, requests[i].End}] = -1
	}
	for i := range t.Spans {
		key := idEnd{t.Spans[i].ID, t.nodes[i].end}
		if at, wanted := places[key]; wanted && at < 0 {
			places[key] = int32(i)
		}
	}
	return places
}

// appendStretch appends the parts of l that tile [start, end], with Unattributed where l has none. A nil ledger has none.
func (l *Ledger) appendStretch(dst []Part, start, end int64) []Part {
	if l != nil {
		at, _ := slices.BinarySearchFunc(l.Parts, start, func(p Part, start int64) int {
			if p.End <= start {
				return -1
			}
			return 1
		})
		for _, p := range l.Parts[at:] {
			if p.Start >= end {
				break
			}
			if start < p.Start {
				dst = append(dst, Part{Start: start, End: p.Start, Source: SourceInferred})
				start = p.Start
			}
			p.Start, p.End = start, min(p.End, end)
			dst = append(dst, p)
			start = p.End
		}
	}
	if start < end {
		dst = append(dst, Part{Start: start, End: end, Source: SourceInferred})
	}
	return dst
}
