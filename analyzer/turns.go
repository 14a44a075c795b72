package analyzer

import (
	"cmp"
	"slices"
)

// The details of a Turn's ledger: its requests are Other, its tools Tool, and what plans them is Unattributed.
const (
	DetailInference     = "inference"
	DetailOrchestration = "orchestration"
)

// makeTurns returns the Turns of the trace by start, with the calls of ids that each holds.
func (f *callFinder) makeTurns(ids []int32) []Turn {
	f.findTurns()
	if len(f.turns) == 0 {
		return nil
	}
	turns := make([]Turn, len(f.turns)) // in the order of places, and so are their stretches
	for n, i := range f.turns {
		start, end := f.t.Extent(i)
		turns[n] = Turn{TraceID: f.t.ID, SpanID: f.t.Spans[i].ID, Start: start, End: end, Ledger: f.turnLedger(i)}
	}
	for _, c := range ids {
		head := f.calls[c].head
		n, found := slices.BinarySearchFunc(f.turns, f.place[head], func(i, place int32) int {
			return cmp.Compare(f.place[i], place)
		})
		if !found {
			n--
		}
		if n >= 0 && f.holds(f.turns[n], head) {
			turns[n].Requests = append(turns[n].Requests, f.t.Spans[head].ID)
		}
	}
	slices.SortStableFunc(turns, func(a, b Turn) int { return cmp.Or(cmp.Compare(a.Start, b.Start), a.SpanID.Compare(b.SpanID)) })
	return turns
}

// turnLedger tiles the Turn of span i: each instant of its path belongs to the nearest call or tool around it.
func (f *callFinder) turnLedger(i int32) Ledger {
	b := &f.statement
	b.rest = resize(b.rest, len(f.t.Spans))
	b.out = b.out[:0]
	for n, x := range f.subtree(i) {
		switch {
		case n == 0:
			b.rest[x] = Unattributed
		case f.callOf[x] >= 0:
			b.rest[x] = Other
		case f.role[x] == RoleTool:
			b.rest[x] = Tool
		default:
			b.rest[x] = b.rest[f.t.Parent(x)]
		}
	}
	for _, at := range f.t.walk(i, walkOptions{}) {
		p := Part{Phase: b.rest[at.Span], Source: SourceSpan}
		switch p.Phase {
		case Other:
			p.Detail = DetailInference
		case Unattributed:
			p.Detail, p.Source = DetailOrchestration, SourceInferred
		}
		f.emit(p, at.Start, at.End)
	}
	if len(b.out) == 0 {
		return Ledger{}
	}
	return Ledger{Parts: slices.Clone(b.out)}
}
