package population

import (
	"math/bits"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The names of doubts that show only when a trace is put among others, as [Population.Warnings] counts them.
const (
	WarnPartialTrace    = "partial_trace"
	WarnExperimental    = "experimental_dialect"
	WarnNoInstance      = "no_instance"
	WarnAttributesLost  = "attributes_lost"
	WarnCallCut         = "call_attributes_lost"
	WarnEventsLost      = "events_lost"
	WarnLinksLost       = "links_lost"
	WarnEndAfterReceipt = "end_after_receipt"
	WarnMisdated        = "misdated"
)

var spanPhases = analyzer.SetOf(analyzer.CorePhases[:]...) |
	analyzer.SetOf(analyzer.Frontend, analyzer.Network, analyzer.Gateway, analyzer.Client)

// Warnings lists them in the order that reports print them.
var Warnings = []analyzer.WarningMeaning{
	{
		Name: WarnPartialTrace, Meaning: "spans whose parent, of the same process, did not arrive: lost on the way, or sampled span by span",
		Touches: spanPhases, Remedy: "sample whole traces, and look for exporters that drop spans (queue full, timeouts)",
	},
	{
		Name: WarnMisdated, Meaning: "spans that start before 2000 or after 2100: their times are unset or in a wrong unit",
		Touches: spanPhases, Remedy: "send times as nanoseconds since 1970",
	},
	{
		Name: WarnEndAfterReceipt, Meaning: "spans that end over 2 s after they were received: the sender's clock is ahead",
		Touches: analyzer.SetOf(analyzer.Network), Remedy: "keep the hosts' clocks in step (NTP, chrony)",
	},
	{
		Name: WarnAttributesLost, Meaning: "attributes that were dropped before their span was sent; what they stated is unknown",
		Remedy: "raise the limit: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT in the sender's environment",
	},
	{
		Name: WarnCallCut, Meaning: "requests whose own span, as the engine or else the caller sent it, is among those that lost attributes",
		Remedy: "raise the limit: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT in the sender's environment",
	},
	{
		Name: WarnEventsLost, Meaning: "events that were dropped before their span was sent; what they stated is unknown",
		Remedy: "raise the limit: OTEL_SPAN_EVENT_COUNT_LIMIT in the sender's environment",
	},
	{
		Name: WarnLinksLost, Meaning: "links that were dropped before their span was sent",
		Remedy: "raise the limit: OTEL_SPAN_LINK_COUNT_LIMIT in the sender's environment",
	},
	{
		Name: WarnExperimental, Meaning: "requests read by a dialect that was not tested against recordings of the real stack",
		Remedy: "compare a few requests with what the stack itself reports",
	},
	{
		Name: WarnNoInstance, Meaning: "requests of which no span names the engine's process; together they count as one server's",
		Remedy: "set service.instance.id on the engine's resource, or state --fact replicas=N",
	},
}

// Doubts lists every warning there is: a [DoubtSet] numbers them by their place in it.
var Doubts = slices.Concat(analyzer.RequestWarnings, analyzer.AssemblyWarnings, Warnings)

var doubtBits = func() map[string]DoubtSet {
	m := map[string]DoubtSet{}
	for i, d := range Doubts {
		m[d.Name] = 1 << i
	}
	return m
}()

var bitNoInstance, bitExperimental, bitCallCut = doubtBits[WarnNoInstance], doubtBits[WarnExperimental], doubtBits[WarnCallCut]

// A DoubtSet says which of [Doubts] concern a request.
type DoubtSet uint64

// doubtsOf returns the set of the warnings in w.
func doubtsOf(w analyzer.Warnings) (s DoubtSet) {
	for name := range w {
		s |= doubtBits[name]
	}
	return s
}

// All yields the places in [Doubts] of the members of s.
func (s DoubtSet) All(yield func(int) bool) {
	for ; s != 0; s &= s - 1 {
		if !yield(bits.TrailingZeros64(uint64(s))) {
			return
		}
	}
}

// Touches returns the phases whose time can be wrong because of s. What is bounded, or weighs by its time and not by how
// many requests it concerns, is left out.
func (s DoubtSet) Touches() (phases analyzer.PhaseSet) {
	for i := range s.All {
		if d := &Doubts[i]; !d.Bounded && !d.ByTime {
			phases |= d.Touches
		}
	}
	return phases
}
