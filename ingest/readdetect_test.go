package ingest

import (
	"bytes"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestProtobufIsNeverTakenForJSON reads messages of every length up to 400 bytes. A message of 91 or 123 bytes starts
// like JSON: with a line break and a bracket.
func TestProtobufIsNeverTakenForJSON(t *testing.T) {
	for size := range 300 {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("k", string(bytes.Repeat([]byte{'v'}, size/2)))
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1})
		s.SetName(string(bytes.Repeat([]byte{'n'}, size-size/2)))
		wire := marshal(t, td)
		for name, file := range map[string][]byte{
			"bare": wire, "resource first": resourceFirst(wire), "4 bytes": framed(fixedLength, wire), "varint": framed(varintLength, wire),
			"4 bytes, resource first": framed(fixedLength, resourceFirst(wire)), "varint, resource first": framed(varintLength, resourceFirst(wire)),
		} {
			if spans, summary, err := readAll(file); len(spans) != 1 || err != nil || summary.Refused.Total() > 0 {
				t.Errorf("%s, %d bytes: %d spans, %v %q", name, len(file), len(spans), err, summary.Details)
			}
		}
	}
}

func TestLinesAreToldFromDocuments(t *testing.T) {
	for text, want := range map[string]bool{
		`{"resourceSpans":[]}`:                                    true,
		"{\"resourceSpans\":[]}\n{\"resourceSpans\":[]}\n":        true,
		"{\n  \"resourceSpans\": []\n}\n":                         false,
		"{\n\"resourceSpans\": [\n{\"resource\": {}}\n]\n}\n":     false,
		"[\n{\"resourceSpans\":[]},\n{\"resourceSpans\":[]}\n]":   false,
		"{\"resourceSpans\":[{\n{\"resourceSpans\":[]}\n":         true, // the first line is broken
		"{\"a\": \"}\\\"\n{\"resourceLogs\":[]}\n":                true,
		"[{\"traceId\":\"1\"}]\n[{\"traceId\":\"2\"}]\n":          true,
		"{\"data\":[\n{\"traceID\":\"1\",\"spans\":[]}\n]}":       false,
		"{\"resourceSpans\":[{\"a\":\"" + string(make([]byte, 9)): true, // no line break in sight
	} {
		if got := isLines([]byte(text)); got != want {
			t.Errorf("%q: lines %v, want %v", text, got, want)
		}
	}
}
