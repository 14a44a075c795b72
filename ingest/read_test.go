package ingest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"github.com/klauspost/compress/gzip"
	"io"
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
	for _, name := range slices.Sorted(mapsKeys(summary.Warnings)) {
		fmt.Fprintf(&b, "warning: %s %d\n", name, summary.Warnings[name])
	}
	if err != nil {
		fmt.Fprintln(&b, "error:", err)
	}
	return b.String()
}

func mapsKeys(m analyzer.Warnings) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
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

// TestCompressedFilesReadLikePlainOnes also joins members, as log rotation does.
func TestCompressedFilesReadLikePlainOnes(t *testing.T) {
	plain := append(otlpJSON(t, generate(3, 2, 2)), '\n')
	once, _, _ := readAll(plain)
	twice := append(slices.Clone(once), once...)
	for name, c := range map[string]struct {
		file []byte
		want []analyzer.Span
	}{
		"gzip":                {gzipped(plain), once},
		"zstd":                {zstded(plain), once},
		"gzip, two members":   {append(gzipped(plain), gzipped(plain)...), twice},
		"zstd, two members":   {append(zstded(plain), zstded(plain)...), twice},
		"gzip in zstd":        {zstded(gzipped(plain)), once},
		"zstd after skipping": {append([]byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}, zstded(plain)...), once},
	} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := readAll(c.file)
			if err != nil {
				t.Fatal(err)
			}
			checkSummary(t, got, summary)
			requireSameSpans(t, c.want, got)
			if summary.Bytes != int64(len(c.file)) {
				t.Errorf("read %d bytes of %d", summary.Bytes, len(c.file))
			}
		})
	}
}

func TestDamagedCompressedFileKeepsWhatCameOut(t *testing.T) {
	file := gzipped(append(otlpJSON(t, generate(2000, 4, 4)), '\n'))
	spans, summary, err := readAll(file[:len(file)-len(file)/4])
	if err == nil || !strings.Contains(err.Error(), "unpack gzip: unexpected EOF") {
		t.Errorf("got error %v, want one that says the archive ends too early", err)
	}
	checkSummary(t, spans, summary)
	if len(spans) == 0 {
		t.Error("nothing was kept")
	}
}

func TestBombsAreRefused(t *testing.T) {
	zeros := make([]byte, 1<<20)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"resourceSpans":[{"x":"`)
	for range 100 {
		z.Write(bytes.Repeat([]byte{'a'}, len(zeros)))
	}
	io.WriteString(z, `"}]}`)
	z.Close()
	_, err := Read(context.Background(), "bomb", bytes.NewReader(packed.Bytes()), ReadOptions{MaxRatio: 100}, nil)
	if err == nil || !strings.Contains(err.Error(), "more than 100 to one") {
		t.Errorf("ratio: got %v", err)
	}
	_, err = Read(context.Background(), "bomb", bytes.NewReader(packed.Bytes()), ReadOptions{MaxDecompressed: 1 << 20}, nil)
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes came out") {
		t.Errorf("size: got %v", err)
	}
	summary, err := Read(context.Background(), "long string", bytes.NewReader(packed.Bytes()), ReadOptions{MaxRecord: 1 << 20, MaxRatio: 1 << 20}, nil)
	if err != nil || summary.Refused[ReasonBroken] != 1 || !strings.Contains(summary.Details[0], "longer than 1048576 bytes") {
		t.Errorf("string: got %v, %q", err, summary.Details)
	}
}

func TestNestingWithoutEndIsRefused(t *testing.T) {
	for _, open := range []string{"[", `{"resourceSpans":[`, `{"a":`, `{"trace":`, `{"data":[`, `{"arrayValue":{"values":[`} {
		for _, before := range []string{"", `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":`} {
			spans, summary, _ := readAll([]byte(before + strings.Repeat(open, 100_000)))
			if len(spans) > 0 || summary.Refused[ReasonBroken] != 1 {
				t.Errorf("%s%s...: got %d spans, %v", before, open, len(spans), summary.Refused)
			}
		}
	}
}

func TestLargeResourceIsHandedOverInParts(t *testing.T) {
	file := otlpJSON(t, generate(2000, 8, 12))
	batches := 0
	summary, err := Read(context.Background(), "large", bytes.NewReader(file), ReadOptions{MaxRecord: 1 << 20}, func(batch []analyzer.Span) error {
		batches++
		return nil
	})
	if err != nil || summary.Spans != 16000 || batches < 10 {
		t.Errorf("got %d spans in %d batches, %v", summary.Spans, batches, err)
	}
}

func TestReadStopsForItsCaller(t *testing.T) {
	file := otlpJSON(t, generate(10, 2, 2))
	full := errors.New("disk full")
	_, err := Read(context.Background(), "f", bytes.NewReader(file), ReadOptions{}, func([]analyzer.Span) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("emit failed: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, "f", bytes.NewReader(file), ReadOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	metrics := `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"4"}]}}]}]}]}`
	_, err = Read(context.Background(), "f", strings.NewReader(metrics), ReadOptions{Metrics: func([]analyzer.MetricPoint) error { return full }}, nil)
	if !errors.Is(err, full) {
		t.Errorf("metrics failed: got %v", err)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	file := otlpJSON(t, generate(500, 8, 12))
	var told []int64
	_, err := Read(context.Background(), "f", bytes.NewReader(file), ReadOptions{Progress: func(n int64) { told = append(told, n) }},
		func([]analyzer.Span) error { return nil })
	if err != nil || !slices.IsSorted(told) || len(told) < 3 || told[len(told)-1] != int64(len(file)) {
		t.Errorf("told %v of %d bytes; %v", told, len(file), err)
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
