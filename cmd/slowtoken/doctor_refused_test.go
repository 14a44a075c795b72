package main

import (
	"slices"
	"strings"
	"testing"
)

func TestDoctorReadsWhatTheServerRefused(t *testing.T) {
	const metrics = `# HELP slowtoken_limited_total Attributes dropped and values cut.
# TYPE slowtoken_limited_total counter
slowtoken_limited_total{limit="attributes"} 0
slowtoken_limited_total{limit="value_bytes"} 3
slowtoken_messages_refused_total{reason="too_large",transport="grpc"} 2
slowtoken_spans_refused_total{reason="trace id is missing or all zeros"} 1e+06
slowtoken_spans_stored_total 7
slowtoken_unauthenticated_total 4
`
	got, err := refusalsIn(strings.NewReader(metrics))
	want := []string{
		`3 limited limit="value_bytes"`, `2 messages refused reason="too_large",transport="grpc"`,
		`1000000 spans refused reason="trace id is missing or all zeros"`, `4 unauthenticated`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
