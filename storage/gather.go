package storage

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A gatherer brings the spans of each trace together while a scan goes on. Spans arrive about in the order in which they
// were stored, so the traces that wait for the rest of their spans are few. When they hold more spans than most, they
// are put off: forgotten, and read again in a later scan.
type gatherer struct {
	most    int // spans that may wait
	waiting map[analyzer.TraceID]*waitingTrace
	held    int // spans in waiting
	putOff  map[analyzer.TraceID]uint32
	only    map[analyzer.TraceID]uint32 // nil means all; else only these are gathered, the others are done
}

type waitingTrace struct {
	spans []analyzer.Span
	total uint32
}

func newGatherer(most int, only map[analyzer.TraceID]uint32) *gatherer {
	return &gatherer{most: most, waiting: map[analyzer.TraceID]*waitingTrace{}, putOff: map[analyzer.TraceID]uint32{}, only: only}
}

// add takes spans, and for each how many its trace has, and returns the spans of whole traces. It uses the memory of
// spans for them.
func (g *gatherer) add(spans []analyzer.Span, totals []uint32) []analyzer.Span {
	whole := spans[:0]
	var completed []*waitingTrace
	for from := 0; from < len(spans); {
		id, to := spans[from].TraceID, from+1
		for to < len(spans) && spans[to].TraceID == id {
			to++
		}
		run, total := spans[from:to], totals[from]
		from = to
		if _, wanted := g.only[id]; g.only != nil && !wanted {
			continue
		}
		if _, later := g.putOff[id]; later {
			continue
		}
		if len(run) == int(total) {
			whole = append(whole, run...)
			continue
		}
		t := g.waiting[id]
		if t == nil {
			t = &waitingTrace{total: total}
			g.waiting[id] = t
		}
		t.spans = append(t.spans, run...) // a copy: the run's memory is reused
		if g.held += len(run); len(t.spans) == int(total) {
			delete(g.waiting, id)
			g.held -= len(t.spans)
			completed = append(completed, t)
		}
	}
	for _, t := range completed {
		whole = append(whole, t.spans...)
	}
	// One trace alone cannot be divided, however large it is.
	if g.held > g.most && len(g.waiting) > 1 {
		for id, t := range g.waiting {
			g.putOff[id] = t.total
		}
		clear(g.waiting)
		g.held = 0
	}
	return whole
}

// rest returns the traces that were put off, in parts by bucket that have about most spans each.
func (g *gatherer) rest() []part {
	var perBucket [buckets]int
	for id, total := range g.putOff {
		perBucket[bucketOf(id)] += int(total)
	}
	var parts []part
	spans := 0
	for b := range perBucket {
		if perBucket[b] == 0 {
			continue
		}
		if len(parts) == 0 || spans+perBucket[b] > g.most {
			parts = append(parts, part{first: b})
			spans = 0
		}
		parts[len(parts)-1].last = b
		spans += perBucket[b]
	}
	return parts
}

// A part is a range of buckets, both ends included.
type part struct{ first, last int }

// left returns the spans of traces that never became whole. There are none unless trace_ranges says more than is stored.
func (g *gatherer) left() []analyzer.Span {
	var spans []analyzer.Span
	for _, t := range g.waiting {
		spans = append(spans, t.spans...)
	}
	slices.SortFunc(spans, func(a, b analyzer.Span) int { return a.TraceID.Compare(b.TraceID) })
	return spans
}
