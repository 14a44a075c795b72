package ingest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/slowtoken/slowtoken/analyzer"
)

var update = flag.Bool("update", false, "write what was got into testdata as what is wanted")

// TestFiles reads every case of testdata/*.txtar.
func TestFiles(t *testing.T) {
	tables, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables in testdata: %v", err)
	}
	for _, path := range tables {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			table, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, f := range table.Files {
				if name, ok := strings.CutSuffix(f.Name, ".want"); ok {
					want[name] = string(f.Data)
				}
			}
			updated := &txtar.Archive{Comment: table.Comment}
			for _, f := range table.Files {
				if strings.HasSuffix(f.Name, ".want") {
					continue
				}
				t.Run(f.Name, func(t *testing.T) {
					got := readAndDescribe(t, f.Data)
					updated.Files = append(updated.Files, f, txtar.File{Name: f.Name + ".want", Data: []byte(got)})
					if diff := cmp.Diff(want[f.Name], got); diff != "" && !*update {
						t.Errorf("(-want +got)\n%s", diff)
					}
				})
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(updated), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func readAndDescribe(t testing.TB, file []byte) string {
	spans, summary, err := readAll(file)
	checkSummary(t, spans, summary)
	var b strings.Builder
	for i := range spans {
		describeSpan(&b, &spans[i])
	}
	fmt.Fprintf(&b, "%d spans, %d traces", summary.Spans, summary.Traces)
	if summary.Points+summary.Logs > 0 {
		fmt.Fprintf(&b, ", %d points, %d logs", summary.Points, summary.Logs)
	}
	if len(summary.Formats) > 0 {
		fmt.Fprintf(&b, ", %s", strings.Join(summary.Formats, ", "))
	}
	b.WriteByte('\n')
	for _, reason := range summary.Refused.Reasons() {
		fmt.Fprintf(&b, "refused %d: %s\n", summary.Refused[reason], reason)
	}
	for _, detail := range summary.Details {
		fmt.Fprintln(&b, " ", detail)
	}
	for _, name := range slices.Sorted(maps.Keys(summary.Warnings)) {
		fmt.Fprintf(&b, "warning: %s %d\n", name, summary.Warnings[name])
	}
	if err != nil {
		fmt.Fprintln(&b, "error:", err)
	}
	return b.String()
}

func readWith(file []byte, o ReadOptions) (Summary, error) {
	return Read(context.Background(), "file", bytes.NewReader(file), o, func([]analyzer.Span) error { return nil })
}

func readAll(file []byte) (spans []analyzer.Span, summary Summary, err error) {
	summary, err = Read(context.Background(), "file", bytes.NewReader(file), ReadOptions{}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	return spans, summary, err
}

// checkSummary holds for every file.
func checkSummary(t testing.TB, spans []analyzer.Span, summary Summary) {
	t.Helper()
	traces := map[analyzer.TraceID]bool{}
	for i := range spans {
		s := &spans[i]
		traces[s.TraceID] = true
		if s.TraceID.IsZero() || s.ID.IsZero() || s.Resource == nil || s.Scope == nil || s.Start < 0 || s.End < 0 {
			t.Errorf("a span without identity, resource, scope or times was kept: %+v", s)
		}
	}
	if summary.Spans != len(spans) || summary.Traces != len(traces) {
		t.Errorf("the summary says %d spans in %d traces, got %d in %d", summary.Spans, summary.Traces, len(spans), len(traces))
	}
	if summary.Refused.Total() > 0 && len(summary.Details) == 0 {
		t.Errorf("something was refused without a word of why: %v", summary.Refused)
	}
}

var kinds = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// describeSpan writes s for people; what is empty is left out.
func describeSpan(b *strings.Builder, s *analyzer.Span) {
	trace := strings.TrimLeft(s.TraceID.String(), "0")
	fmt.Fprintf(b, "%s/%s", trace, strings.TrimLeft(s.ID.String(), "0"))
	if !s.Parent.IsZero() {
		fmt.Fprintf(b, " under %s", strings.TrimLeft(s.Parent.String(), "0"))
	}
	fmt.Fprintf(b, " %q", s.Name)
	if s.Kind != 0 {
		fmt.Fprintf(b, " %s", kinds[s.Kind])
	}
	fmt.Fprintf(b, " [%d, %d]\n", s.Start, s.End)
	line := func(format string, empty bool, args ...any) {
		if !empty {
			fmt.Fprintf(b, "  "+format+"\n", args...)
		}
	}
	line("status %s %q", s.Status == 0 && s.StatusMessage == "", [...]string{"unset", "ok", "error"}[s.Status], s.StatusMessage)
	line("state %q flags %#x", s.TraceState == "" && s.Flags == 0, s.TraceState, s.Flags)
	line("attributes %s", len(s.Attributes) == 0, describeAttributes(s.Attributes))
	for _, e := range s.Events {
		line("event %q at %d %s dropped %d", false, e.Name, e.Time, describeAttributes(e.Attributes), e.DroppedAttributes)
	}
	for _, l := range s.Links {
		line("link to %s/%s %s state %q flags %#x dropped %d", false, strings.TrimLeft(l.TraceID.String(), "0"),
			strings.TrimLeft(l.SpanID.String(), "0"), describeAttributes(l.Attributes), l.TraceState, l.Flags, l.DroppedAttributes)
	}
	line("dropped %d attributes, %d events, %d links", s.DroppedAttributes+s.DroppedEvents+s.DroppedLinks == 0,
		s.DroppedAttributes, s.DroppedEvents, s.DroppedLinks)
	r, c := s.Resource, s.Scope
	line("resource %s dropped %d schema %q", len(r.Attributes) == 0 && r.DroppedAttributes == 0 && r.SchemaURL == "",
		describeAttributes(r.Attributes), r.DroppedAttributes, r.SchemaURL)
	line("scope %q %q %s schema %q", c.Name == "" && c.Version == "" && len(c.Attributes) == 0 && c.SchemaURL == "",
		c.Name, c.Version, describeAttributes(c.Attributes), c.SchemaURL)
}

// describeAttributes tells types apart where JSON does not.
func describeAttributes(attributes analyzer.Attributes) string {
	parts := []string{}
	for _, a := range attributes {
		value := string(a.Value.AppendJSON(nil))
		switch a.Value.Kind() {
		case analyzer.KindDouble, analyzer.KindBytes, analyzer.KindEmpty:
			value = a.Value.Kind().String() + "(" + value + ")"
		}
		parts = append(parts, a.Key+"="+value)
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// TestCuttingALineCostsOnlyThatLine cuts one of three lines at every byte: its neighbours stay.
func TestCuttingALineCostsOnlyThatLine(t *testing.T) {
	line := func(n int) string {
		return fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"stringValue":"v\u00e9 \"q\""}}]},"scopeSpans":[{"spans":[{"traceId":"0%d","spanId":"01","name":"%d","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":0.5}]}}}]}]}]}]}`, n, n)
	}
	for broken := range 3 {
		for cut := range len(line(0)) {
			var file strings.Builder
			for n := range 3 {
				text := line(n + 1)
				if n == broken {
					text = text[:cut]
				}
				file.WriteString(text + "\n")
			}
			spans, summary, err := readAll([]byte(file.String()))
			checkSummary(t, spans, summary)
			kept := map[string]bool{}
			for i := range spans {
				kept[spans[i].Name] = true
			}
			for n := range 3 {
				if n != broken && !kept[fmt.Sprint(n+1)] {
					t.Fatalf("line %d cut after %d bytes took line %d along; %v %q", broken+1, cut, n+1, err, summary.Details)
				}
			}
			if cut > 0 && summary.Refused.Total() == 0 {
				t.Fatalf("line %d cut after %d bytes was not told", broken+1, cut)
			}
		}
	}
}

// TestReadingDoesNotDependOnHowBytesArrive reads every case one byte at a time.
func TestReadingDoesNotDependOnHowBytesArrive(t *testing.T) {
	for _, file := range allCases(t) {
		want, wantSummary, wantErr := readAll(file)
		var got []analyzer.Span
		summary, err := Read(context.Background(), "file", iotest.OneByteReader(bytes.NewReader(file)), ReadOptions{}, func(batch []analyzer.Span) error {
			got = append(got, batch...)
			return nil
		})
		requireSameSpans(t, want, got)
		if diff := cmp.Diff(wantSummary, summary); diff != "" || fmt.Sprint(wantErr) != fmt.Sprint(err) {
			t.Errorf("%.60q: %v, %v\n%s", file, wantErr, err, diff)
		}
	}
}

// allCases returns the files of testdata/*.txtar.
func allCases(t testing.TB) [][]byte { return casesOf(t, "testdata/*.txtar") }

func casesOf(t testing.TB, pattern string) (files [][]byte) {
	tables, err := filepath.Glob(pattern)
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables match %s: %v", pattern, err)
	}
	for _, path := range tables {
		table, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range table.Files {
			if !strings.HasSuffix(f.Name, ".want") {
				files = append(files, f.Data)
			}
		}
	}
	return files
}

func requireSameSpans(t testing.TB, want, got []analyzer.Span) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d spans, want %d", len(got), len(want))
	}
	for i := range want {
		if !want[i].Equal(&got[i]) {
			t.Fatalf("span %d: got %+v %+v %+v\nwant %+v %+v %+v", i, got[i], got[i].Resource, got[i].Scope, want[i], want[i].Resource, want[i].Scope)
		}
	}
}
