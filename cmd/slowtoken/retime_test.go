package main

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestRetimeMovesEverythingByOneOffset(t *testing.T) {
	recorded := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, end := range []time.Time{recorded.Add(30 * time.Hour), recorded.Add(-30 * time.Hour)} {
		var recording []ptrace.Traces
		for i := range 3 {
			td := ptrace.NewTraces()
			s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(recorded.Add(time.Duration(-i) * time.Minute)))
			s.SetEndTimestamp(s.StartTimestamp() + 5)
			s.Events().AppendEmpty().SetTimestamp(s.StartTimestamp() + 2)
			recording = append(recording, td)
		}
		retime(recording, end)
		for i, td := range recording {
			for s := range allSpans(td) {
				want := pcommon.NewTimestampFromTime(end.Add(time.Duration(-i) * time.Minute))
				if s.EndTimestamp() != want || s.StartTimestamp() != want-5 || s.Events().At(0).Timestamp() != want-3 {
					t.Errorf("to %v: span %d runs %d to %d with an event at %d; want its end at %d", end, i, s.StartTimestamp(), s.EndTimestamp(), s.Events().At(0).Timestamp(), want)
				}
			}
		}
	}
}
