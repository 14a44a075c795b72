package analyzer

import (
	"slices"
	"strings"
)

// A statementBook holds what the spans of one call state about its time. Slices over spans have one entry for each
// span of the trace; only those of the call at hand mean anything.
type statementBook struct {
	parts []Part  // of all spans
	first []int32 // where a span's parts begin in parts
	count []int32 // how many they are
	rest  []Phase // the phase of what the span does not explain of its time; Unattributed for none
	shift []int64 // how far the span is moved, in nanoseconds

	// Of spans on the call's chain only, else zero:
	below []int32 // 1 + the next span of the chain; the innermost names itself
	move  []int64 // how far the span is moved against its parent

	read, out []Part // while a span is read, and while a ledger is written
	claims    []claim
	active    []claim // at one instant
}

func (b *statementBook) resize(n int) {
	b.first, b.count = resize(b.first, n), resize(b.count, n)
	b.rest, b.shift = resize(b.rest, n), resize(b.shift, n)
	b.below, b.move = resize(b.below, n), resize(b.move, n)
}

// release lets go of the texts of parts, and of the memory that only a large trace needs.
func (b *statementBook) release() {
	for _, parts := range [...]*[]Part{&b.parts, &b.read, &b.out} {
		if cap(*parts) > 1024 {
			*parts = nil
		}
		clear((*parts)[:cap(*parts)])
	}
}

func (b *statementBook) of(i int32) []Part { return b.parts[b.first[i] : b.first[i]+b.count[i]] }

// openChain marks the spans from k's innermost view to its head, and what of their time needs no statement: beside a
// server's view, a client's time is the network's.
func (f *callFinder) openChain(k *call, r *Request) {
	b := &f.statement
	b.below[k.inner] = k.inner + 1
	b.rest[k.inner] = Unattributed
	engine, hops, allHops := f.serverSide(k.inner), 0, f.countHops(k)
	for i := k.inner; i != k.head; {
		p := f.t.Parent(i)
		b.below[p], b.rest[p] = i+1, Unattributed
		switch {
		case f.hop(i, p):
			hops++
			names := hostNames{host(&f.t.Spans[p]), host(&f.t.Spans[i])}
			pair := f.clocks[names]
			skew, proven, drift := pair.skew()
			switch {
			case names.client == names.server:
			case proven:
				b.move[i] = -skew
				r.Warnings.Add(WarnClockSkew, 1)
			case drift:
				r.Warnings.Add(WarnClockDrift, 1)
			}
			b.rest[p] = Network
		case hops > 0 && f.clientSide(p):
			b.rest[p] = Client
		case hops < allHops && (hops > 0 || !engine) && f.serverSide(p):
			b.rest[p] = Gateway
		case hops == allHops && (hops > 0 || !engine) && f.serverSide(p) && f.clientSide(i) && servesElse(&f.t.Spans[p]):
			b.rest[p] = Client
		case hops == 0 && engine:
			if f.t.Spans[p].Service() == f.t.Spans[k.inner].Service() {
				b.rest[p] = Frontend
			}
		case hops == 0 && f.role[p] == RoleInference:
			b.rest[p] = Client
		}
		i = p
	}
}

// servesElse reports whether a server's span states a route, and one that is of no inference API: then it is an
// application that calls a model, and no gateway.
func servesElse(s *Span) bool {
	for _, key := range [...]string{"http.route", "url.path", "http.target"} {
		if route := s.Attributes.Text(key); route != "" {
			return !slices.ContainsFunc(inferenceRoutes[:], func(api string) bool { return strings.Contains(route, api) })
		}
	}
	return false
}

// inferenceRoutes are what the routes of inference APIs have in them: OpenAI's, Anthropic's, Google's, Ollama's, TGI's,
// SGLang's, and that of KServe, which Triton speaks too.
var inferenceRoutes = [...]string{
	"/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", ":generateContent", ":streamGenerateContent",
	"/api/generate", "/api/chat", "/api/embed", "/generate", "/v2/models/",
}

// countHops returns how many steps of k's chain lead from a server to its client.
func (f *callFinder) countHops(k *call) (hops int) {
	for i := k.inner; i != k.head; {
		p := f.t.Parent(i)
		if f.hop(i, p) {
			hops++
		}
		i = p
	}
	return hops
}

// closeChain takes back the marks of openChain.
func (f *callFinder) closeChain(k *call) {
	for i := k.inner; ; i = f.t.Parent(i) {
		f.statement.below[i], f.statement.move[i] = 0, 0
		if i == k.head {
			return
		}
	}
}

// readStatements fills the book with what all spans of k, which is call c, state.
func (f *callFinder) readStatements(c int32, k *call) {
	b := &f.statement
	b.parts = b.parts[:0]
	below := f.subtree(k.head)
	for at := 0; at < len(below); {
		i := below[at]
		shift := int64(0)
		if i != k.head {
			shift = b.shift[f.t.Parent(i)] + b.move[i]
		}
		if other := f.callOf[i]; other >= 0 && other != c {
			if f.wasted(i) {
				f.readAttempt(i)
			}
			at += int(f.size[i])
			continue
		}
		if i != k.head && b.below[i] == 0 {
			b.rest[i] = Unattributed
		}
		b.first[i], b.shift[i] = int32(len(b.parts)), shift
		f.readSpan(i, k)
		b.count[i] = int32(len(b.parts)) - b.first[i]
		at++
	}
}

