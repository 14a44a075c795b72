package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A spanSurvey is what doctor notes of the spans it looks at.
type spanSurvey struct {
	now time.Time

	spans     int
	copies    int // spans that were received before, as retries bring them
	services  map[string]int
	names     map[string]int
	misdated  map[string]int // spans with impossible times, by service
	ahead     map[string]time.Duration
	aheadWhen map[string]int

	requests map[string]int // by dialect
}

func newSpanSurvey(now time.Time) *spanSurvey {
	return &spanSurvey{
		now: now, services: map[string]int{}, names: map[string]int{}, requests: map[string]int{},
		misdated: map[string]int{}, ahead: map[string]time.Duration{}, aheadWhen: map[string]int{},
	}
}

// clockTolerance is what clocks of machines that are kept in step may differ by.
const clockTolerance = 2 * time.Second

// earliest is a time before which nobody traced anything: an earlier one was sent in the wrong unit, or is missing.
var earliest = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// look notes all spans, and the requests that the dialects find in them. It takes the slice over.
func (v *spanSurvey) look(spans []analyzer.Span, dialects []analyzer.Dialect) {
	type identity struct {
		trace analyzer.TraceID
		span  analyzer.SpanID
	}
	seen := make(map[identity]bool, len(spans))
	for i := range spans {
		v.note(&spans[i])
		id := identity{spans[i].TraceID, spans[i].ID}
		if seen[id] {
			v.copies++
		}
		seen[id] = true
	}
	for t := range analyzer.GroupByTrace(spans) {
		requests, _ := analyzer.Requests(t, dialects)
		for i := range requests {
			v.requests[requests[i].Dialect]++
		}
	}
}

func (v *spanSurvey) note(s *analyzer.Span) {
	service := cmp.Or(s.Service(), "(no service.name)")
	v.spans++
	v.services[service]++
	v.names[s.Name]++
	if s.Start < earliest || s.Start > v.now.AddDate(1, 0, 0).UnixNano() {
		v.misdated[service]++
		return
	}
	if ahead := time.Duration(s.End - s.ReceivedAt); s.ReceivedAt > 0 && ahead > clockTolerance {
		v.ahead[service] = max(v.ahead[service], ahead)
		v.aheadWhen[service]++
	}
}

// checks says what is wrong with the spans, if anything.
func (v *spanSurvey) checks(dialects []analyzer.Dialect) []check {
	found := []check{{
		Name: "services", State: checkOK,
		Says: fmt.Sprintf("the latest %s come from %s", plural(v.spans, "span"), mostFrequent(v.services, 6)),
	}}
	if v.copies > 0 {
		found = append(found, check{Name: "copies", State: checkOK, Says: fmt.Sprintf("%s of these came with ids that had come before: retries or imports; exact copies count once", plural(v.copies, "span"))})
	}
	if len(v.requests) > 0 {
		found = append(found, check{Name: "inference", State: checkOK, Says: "inference requests among them, by dialect: " + mostFrequent(v.requests, 6)})
	} else {
		var known []string
		for _, d := range dialects {
			known = append(known, d.Name)
		}
		found = append(found, check{
			Name: "inference", State: checkProblem,
			Says: "none of them is an inference call that a dialect knows; span names seen: " + mostFrequent(v.names, 10),
			Next: "check that the serving stack itself sends traces (vLLM: --otlp-traces-endpoint); dialects known: " + strings.Join(known, ", ") +
				"; --mapping reads those of another stack (docs/mapping.md), and own spans can say their phase in the attribute slowtoken.phase",
		})
	}
	for _, service := range slices.Sorted(maps.Keys(v.misdated)) {
		found = append(found, check{
			Name: "clock", State: checkProblem,
			Says: fmt.Sprintf("%s of %s start before 2005 or more than a year from now", plural(v.misdated[service], "span"), printable(service)),
			Next: "its exporter states times in the wrong unit: OTLP wants nanoseconds since 1970",
		})
	}
	for _, service := range slices.Sorted(maps.Keys(v.ahead)) {
		found = append(found, check{
			Name: "clock", State: checkProblem,
			Says: fmt.Sprintf("%s of %s ended up to %s after they were received here: its clock is ahead", plural(v.aheadWhen[service], "span"), printable(service), v.ahead[service].Round(time.Millisecond)),
			Next: "synchronise the clocks (chrony, NTP) of its machine and this one; until then --since misses its latest requests",
		})
	}
	if len(v.misdated)+len(v.ahead) == 0 {
		found = append(found, check{Name: "clock", State: checkOK, Says: "no span comes from the future"})
	}
	return found
}

// mostFrequent lists up to n names with their counts, most frequent first.
func mostFrequent(counts map[string]int, n int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var b strings.Builder
	for i, name := range names[:min(n, len(names))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%d)", printable(name), counts[name])
	}
	if more := len(names) - n; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
