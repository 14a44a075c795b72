package dialect

import (
	"math"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// FromMapping returns the dialect that m describes. It is asked right after slowtoken.phase: see [With].
//
// Where a rule gives no role, the dialects that follow give it, and say what they read of the call; the rule's phases and
// durations still go first.
func FromMapping(m Mapping) analyzer.Dialect {
	marks, names := m.signs()
	view := client{
		name: "mapping", doc: "Spans as a user's mapping file describes them.",
		keys: m.Keys(), marks: marks, names: names,
		match: func(s *analyzer.Span) analyzer.Role {
			if r := m.rule(s); r != nil {
				return r.Role
			}
			return analyzer.RoleNone
		},
		read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) { m.rule(s).read(s, c, first) },
	}
	d := view.dialect()
	d.Call = func(t *analyzer.Trace, span int32) analyzer.Call {
		c, _ := m.explain(view, t, span)
		return c
	}
	d.Parts = func(t *analyzer.Trace, span int32) []analyzer.Part {
		_, parts := m.explain(view, t, span)
		return parts
	}
	return d
}

// With returns the dialects of [All] with one more, which goes right after slowtoken.phase.
func With(d analyzer.Dialect) []analyzer.Dialect { return slices.Insert(slices.Clone(All), 1, d) }

// explain returns what m says of a span, and the phases of its time.
func (m Mapping) explain(view client, t *analyzer.Trace, span int32) (c analyzer.Call, parts []analyzer.Part) {
	s := &t.Spans[span]
	r := m.rule(s)
	if r == nil {
		return analyzer.NoCall(), nil
	}
	var first int64
	switch r.Role {
	case analyzer.RoleInference:
		c, first = view.call(t, span, false)
	case analyzer.RoleEnvelope:
		c = httpCall(s)
	default:
		c = analyzer.NoCall()
	}
	start, end := t.Extent(span)
	d := durations{length: end - start}
	parts, last := r.layOut(s, start, end, first, &d)
	if last != 0 {
		c.LastToken = last
	}
	if r.FirstToken.From == BeforeEnd && first != 0 {
		d.warnings.Add(analyzer.WarnFirstTokenInferred, 1)
	}
	c.Warnings.Merge(d.warnings)
	stated := analyzer.PhaseSet(0)
	for _, p := range parts {
		stated |= p.Covers | analyzer.SetOf(p.Phase)
	}
	switch {
	case len(r.Phases) > 0:
		rest := mappedPart(r.Phases, r.Detail)
		rest.Start, rest.End, rest.Source = start, end, analyzer.SourceInferred
		if len(r.Durations) == 0 {
			rest.Source = analyzer.SourceSpan
		}
		parts = append(parts, rest)
	case r.Role == analyzer.RoleInference:
		parts = append(parts, without(clientParts(t, span, &c, first, s.Kind == analyzer.SpanKindServer), stated)...)
	}
	return c, parts
}

// without takes the phases that are stated elsewhere from parts of which each covers several; one of which less than two
// remain says nothing.
func without(parts []analyzer.Part, stated analyzer.PhaseSet) []analyzer.Part {
	kept := parts[:0]
	for _, p := range parts {
		p.Covers &^= stated
		if p.Covers&(p.Covers-1) == 0 {
			continue
		}
		if !p.Covers.Has(p.Phase) {
			p.Phase = analyzer.Unattributed
		}
		kept = append(kept, p)
	}
	return kept
}

// mappedPart returns a part of one phase, or of several that cannot be told apart.
func mappedPart(phases []analyzer.Phase, detail string) analyzer.Part {
	if len(phases) == 1 {
		return analyzer.Part{Phase: phases[0], Detail: detail}
	}
	return analyzer.Part{Covers: analyzer.SetOf(phases...), Detail: detail}
}

// read adds what r states about a call.
func (r *MappingRule) read(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
	for _, fact := range [...]struct {
		key string
		to  *string
	}{{r.Operation, &c.Operation}, {r.Model, &c.Model}, {r.RequestID, &c.RequestID}} {
		if text := s.Attributes.Text(fact.key); fact.key != "" && text != "" {
			*fact.to = text
		}
	}
	for _, fact := range [...]struct {
		key string
		to  *int64
	}{
		{r.InputTokens, &c.InputTokens}, {r.OutputTokens, &c.OutputTokens},
		{r.CachedTokens, &c.CachedTokens}, {r.ReasoningTokens, &c.ReasoningTokens},
	} {
		if v, ok := s.Attributes.Get(fact.key); fact.key != "" && ok {
			*fact.to = count(v)
		}
	}
	if v, ok := s.Attributes.Get(r.Streaming); r.Streaming != "" && ok {
		c.Streaming = tristate(v)
	}
	r.FirstToken.read(s, first)
}

