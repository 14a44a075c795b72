package ingest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestOTLPJSONLosesNothing writes every field with pdata's encoder and reads it back, in the spellings that writers use.
func TestOTLPJSONLosesNothing(t *testing.T) {
	td := everyField()
	removeNaN(td)
	generate(3, 2, 8).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	want, _ := FromTraces(td)
	plain := otlpJSON(t, td)
	var indented bytes.Buffer
	if err := json.Indent(&indented, plain, "", "  "); err != nil {
		t.Fatal(err)
	}
	unindented := regexp.MustCompile(`(?m)^ +`).ReplaceAll(indented.Bytes(), nil)
	for name, file := range map[string][]byte{
		"one line":             plain,
		"a line and its break": append(bytes.Clone(plain), '\n'),
		"indented":             indented.Bytes(),
		"broken into lines":    unindented,
		"Windows line ends":    bytes.ReplaceAll(indented.Bytes(), []byte("\n"), []byte("\r\n")),
		"byte-order mark":      append([]byte("\xef\xbb\xbf"), plain...),
		"snake case":           snakeCase(plain),
		"wrapped in an array":  append(append([]byte("[\n"), plain...), "\n]\n"...),
	} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := readAll(file)
			if err != nil || summary.Refused.Total() != 0 || len(summary.Warnings) != 0 {
				t.Fatalf("%v %v %v %v", err, summary.Refused, summary.Details, summary.Warnings)
			}
			checkSummary(t, got, summary)
			requireSameSpans(t, want, got)
		})
	}
}

// removeNaN takes out what JSON cannot keep: which of the many NaNs a NaN is.
func removeNaN(td ptrace.Traces) {
	isNaN := func(key string, _ pcommon.Value) bool { return key == "nan" }
	for _, rs := range td.ResourceSpans().All() {
		rs.Resource().Attributes().RemoveIf(isNaN)
		for _, ss := range rs.ScopeSpans().All() {
			ss.Scope().Attributes().RemoveIf(isNaN)
			for _, s := range ss.Spans().All() {
				s.Attributes().RemoveIf(isNaN)
				for _, e := range s.Events().All() {
					e.Attributes().RemoveIf(isNaN)
				}
				for _, l := range s.Links().All() {
					l.Attributes().RemoveIf(isNaN)
				}
			}
		}
	}
}

// snakeCase spells the keys of a document as protobuf does.
func snakeCase(text []byte) []byte {
	return regexp.MustCompile(`"[a-zA-Z]+":`).ReplaceAllFunc(text, func(key []byte) []byte {
		var b strings.Builder
		for _, c := range string(key) {
			if c >= 'A' && c <= 'Z' {
				b.WriteByte('_')
				c += 'a' - 'A'
			}
			b.WriteRune(c)
		}
		return []byte(b.String())
	})
}
