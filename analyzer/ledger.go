package analyzer

import "slices"

// fillLedgers sets the times of tokens and writes both ledgers of call c into r, whose extent is set.
func (f *callFinder) fillLedgers(c int32, r *Request) {
	k := &f.calls[c]
	f.statement.resize(len(f.t.Spans))
	f.openChain(k, r)
	f.readStatements(c, k)
	f.placeTokens(k, r)
	if k.inner != k.head && f.serverSide(k.inner) {
		start, _ := f.t.Extent(k.inner)
		if start += f.statement.move[k.inner]; start >= r.Start && start <= r.End {
			r.Entered = start
		}
	}
	o := f.walkOptions(c, k, r)
	r.E2ELedger = f.ledger(k, r.Start, r.End, o)
	if r.FirstToken != 0 {
		r.TTFTLedger = f.ledger(k, r.Start, r.FirstToken, o)
	}
	f.closeChain(k)
}

// walkOptions keeps other calls off the path of k, which is call c, and whatever runs beside the call: of the children of an
// envelope the call itself is the one that it waits for, even if another ends a moment later.
func (f *callFinder) walkOptions(c int32, k *call, r *Request) (o walkOptions) {
	b := &f.statement
	if int(f.size[k.head]) == 1 {
		return o
	}
	o.Exclude = func(i int32) bool {
		if other := f.callOf[i]; other >= 0 && other != c {
			return !f.wasted(i)
		}
		p := f.t.Parent(i)
		next := b.below[p] - 1
		if next < 0 || next == i || next == p {
			return false
		}
		start, end := f.t.Extent(i)
		callStart, callEnd := f.t.Extent(next)
		return start < callEnd+b.move[next] && end > callStart+b.move[next]
	}
	if r.Warnings[WarnClockSkew] > 0 {
		o.Shift = func(i int32) int64 { return b.move[i] }
	}
	return o
}

// ledger tiles [start, end] of call k.
func (f *callFinder) ledger(k *call, start, end int64, o walkOptions) Ledger {
	b := &f.statement
	b.out = b.out[:0]
	o.Start, _ = f.t.Extent(k.head)
	o.Start, o.End = max(start, o.Start), end
	f.retriesBefore(k, start, min(o.Start, end))
	if o.Start < o.End {
		f.book(k.head, o)
	}
	if len(b.out) == 0 {
		return Ledger{}
	}
	return Ledger{Parts: slices.Clone(b.out)}
}

// retriesBefore books [start, end] as the earlier attempts and hedges that no span of the call holds, and the waits after
// them.
func (f *callFinder) retriesBefore(k *call, start, end int64) {
	for _, a := range k.attempts {
		if start >= end {
			return
		}
		if f.holds(k.head, a) {
			continue
		}
		from, to := f.t.Extent(a)
		attempt := Part{Phase: Retry, Source: SourceSpan}
		if f.calls[f.callOf[a]].hedge {
			attempt.Detail = DetailHedge
		}
		f.emit(Part{Phase: Retry, Detail: DetailBackoff, Source: SourceInferred}, start, min(from, end))
		f.emit(attempt, max(start, from), min(to, end))
		start = max(start, to)
	}
	f.emit(Part{Phase: Retry, Detail: DetailBackoff, Source: SourceInferred}, start, end)
}

// holds reports whether span i is in the subtree of span head.
func (f *callFinder) holds(head, i int32) bool {
	return f.place[i] >= f.place[head] && f.place[i] < f.place[head]+f.size[head]
}

// emit appends a part with p's meaning to the ledger, or makes the last one longer when it means the same.
func (f *callFinder) emit(p Part, start, end int64) {
	if start >= end {
		return
	}
	b := &f.statement
	if n := len(b.out); n > 0 {
		last := &b.out[n-1]
		if last.Phase == p.Phase && last.Detail == p.Detail && last.Covers == p.Covers && last.Source == p.Source {
			last.End = end
			return
		}
	}
	p.Start, p.End = start, end
	b.out = append(b.out, p)
}
