package analyzer

import "slices"

// A Leg is one engine's share of a disaggregated request: one engine prefills, hands the KV cache over, and another
// decodes.
type Leg uint8

// The legs of a disaggregated request.
const (
	LegNone Leg = iota // the whole request
	LegPrefill
	LegDecode
)

func (l Leg) String() string {
	if int(l) < len(legNames) {
		return legNames[l]
	}
	return "unknown"
}

var legNames = [...]string{"none", "prefill", "decode"}

// joinLegs joins the legs of one request among sibling calls and returns how many calls became the prefill leg of
// another. Legs belong together when they state the same request id, bootstrap room or transfer; or, below one parent,
// when they are the only two and nothing that they state says otherwise.
//
// Engines that do not say which leg they are give themselves away by the id: the one that answered a single token
// before the other began is the prefill leg.
func (f *callFinder) joinLegs(siblings []int32) (joined int32) {
	if len(siblings) < 2 || !slices.ContainsFunc(siblings, func(c int32) bool { return f.readCall(c).mayPrefill() }) {
		return 0
	}
	prefills := map[string]int32{} // by what they share with their decode legs
	for _, c := range siblings {
		if k := f.readCall(c); k.mayPrefill() {
			k.eachLegID(func(id string) {
				if before, ok := prefills[id]; !ok || f.calls[before].outcome != Succeeded || k.outcome == Succeeded {
					prefills[id] = c
				}
			})
		}
	}
	for _, c := range siblings {
		k := &f.calls[c]
		k.eachLegID(func(id string) {
			if p, ok := prefills[id]; ok && k.prefill == 0 && f.legsFit(p, c) {
				f.joinLeg(p, c)
				joined++
			}
		})
	}
	return joined + f.joinOnlyLegs(siblings)
}

// joinOnlyLegs joins the only prefill leg and the only decode leg that are left.
func (f *callFinder) joinOnlyLegs(siblings []int32) (joined int32) {
	prefill, decode := int32(-1), int32(-1)
	for _, c := range siblings {
		switch k := &f.calls[c]; {
		case k.absorbed || k.prefill != 0:
		case k.facts.Leg == LegDecode:
			if decode >= 0 {
				return 0
			}
			decode = c
		case k.mayPrefill():
			if prefill >= 0 {
				return 0
			}
			prefill = c
		}
	}
	if prefill < 0 || decode < 0 || !f.legsFit(prefill, decode) {
		return 0
	}
	a, b := &f.calls[prefill].facts, &f.calls[decode].facts
	if a.LegID != "" && b.LegID != "" || a.LegID == "" && a.RequestID != "" && b.RequestID != "" {
		return 0 // else the ids had joined them
	}
	f.joinLeg(prefill, decode)
	return 1
}

func (f *callFinder) joinLeg(prefill, decode int32) {
	p, d := &f.calls[prefill], &f.calls[decode]
	p.absorbed, p.isLeg = true, true
	d.prefill, d.decodeHead, d.read = prefill+1, d.head, false
}

// mayPrefill reports whether k, which is read, can be the prefill leg of a request.
func (k *call) mayPrefill() bool {
	return k.facts.Leg == LegPrefill || k.facts.Leg == LegNone && k.facts.OutputTokens == 1 && k.outcome == Succeeded
}

func (k *call) eachLegID(visit func(id string)) {
	if k.facts.LegID != "" {
		visit("leg " + k.facts.LegID)
	}
	if k.facts.RequestID != "" {
		visit("request " + k.facts.RequestID)
	}
}

// legsFit reports whether call p can be the prefill leg of call d.
func (f *callFinder) legsFit(p, d int32) bool {
	a, b := &f.calls[p], &f.calls[d]
	if p == d || a.absorbed || b.absorbed || b.facts.Leg == LegPrefill {
		return false
	}
	if a.facts.Leg == LegPrefill {
		return true // it says so, and both can run at once: the decode leg waits for the other's KV cache
	}
	_, end := f.t.Extent(a.head)
	start, _ := f.t.Extent(b.head)
	return start >= end && f.dialect[a.inner] == f.dialect[b.inner]
}

