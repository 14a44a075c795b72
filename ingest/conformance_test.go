package ingest_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// An expectedFile is what traces-expected.json says of one file.
type expectedFile struct {
	Traces    int              `json:"traces"`
	Spans     int              `json:"spans"`
	TotalNS   int64            `json:"total_ns"`
	Sections  int              `json:"sections"`
	Flags     map[string]int   `json:"flags"`
	Exclusive map[string]int64 `json:"exclusive_ns_by_service_operation"`
	PerTrace  []expectedTrace  `json:"per_trace"`
}

type expectedTrace struct {
	ID       string         `json:"trace_id"`
	Spans    int            `json:"spans"`
	Roots    int            `json:"roots"`
	Sections int            `json:"sections"`
	TotalNS  int64          `json:"total_ns"`
	Digest   string         `json:"digest"`
	Flags    map[string]int `json:"flags"`
}

func TestCriticalPathOfRecordedTraces(t *testing.T) {
	shared := os.Getenv("SLOWTOKEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "conformance", "traces-expected.json"))
	if err != nil {
		t.Skipf("no expectations of recorded traces (%v); set SLOWTOKEN_SHARED to the shared folder", err)
	}
	var files map[string]expectedFile
	if err := json.Unmarshal(raw, &files); err != nil {
		t.Fatal(err)
	}
	passed, traces := 0, 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.Run(name, func(t *testing.T) {
			slices.SortFunc(files[name].PerTrace, func(a, b expectedTrace) int { return cmp.Compare(a.ID, b.ID) })
			got := pathsOfFile(t, filepath.Join(shared, "traces", name))
			if diff := gocmp.Diff(files[name], got); diff != "" {
				t.Fatalf("(-want +got):\n%.4000s", diff)
			}
			passed++
			traces += got.Traces
		})
	}
	t.Logf("%d of %d files, %d traces passed", passed, len(files), traces)
}

func pathsOfFile(t *testing.T, path string) expectedFile {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var spans []analyzer.Span
	if _, err := ingest.Read(context.Background(), path, f, ingest.ReadOptions{}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	got := expectedFile{Spans: len(spans), Flags: map[string]int{}, Exclusive: map[string]int64{}}
	for trace := range analyzer.GroupByTrace(spans) {
		one := expectedTrace{ID: trace.ID.String(), Spans: len(trace.Spans) + trace.Warnings[analyzer.WarnDuplicateExact], Roots: len(trace.Roots())}
		sections := trace.CriticalPath()
		for _, s := range sections {
			span := &trace.Spans[s.Span]
			one.TotalNS += s.End - s.Start
			got.Exclusive[span.Service()+" "+span.Name] += s.End - s.Start
		}
		one.Sections, one.Digest = len(sections), digest(trace, sections)
		got.Traces++
		got.TotalNS += one.TotalNS
		got.Sections += one.Sections
		for name, n := range trace.Warnings {
			got.Flags[name] += n
		}
		one.Flags = trace.Warnings
		got.PerTrace = append(got.PerTrace, one)
	}
	return got
}

// digest is the sum of the path's sections by (start, span id).
func digest(trace *analyzer.Trace, sections []analyzer.Interval) string {
	slices.SortFunc(sections, func(a, b analyzer.Interval) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), trace.Spans[a.Span].ID.Compare(trace.Spans[b.Span].ID))
	})
	sum := sha256.New()
	for _, s := range sections {
		fmt.Fprintf(sum, "%s,%d,%d\n", trace.Spans[s.Span].ID, s.Start, s.End)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
