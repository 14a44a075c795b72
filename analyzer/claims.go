package analyzer

import (
	"cmp"
	"slices"
)

// A claim is what a span on a path states about a stretch of its time there. Where claims overlap, the one with the
// highest rank holds: of the spans on the path at one instant, the deepest.
type claim struct {
	start, end int64
	rank       int32 // the place of the span among those that the walk went into, parents first
	part       int32 // in statementBook.parts
}

// book books the walk over head's subtree as the spans on the path state it: for each instant the deepest that states
// anything. It takes n log n for n spans and parts, however deep the spans are nested.
func (f *callFinder) book(head int32, o walkOptions) {
	b := &f.statement
	w := walkers.Get().(*walker)
	w.out, w.visits, w.keepVisits = w.out[:0], w.visits[:0], true
	w.walk(f.t, head, o)
	w.keepVisits = false
	b.claims = b.claims[:0]
	for rank, at := range w.visits {
		f.claim(at, int32(rank))
	}
	walkers.Put(w)
	slices.SortFunc(b.claims, func(x, y claim) int { return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.rank, y.rank)) })
	f.settle(o.Start, o.End)
}

// claim appends what the span of a visit states of its stretch.
func (f *callFinder) claim(at Interval, rank int32) {
	b := &f.statement
	parts, shift := b.of(at.Span), b.shift[at.Span]
	first, _ := slices.BinarySearchFunc(parts, at.Start-shift, func(p Part, start int64) int {
		if p.End <= start {
			return -1
		}
		return 1
	})
	for k := first; k < len(parts); k++ {
		start, end := max(parts[k].Start+shift, at.Start), min(parts[k].End+shift, at.End)
		if start >= at.End {
			return
		}
		b.claims = append(b.claims, claim{start, end, rank, b.first[at.Span] + int32(k)})
	}
}

// settle books [start, end] by the claims, which are by start.
func (f *callFinder) settle(start, end int64) {
	b := &f.statement
	b.active = b.active[:0]
	next := 0
	for start < end {
		for ; next < len(b.claims) && b.claims[next].start <= start; next++ {
			b.active = pushClaim(b.active, b.claims[next])
		}
		for len(b.active) > 0 && b.active[0].end <= start {
			b.active = popClaim(b.active)
		}
		part, until := Part{Source: SourceInferred}, end
		if len(b.active) > 0 {
			part, until = b.parts[b.active[0].part], min(end, b.active[0].end)
		}
		if next < len(b.claims) {
			until = min(until, b.claims[next].start)
		}
		f.emit(part, start, until)
		start = until
	}
}

// pushClaim adds c to a heap whose first claim has the highest rank.
func pushClaim(heap []claim, c claim) []claim {
	heap = append(heap, c)
	for i := len(heap) - 1; i > 0; {
		up := (i - 1) / 2
		if heap[up].rank >= heap[i].rank {
			break
		}
		heap[up], heap[i] = heap[i], heap[up]
		i = up
	}
	return heap
}

// popClaim takes the first claim off the heap.
func popClaim(heap []claim) []claim {
	last := len(heap) - 1
	heap[0] = heap[last]
	heap = heap[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < last && heap[down+1].rank > heap[down].rank {
			down++
		}
		if down >= last || heap[i].rank >= heap[down].rank {
			return heap
		}
		heap[i], heap[down] = heap[down], heap[i]
		i = down
	}
}