func (f MappedFirstToken) read(s *analyzer.Span, first *firstChunk) {
	if f.Event != (Pattern{}) {
		first.events(s, f.Event.Matches)
	}
	v, ok := s.Attributes.Get(f.Attribute)
	if f.Attribute == "" || !ok {
		return
	}
	if f.From == SinceEpoch {
		if at, ok := readTime(v, f.Unit); ok {
			first.seenAt(at)
		} else {
			first.warnings.Add(analyzer.WarnDurationRefused, 1)
		}
		return
	}
	after := first.durations.readUnit(v, f.Unit)
	if f.From == BeforeEnd && after >= 0 {
		after = first.length - after
	}
	if first.after < 0 {
		first.after = after
	}
}

// readTime returns a time in nanoseconds since the Unix epoch.
func readTime(v analyzer.Value, unit Unit) (at int64, ok bool) {
	if unit == UnitTime {
		text, _ := v.AsString()
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.UnixNano(), err == nil
	}
	if n, isInt := v.AsInt(); isInt && unit == "ns" { // a float64 is 256 ns off by now
		return n, true
	}
	number, ok := v.Number()
	number *= unitNanoseconds[unit]
	return int64(number), ok && math.Abs(number) < math.MaxInt64/2
}

// layOut reads r's durations and places them in [start, end]. Those beside the first token are left out while that is
// unknown. last is where decode ends that begins with the first token, zero while unknown.
//
// An attribute that is missing counts as no time at all, because stacks leave out what took none. One that is refused
// ends its sequence: nobody states where the next one lies.
func (r *MappingRule) layOut(s *analyzer.Span, start, end, first int64, d *durations) (parts []analyzer.Part, last int64) {
	next := map[Interval]int64{FromStart: start, BeforeFirstToken: first, AfterFirstToken: first, UntilEnd: end}
	if first == 0 {
		delete(next, BeforeFirstToken)
		delete(next, AfterFirstToken)
	}
	for _, stated := range r.backwardsLast() {
		v, ok := s.Attributes.Get(stated.Attribute)
		at, placed := next[stated.Interval]
		if !ok || !placed {
			continue
		}
		ns := d.readUnit(v, stated.Unit)
		if ns < 0 {
			delete(next, stated.Interval)
			continue
		}
		part := mappedPart(stated.Phases, stated.Detail)
		part.Source = analyzer.SourceAttribute
		switch stated.Interval {
		case FromStart, AfterFirstToken:
			part.Start, part.End = at, at+ns
			next[stated.Interval] = part.End
		default:
			part.Start, part.End = at-ns, at
			next[stated.Interval] = part.Start
		}
		if part.Start < start {
			d.warnings.Add(analyzer.WarnDurationsDisagree, 1)
		}
		if part.End > end {
			d.warnings.Add(analyzer.WarnOverrun, 1)
		}
		if stated.Interval == AfterFirstToken && part.Phase == analyzer.Decode {
			last = min(part.End, end)
		}
		parts = append(parts, part)
	}
	if from, ok := next[FromStart]; ok && first != 0 && next[BeforeFirstToken] != 0 && from > next[BeforeFirstToken] {
		d.warnings.Add(analyzer.WarnDurationsDisagree, 1)
	}
	return parts, last
}

// backwardsLast returns r's durations in the order to place them: as they come, then from the last to the first those
// that precede each other.
func (r *MappingRule) backwardsLast() []MappedDuration {
	list := make([]MappedDuration, 0, len(r.Durations))
	for _, d := range r.Durations {
		if d.Interval == FromStart || d.Interval == AfterFirstToken {
			list = append(list, d)
		}
	}
	for _, d := range slices.Backward(r.Durations) {
		if d.Interval == BeforeFirstToken || d.Interval == UntilEnd {
			list = append(list, d)
		}
	}
	return list
}
