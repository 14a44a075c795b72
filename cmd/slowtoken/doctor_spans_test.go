package main

import (
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

func TestDoctorSaysWhatIsWrongWithTheSpans(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("chat\x1b[2J")}}}
	span := func(name string, start, received time.Time) analyzer.Span {
		return analyzer.Span{
			TraceID: analyzer.TraceID{1}, ID: analyzer.SpanID{byte(start.UnixNano()>>20) | 1}, Name: name,
			Start: start.UnixNano(), End: start.Add(time.Second).UnixNano(), ReceivedAt: received.UnixNano(),
			Resource: resource, Scope: &analyzer.Scope{},
		}
	}
	inference := func(s analyzer.Span) analyzer.Span {
		s.Kind = analyzer.SpanKindClient
		s.Attributes = analyzer.Attributes{
			{Key: "gen_ai.operation.name", Value: analyzer.String("chat")},
			{Key: "gen_ai.request.model", Value: analyzer.String("m")},
		}
		return s
	}
	for _, test := range []struct {
		name  string
		span  analyzer.Span
		state checkState
		says  string
	}{
		{"an inference call", inference(span("chat m", now.Add(-time.Minute), now)), checkOK, "inference requests among them"},
		{"a sound clock", inference(span("chat m", now.Add(-time.Minute), now)), checkOK, "no span comes from the future"},
		{"no inference", span("SELECT x", now.Add(-time.Minute), now), checkProblem, "span names seen: SELECT x (1)"},
		{"a clock that is ahead", span("x", now.Add(30*time.Second), now), checkProblem, "ended up to 31s after they were received"},
		{"a wrong unit", span("x", time.Unix(0, now.UnixMilli()), now), checkProblem, "start before 2005"},
	} {
		survey := newSpanSurvey(now)
		survey.look([]analyzer.Span{test.span}, dialect.All)
		found := false
		for _, c := range survey.checks(dialect.All) {
			found = found || (c.State == test.state && strings.Contains(c.Says, test.says))
			if strings.Contains(c.Says, "\x1b") {
				t.Errorf("%s: a service name reaches the terminal as it came: %q", test.name, c.Says)
			}
		}
		if !found {
			t.Errorf("%s: no %s that says %q in %+v", test.name, test.state, test.says, survey.checks(dialect.All))
		}
	}
}

func TestMostFrequentIsShort(t *testing.T) {
	if got, want := mostFrequent(map[string]int{"a": 1, "b": 3, "c": 1, "d": 2}, 2), "b (3), d (2) and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
