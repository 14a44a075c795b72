package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// sharedFolder returns the optional folder of recorded traces; the test is skipped where there is none.
func sharedFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("SLOWTOKEN_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(folder, "traces", "MANIFEST.json")); err != nil {
		t.Skipf("the folder of recorded traces is not here (%v); set SLOWTOKEN_SHARED to where it is", err)
	}
	return folder
}

// wantShape says, by a word of the manifest's format or note, how files that hold no spans are to be refused.
var wantShape = []struct{ format, note, shape string }{
	{"yaml", "", "YAML or other configuration"},
	{"tempo-search-json", "", "Tempo search results"},
	{"chrome-trace (PyTorch Kineto)", "", "a profiler's timeline"},
	{"jaeger-ui-json", "UI-internal", "a trace as Jaeger's user interface keeps it"},
}

func TestEveryRecordedFileIsReadOrRefusedByName(t *testing.T) {
	folder := filepath.Join(sharedFolder(t), "traces")
	text, err := os.ReadFile(filepath.Join(folder, "MANIFEST.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files []struct {
		File, Format, Note string
		Traces, Spans      *int
		Services           int
		Bytes              int64
		Quirks             map[string]int
	}
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatalf("read the manifest: %v", err)
	}
	for _, f := range files {
		t.Run(f.File, func(t *testing.T) {
			r, err := os.Open(filepath.Join(folder, f.File))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var spans []analyzer.Span
			summary, err := Read(context.Background(), f.File, r, ReadOptions{}, func(batch []analyzer.Span) error {
				spans = append(spans, batch...)
				return nil
			})
			if summary.Bytes != f.Bytes {
				t.Errorf("read %d bytes of %d", summary.Bytes, f.Bytes)
			}
			if f.Spans == nil {
				var shape *ShapeError
				if !errors.As(err, &shape) {
					t.Fatalf("got %d spans and error %v; want the file refused by name", len(spans), err)
				}
				want := ""
				for _, w := range wantShape {
					if w.format == f.Format && strings.Contains(f.Note, w.note) {
						want = w.shape
					}
				}
				if want == "" || !strings.HasPrefix(shape.Shape, want) || shape.Advice == "" {
					t.Errorf("refused as %q, %q; want %q and what to do instead", shape.Shape, shape.Advice, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			traces, services, gen, missing := map[analyzer.TraceID]bool{}, map[string]bool{}, 0, 0
			ids := map[[2]any]bool{}
			for i := range spans {
				s := &spans[i]
				traces[s.TraceID] = true
				services[s.Service()] = true
				ids[[2]any{s.TraceID, s.ID}] = true
				for _, a := range s.Attributes {
					if strings.HasPrefix(a.Key, "gen_ai.") {
						gen++
						break
					}
				}
			}
			for i := range spans {
				if s := &spans[i]; !s.Parent.IsZero() && !ids[[2]any{s.TraceID, s.Parent}] {
					missing++
				}
			}
			if len(spans) != *f.Spans || len(traces) != *f.Traces {
				t.Errorf("got %d spans in %d traces, the manifest has %d in %d", len(spans), len(traces), *f.Spans, *f.Traces)
			}
			if summary.Spans != len(spans) || summary.Traces != len(traces) {
				t.Errorf("the summary says %d spans in %d traces, emitted were %d in %d", summary.Spans, summary.Traces, len(spans), len(traces))
			}
			if len(services) != f.Services {
				t.Errorf("got %d services, the manifest has %d", len(services), f.Services)
			}
			if want := f.Quirks["gen_ai_spans"]; gen != want {
				t.Errorf("got %d spans with gen_ai attributes, the manifest has %d", gen, want)
			}
			if want := f.Quirks["missing_parent"]; missing != want {
				t.Errorf("got %d spans without their parent, the manifest has %d", missing, want)
			}
			// Lines that are no JSON, and lines that are and hold nothing known.
			refused := map[string]int{}
			if f.File == "robotframework_malformed.otlp.jsonl" {
				refused = map[string]int{ReasonBroken: 2, ReasonNoTrace: 1}
			}
			for reason := range summary.Refused {
				if summary.Refused[reason] != refused[reason] {
					t.Errorf("refused %v, want %v; %q", summary.Refused, refused, summary.Details)
				}
			}
			if summary.Refused.Total() != 0 {
				t.Logf("refused: %q", summary.Details)
			}
			if len(summary.Warnings) > 0 {
				t.Logf("warnings: %v", summary.Warnings)
			}
		})
	}
}
