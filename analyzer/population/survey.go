package population

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A survey is what a trace's spans say about their telemetry, beside what they say about their requests.
type survey struct {
	doubts  DoubtSet
	sampled bool // some span states how it was sampled
	places  map[analyzer.SpanID]int32
}

// The times that spans can have, and by how much a sender's clock may be ahead of ours, in nanoseconds.
const (
	year2000       = 946684800 * int64(1e9)
	year2100       = 4102444800 * int64(1e9)
	clockTolerance = 2 * int64(1e9)
)

// look surveys t, which belongs to the population, and counts what it finds.
func (b *Builder) look(t *analyzer.Trace) {
	s := &b.survey
	*s = survey{}
	var attributes, events, links, ahead, misdated int
	for i := range t.Spans {
		span := &t.Spans[i]
		attributes += int(span.DroppedAttributes)
		events += int(span.DroppedEvents)
		links += int(span.DroppedLinks)
		if span.ReceivedAt > 0 && span.End > span.ReceivedAt && span.End-span.ReceivedAt > clockTolerance {
			ahead++
		}
		if span.Start < year2000 || span.Start >= year2100 {
			misdated++
		}
		s.sampled = s.sampled || span.TraceState != ""
	}
	var own analyzer.Warnings
	own.Add(WarnAttributesLost, attributes)
	own.Add(WarnEventsLost, events)
	own.Add(WarnLinksLost, links)
	own.Add(WarnEndAfterReceipt, ahead)
	own.Add(WarnMisdated, misdated)
	for _, root := range t.Roots() {
		span := &t.Spans[root]
		s.sampled = s.sampled || analyzer.SamplingProbability(span) != 0
		if t.Repaired(root) == analyzer.WarnOrphan && localParent(span) {
			own.Add(WarnPartialTrace, 1)
		}
	}
	s.doubts = doubtsOf(own) | doubtsOf(t.Warnings)
	p := &b.population
	for i := range s.doubts.All {
		p.DoubtfulTraces[i]++
	}
	p.Warnings.Merge(own)
	p.Warnings.Merge(t.Warnings)
	p.ClippedTime = addCapped(p.ClippedTime, t.ClippedNS)
	p.DroppedTime = addCapped(p.DroppedTime, t.DroppedNS)
}

// The bits of OTLP's span flags that say whether the parent is in another process, and whether that is known.
const (
	flagRemoteKnown  = 0x100
	flagParentRemote = 0x200
)

// localParent reports whether a span's parent is certainly a span of its own process. Servers and consumers have
// parents elsewhere, which may be sent to somebody else.
func localParent(s *analyzer.Span) bool {
	if s.Flags&flagRemoteKnown != 0 {
		return s.Flags&flagParentRemote == 0
	}
	return s.Kind == analyzer.SpanKindInternal || s.Kind == analyzer.SpanKindClient || s.Kind == analyzer.SpanKindProducer
}

// probability returns with which probability request r of t was sampled, as [Record.Probability]. Samplers decide on
// the span that starts a process's part of a trace, so the nearest span from the request up to the root is asked.
func (s *survey) probability(t *analyzer.Trace, r *analyzer.Request) float64 {
	if !s.sampled {
		return 0
	}
	at, ok := s.place(t, r.SpanID)
	if !ok {
		return 0
	}
	for ; at >= 0; at = t.Parent(at) {
		if p := analyzer.SamplingProbability(&t.Spans[at]); p != 0 {
			return p
		}
	}
	return 0
}

// fewSpans is how many spans are searched one by one.
const fewSpans = 16

// place returns where the span with that id is in t.Spans; of spans with one id, the first is meant.
func (s *survey) place(t *analyzer.Trace, id analyzer.SpanID) (at int32, ok bool) {
	if len(t.Spans) <= fewSpans {
		for i := range t.Spans {
			if t.Spans[i].ID == id {
				return int32(i), true
			}
		}
		return 0, false
	}
	if s.places == nil {
		s.places = make(map[analyzer.SpanID]int32, len(t.Spans))
		for i := len(t.Spans) - 1; i >= 0; i-- {
			s.places[t.Spans[i].ID] = int32(i)
		}
	}
	at, ok = s.places[id]
	return at, ok
}

// span returns the span with that id; nil if there is none.
func (s *survey) span(t *analyzer.Trace, id analyzer.SpanID) *analyzer.Span {
	at, ok := s.place(t, id)
	if !ok {
		return nil
	}
	return &t.Spans[at]
}

// addCapped returns a + b for lengths, or the largest int64 where that does not fit.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