// addLeg adds what the prefill leg knows to the facts of the call that it belongs to. Of cached tokens only the prefill
// leg knows: what was handed over counts as cached in the other.
func (k *call) addLeg(p *call) {
	f, of := &k.facts, p.facts
	f.CachedTokens = of.CachedTokens
	for _, text := range [...]struct{ to, from *string }{
		{&f.Operation, &of.Operation}, {&f.RequestModel, &of.RequestModel}, {&f.Model, &of.Model}, {&f.ErrorType, &of.ErrorType},
	} {
		if *text.to == "" {
			*text.to = *text.from
		}
	}
	if f.InputTokens < 0 {
		f.InputTokens = of.InputTokens
	}
	k.outcome = max(k.outcome, p.outcome)
	for name, n := range of.Warnings {
		f.Warnings.Add(name, n)
	}
}

// describeLegs fills in what r knows of its legs.
func (f *callFinder) describeLegs(k *call, r *Request) {
	switch {
	case k.prefill != 0:
		p := &f.calls[k.prefill-1]
		r.PrefillInstance = InstanceOf(&f.t.Spans[p.inner])
		start, end := f.t.Extent(p.head)
		r.Start, r.End = min(r.Start, start), max(r.End, end)
	case k.facts.Leg != LegNone && k.facts.FirstToken == 0:
		r.Leg = k.facts.Leg
		r.Warnings.Add(WarnLegNotJoined, 1)
	}
}

// fillLegLedgers sets the times of tokens and writes both ledgers of call c, which has a prefill leg: up to the end of
// that leg the time is what it says, from there on what the decode leg says, which until then waits for the other.
func (f *callFinder) fillLegLedgers(c int32, r *Request) {
	k := &f.calls[c]
	f.statement.resize(len(f.t.Spans))
	var unused Request // for warnings that the last pass counts again
	f.openChain(k, &unused)
	f.readStatements(c, k)
	f.placeTokens(k, r)
	f.closeChain(k)

	handover, first := f.prefillParts(c, r)
	f.openChain(k, r)
	f.readStatements(c, k)
	o := f.walkOptions(c, k, r)
	r.E2ELedger = f.legLedger(k, first, handover, r.End, o)
	if r.FirstToken != 0 {
		r.TTFTLedger = f.legLedger(k, first, handover, r.FirstToken, o)
	}
	f.closeChain(k)
}

// prefillParts returns when the prefill leg of call c handed over, at the latest at the first token, and what the leg
// says of the time until then.
func (f *callFinder) prefillParts(c int32, r *Request) (handover int64, parts []Part) {
	k := &f.calls[c]
	p := k.prefill - 1
	leg := f.calls[p] // a view of its own: as high as the request where that holds it
	legHead, common := leg.head, f.holds(k.head, leg.head)
	if common {
		leg.head = k.head
		f.callOf[k.head], f.callOf[k.decodeHead] = p, c
	}
	f.openChain(&leg, r)
	f.readStatements(p, &leg)
	_, handover = f.t.Extent(legHead)
	handover = min(handover+f.statement.shift[legHead], r.End)
	if r.FirstToken != 0 {
		handover = min(handover, r.FirstToken)
	}
	handover = max(handover, r.Start)
	parts = f.legLedger(&leg, nil, r.Start, handover, f.walkOptions(p, &leg, r)).Parts
	f.closeChain(&leg)
	if common {
		f.callOf[k.decodeHead], f.callOf[k.head] = -1, c
	}
	return handover, parts
}

// legLedger returns the given parts and after them those of [start, end] as call k states them. What lies before k is
// not explained by any span.
func (f *callFinder) legLedger(k *call, before []Part, start, end int64, o walkOptions) Ledger {
	b := &f.statement
	b.out = append(b.out[:0], before...)
	from, to := f.t.Extent(k.head)
	o.Start, o.End = max(start, from), min(end, to)
	if o.Start >= o.End {
		f.emit(Part{Source: SourceInferred}, start, end)
		return Ledger{Parts: slices.Clone(b.out)}
	}
	f.emit(Part{Source: SourceInferred}, start, o.Start)
	f.book(k.head, o)
	f.emit(Part{Source: SourceInferred}, o.End, end)
	if len(b.out) == 0 {
		return Ledger{}
	}
	return Ledger{Parts: slices.Clone(b.out)}
}
