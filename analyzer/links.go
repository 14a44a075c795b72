package analyzer

import (
	"cmp"
	"slices"
)

// A SpanRef names a span of any trace.
type SpanRef struct {
	TraceID TraceID
	SpanID  SpanID
}

// Compare orders references by trace id, then span id.
func (r SpanRef) Compare(o SpanRef) int {
	return cmp.Or(r.TraceID.Compare(o.TraceID), r.SpanID.Compare(o.SpanID))
}

// Batches learns from links across traces which requests an engine computed together. Batches say how many requests
// shared a step and which, never how long anything took.
//
// It works in two passes: [Batches.Add] sees every trace once, in any order, and keeps two ids and a number for each
// link between a request and a batch; then [Batches.Of] answers for each request.
type Batches struct {
	batches  map[SpanRef]*batch
	requests map[SpanRef]*batchMember
}

type batch struct {
	size    int64 // of requests, as the batch states it; 0 while its own span was not seen
	members []SpanRef
}

type batchMember struct{ batches []SpanRef }

// Add takes in the links of one trace, and requests, which are those that [Requests] finds in it by the same dialects.
func (b *Batches) Add(t *Trace, requests []Request, dialects []Dialect) {
	var heads map[SpanID]*Request // made when the first link asks for it
	for i := range t.Spans {
		s := &t.Spans[i]
		if len(s.Links) == 0 {
			continue
		}
		if size, is := batchSize(s, dialects); is {
			at := b.batch(SpanRef{t.ID, s.ID})
			at.size = max(at.size, size)
			continue
		}
		if heads == nil {
			heads = requestSpans(requests)
		}
		r := requestAround(t, int32(i), heads)
		if r == nil {
			continue
		}
		for k := range s.Links {
			if l := &s.Links[k]; l.TraceID != t.ID {
				b.join(SpanRef{r.TraceID, r.SpanID}, SpanRef{l.TraceID, l.SpanID})
			}
		}
	}
}

// batchSize reports whether s is a batch, and of how many requests, at least one: as it states, else as many as the
// spans that it links to.
func batchSize(s *Span, dialects []Dialect) (size int64, is bool) {
	for i := range dialects {
		if ask := dialects[i].Batch; ask != nil {
			if size, is = ask(s); is {
				return max(size, int64(len(s.Links)), 1), true
			}
		}
	}
	return 0, false
}

// requestSpans returns requests by the spans that all of theirs lie below.
func requestSpans(requests []Request) map[SpanID]*Request {
	heads := make(map[SpanID]*Request, len(requests))
	for i := range requests {
		r := &requests[i]
		heads[r.SpanID], heads[r.ServerSpan] = r, r
	}
	return heads
}

// requestAround returns the request whose extent or server span is span i or the nearest above it, or nil.
func requestAround(t *Trace, i int32, heads map[SpanID]*Request) *Request {
	for ; i >= 0 && len(heads) > 0; i = t.Parent(i) {
		if r := heads[t.Spans[i].ID]; r != nil {
			return r
		}
	}
	return nil
}

func (b *Batches) batch(ref SpanRef) *batch {
	if b.batches == nil {
		b.batches, b.requests = map[SpanRef]*batch{}, map[SpanRef]*batchMember{}
	}
	at := b.batches[ref]
	if at == nil {
		at = &batch{}
		b.batches[ref] = at
	}
	return at
}

func (b *Batches) join(request, of SpanRef) {
	at := b.batch(of)
	member := b.requests[request]
	if member == nil {
		member = &batchMember{}
		b.requests[request] = member
	}
	if !slices.Contains(at.members, request) {
		at.members = append(at.members, request)
		member.batches = append(member.batches, of)
	}
}

// Of returns how many requests, itself among them, shared a batch with a request on average over its batches, and the
// others of them by id. The size is 0 while none of its batches was seen.
func (b *Batches) Of(request SpanRef) (size float64, others []SpanRef) {
	member := b.requests[request]
	if member == nil {
		return 0, nil
	}
	var sum, n int64
	for _, ref := range member.batches {
		at := b.batches[ref]
		if at.size == 0 {
			continue // its links may lead to anything
		}
		sum += max(at.size, int64(len(at.members)))
		n++
		for _, other := range at.members {
			if other != request {
				others = append(others, other)
			}
		}
	}
	if n == 0 {
		return 0, nil
	}
	slices.SortFunc(others, SpanRef.Compare)
	return float64(sum) / float64(n), slices.Compact(others)
}

// Merge adds what other saw, which must not be used any more.
func (b *Batches) Merge(other *Batches) {
	for ref, at := range other.batches {
		mine := b.batch(ref)
		mine.size = max(mine.size, at.size)
		for _, request := range at.members {
			b.join(request, ref)
		}
	}
}