// wasted reports whether span i, the head of another call, is an earlier attempt of the call whose chain is open.
func (f *callFinder) wasted(i int32) bool {
	a := &f.calls[f.callOf[i]]
	p := f.t.Parent(i)
	return a.absorbed && !a.hedge && !a.isLeg && p >= 0 && f.statement.below[p] != 0
}

// readAttempt books all of an earlier attempt as retry.
func (f *callFinder) readAttempt(i int32) {
	b := &f.statement
	start, end := f.t.Extent(i)
	first := int32(len(b.parts))
	b.parts = append(b.parts, Part{Start: start, End: end, Phase: Retry, Source: SourceSpan})
	shift := b.shift[f.t.Parent(i)]
	for _, x := range f.subtree(i) {
		b.first[x], b.count[x], b.shift[x] = first, 1, shift
	}
}

// readSpan appends what span i states to b.parts.
func (f *callFinder) readSpan(i int32, k *call) {
	b := &f.statement
	b.read = b.read[:0]
	start, end := f.t.Extent(i)
	if len(k.attempts) > 0 && b.below[i] != 0 && f.t.Parent(k.attempts[0]) == i {
		f.readBackoff(i, k)
	}
	known := false
	for d, set := 0, f.candidates[i]; d < len(f.dialects) && !known && set != 0; d++ {
		parts := f.dialects[d].Parts
		if set&dialectBit(d) == 0 || parts == nil {
			continue
		}
		for _, p := range parts(f.t, i) {
			known = true
			// An outer view's reading of the call is void beside an inner one's.
			if f.role[i] != RoleInference || i == k.inner || p.Source == SourceSpan {
				b.read = append(b.read, p)
			}
		}
	}
	if !known && f.role[i] == RoleTool {
		b.read = append(b.read, Part{Start: start, End: end, Phase: Tool, Source: SourceSpan})
	}
	f.readRest(i, start, end)
	b.parts = overlay(b.parts, b.read, start, end)
}

// readRest books what span i of the chain does not explain.
func (f *callFinder) readRest(i int32, start, end int64) {
	b := &f.statement
	rest := Part{Start: start, End: end, Phase: b.rest[i], Source: SourceInferred}
	switch rest.Phase {
	case Network:
		rest.Detail = DetailRoundTrip
	case Frontend: // up to the engine's end; then what the engine wrote is sent
		next := b.below[i] - 1
		_, to := f.t.Extent(next)
		rest.End = to + b.move[next]
		b.read = append(b.read, rest)
		rest.Start, rest.End, rest.Phase = rest.End, end, Stream
	}
	b.read = append(b.read, rest)
}

// DetailRoundTrip is the detail of network time of which only the sum of both directions is known.
const DetailRoundTrip = "round_trip"

// readBackoff books the waits after failed attempts below span i as retry.
func (f *callFinder) readBackoff(i int32, k *call) {
	b := &f.statement
	for at, a := range k.attempts {
		if f.t.Parent(a) != i || f.calls[f.callOf[a]].hedge {
			continue
		}
		_, end := f.t.Extent(a)
		next := b.below[i] - 1
		if at+1 < len(k.attempts) && f.t.Parent(k.attempts[at+1]) == i {
			next = k.attempts[at+1]
		}
		start, _ := f.t.Extent(next)
		start += b.move[next]
		b.read = append(b.read, Part{Start: end, End: start, Phase: Retry, Detail: DetailBackoff, Source: SourceInferred})
	}
}

// The details of retry: the wait between a failed attempt and the next, and a call that ran alone until the one that
// was used was sent beside it.
const (
	DetailBackoff = "backoff"
	DetailHedge   = "hedge"
)

// overlay appends to dst the given parts cut to [start, end] and to what no earlier one of them covers, ascending. Parts
// that state nothing are left out.
func overlay(dst, parts []Part, start, end int64) []Part {
	if len(parts) >= manyParts {
		return overlayMany(dst, parts, start, end)
	}
	first := len(dst)
	for _, p := range parts {
		p.Start, p.End = max(p.Start, start), min(p.End, end)
		if p.Start >= p.End || p.Phase == Unattributed && p.Covers == 0 {
			continue
		}
		if last := len(dst) - 1; last < first || dst[last].End <= p.Start {
			dst = append(dst, p)
			continue
		}
		dst = fillGaps(dst, first, p)
	}
	return dst
}

// fillGaps inserts p into the ascending parts from dst[first] on, where they leave room for it.
func fillGaps(dst []Part, first int, p Part) []Part {
	at, _ := slices.BinarySearchFunc(dst[first:], p.Start, func(q Part, start int64) int {
		if q.End <= start {
			return -1
		}
		return 1
	})
	after := slices.Clone(dst[first+at:])
	dst = dst[:first+at]
	fill := func(end int64) {
		if piece := p; piece.Start < end {
			piece.End = end
			dst = append(dst, piece)
		}
	}
	for _, q := range after {
		fill(min(p.End, q.Start))
		p.Start = max(p.Start, q.End)
		dst = append(dst, q)
	}
	fill(p.End)
	return dst
}
