package main

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// retime moves all traces by one offset, so that the last span ends at end. What happened between them stays as it was.
func retime(recording []ptrace.Traces, end time.Time) {
	var last pcommon.Timestamp
	for _, td := range recording {
		for s := range allSpans(td) {
			last = max(last, s.EndTimestamp())
		}
	}
	offset := pcommon.NewTimestampFromTime(end) - last // wraps around when it is negative, and so does the sum
	for _, td := range recording {
		for s := range allSpans(td) {
			s.SetStartTimestamp(s.StartTimestamp() + offset)
			s.SetEndTimestamp(s.EndTimestamp() + offset)
			for i := range s.Events().Len() {
				event := s.Events().At(i)
				event.SetTimestamp(event.Timestamp() + offset)
			}
		}
	}
}

// allSpans yields every span of td.
func allSpans(td ptrace.Traces) func(yield func(ptrace.Span) bool) {
	return func(yield func(ptrace.Span) bool) {
		for i := range td.ResourceSpans().Len() {
			scopes := td.ResourceSpans().At(i).ScopeSpans()
			for j := range scopes.Len() {
				spans := scopes.At(j).Spans()
				for k := range spans.Len() {
					if !yield(spans.At(k)) {
						return
					}
				}
			}
		}
	}
}
