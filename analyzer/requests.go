package analyzer

import (
	"cmp"
	"slices"
)

// Requests returns the inference calls of a trace by start, and its Turns. The dialects are asked in order, so a
// more particular one comes before a general one; the list must not change between calls.
//
// A Request is one call: its inference spans, of which one-to-one nested ones are views of the same call, and above
// them every envelope that holds no other call and no tool outside it. Facts come from the innermost view that states
// them.
func Requests(t *Trace, dialects []Dialect) ([]Request, []Turn) {
	f := callFinders.Get().(*callFinder)
	if !f.matchRoles(t, dialects) {
		f.release()
		return nil, nil
	}
	f.sortTree()
	f.findCalls()
	ids := f.requests()
	requests := make([]Request, len(ids))
	f.compareClocks(ids)
	for k, c := range ids {
		f.request(c, &requests[k])
	}
	turns := f.makeTurns(ids)
	f.release()
	slices.SortStableFunc(requests, func(a, b Request) int { return cmp.Compare(a.Start, b.Start) })
	return requests, turns
}

// release lets go of the trace, so that a pool that is idle keeps no spans alive.
func (f *callFinder) release() {
	f.t, f.dialects = nil, nil
	clear(f.calls)
	if len(f.clocks) > 64 {
		f.clocks = nil // clearing it costs as much as it ever held
	}
	f.statement.release()
	callFinders.Put(f)
}

// request fills r with call c.
func (f *callFinder) request(c int32, r *Request) {
	k := f.readCall(c)
	head, inner := &f.t.Spans[k.head], &f.t.Spans[k.inner]
	*r = Request{
		TraceID: f.t.ID, SpanID: head.ID, ServerSpan: inner.ID,
		Service: inner.Service(), Model: k.facts.RequestModel, Operation: k.facts.Operation,
		InputTokens: k.facts.InputTokens, OutputTokens: k.facts.OutputTokens, CachedTokens: k.facts.CachedTokens,
		ReasoningTokens: k.facts.ReasoningTokens, Sequences: k.facts.Sequences, Attempts: 1,
		Streaming: k.facts.Streaming, Outcome: k.outcome, ErrorType: k.facts.ErrorType, Warnings: k.facts.Warnings,
	}
	if r.Model == "" {
		r.Model = k.facts.Model
	}
	if d := f.dialect[k.inner]; d >= 0 {
		r.Dialect = f.dialects[d].Name
	}
	if f.serverSide(k.inner) {
		r.Instance = InstanceOf(inner)
	}
	r.Start, r.End = f.t.Extent(k.head)
	f.describeLegs(k, r)
	for _, a := range k.attempts {
		if f.calls[f.callOf[a]].hedge {
			r.Warnings.Add(WarnHedged, 1)
		} else {
			r.Attempts++
		}
		if start, _ := f.t.Extent(a); !f.holds(k.head, a) {
			r.Start = min(r.Start, start)
		}
	}
	r.Warnings.Add(WarnRetried, r.Attempts-1)
	if k.prefill != 0 {
		f.fillLegLedgers(c, r)
		return
	}
	f.fillLedgers(c, r)
}

// placeTokens sets the times of tokens on the clock of the request; those that lie outside it are not used.
func (f *callFinder) placeTokens(k *call, r *Request) {
	if at := k.facts.FirstToken; at != 0 {
		if at += f.statement.shift[k.firstTokenFrom]; at < r.Start || at > r.End {
			r.Warnings.Add(WarnFirstTokenOutside, 1)
		} else {
			r.FirstToken = at
		}
	}
	if at := k.facts.LastToken; at != 0 {
		at += f.statement.shift[k.lastTokenFrom]
		r.LastToken = min(at, r.End)
		if r.LastToken < max(r.Start, r.FirstToken) {
			r.LastToken = 0
		}
	}
	if k.facts.Chunks != nil {
		f.placeChunks(k, r)
	}
}

// placeChunks sets the times of chunks on the clock of the request. Ends of spans below a call can come a little after
// its own; chunks before its start are those of no answer to it.
func (f *callFinder) placeChunks(k *call, r *Request) {
	shift := f.statement.shift[k.chunksFrom]
	if k.facts.Chunks[0]+shift < r.Start || k.facts.Chunks[0]+shift > r.End {
		return
	}
	r.Chunks, r.ChunksAreSteps = make([]int64, len(k.facts.Chunks)), k.facts.ChunksAreSteps
	for i, at := range k.facts.Chunks {
		r.Chunks[i] = min(at+shift, r.End)
	}
}

// serverSide reports whether span i is an engine's or a server's own view of a call.
func (f *callFinder) serverSide(i int32) bool {
	d := f.dialect[i]
	return f.t.Spans[i].Kind == SpanKindServer || d >= 0 && f.role[i] == RoleInference && f.dialects[d].Engine
}

// clientSide reports whether span i is a caller's view of a call.
func (f *callFinder) clientSide(i int32) bool {
	return f.t.Spans[i].Kind == SpanKindClient || f.role[i] == RoleInference && !f.serverSide(i)
}

// hop reports whether the step from a span to its parent leads from a server to its client.
func (f *callFinder) hop(span, parent int32) bool { return f.clientSide(parent) && f.serverSide(span) }

// compareClocks learns by how much the clocks of servers are ahead of their clients', from all calls of the trace.
func (f *callFinder) compareClocks(ids []int32) {
	clear(f.clocks)
	for _, c := range ids {
		k := &f.calls[c]
		f.compareClocksOf(k)
		if k.prefill != 0 {
			f.compareClocksOf(&f.calls[k.prefill-1])
		}
	}
}

func (f *callFinder) compareClocksOf(k *call) {
	for i := k.inner; i != k.head; i = f.t.Parent(i) {
		p := f.t.Parent(i)
		if !f.hop(i, p) {
			continue
		}
		if f.clocks == nil {
			f.clocks = map[hostNames]hostPair{}
		}
		names := hostNames{host(&f.t.Spans[p]), host(&f.t.Spans[i])}
		pair := f.clocks[names]
		clientStart, clientEnd := f.t.Extent(p)
		serverStart, serverEnd := f.t.Extent(i)
		pair.narrow(clientStart, clientEnd, serverStart, serverEnd)
		f.clocks[names] = pair
	}
}
