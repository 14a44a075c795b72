package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What trace prints of recorded traces is what was established for them: how many spans and roots, the warnings, and the
// digest of every critical path.
func TestConformanceTraceLines(t *testing.T) {
	shared := os.Getenv("SLOWTOKEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "conformance", "traces-expected.json"))
	if err != nil {
		t.Skipf("no expectations of recorded traces (%v); set SLOWTOKEN_SHARED to the shared folder", err)
	}
	type trace struct {
		ID       string         `json:"trace_id"`
		Spans    int            `json:"spans"`
		Roots    int            `json:"roots"`
		Sections int            `json:"sections"`
		Digest   string         `json:"digest"`
		Flags    map[string]int `json:"flags"`
	}
	var files map[string]struct {
		PerTrace []trace `json:"per_trace"`
	}
	if err := json.Unmarshal(raw, &files); err != nil {
		t.Fatal(err)
	}
	type line struct {
		trace
		Warnings map[string]int `json:"warnings"`
		Path     []struct {
			SpanID string `json:"span_id"`
			Start  int64  `json:"start_ns"`
			End    int64  `json:"end_ns"`
		} `json:"critical_path"`
	}
	passed := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.Run(name, func(t *testing.T) {
			expected := files[name].PerTrace
			slices.SortFunc(expected, func(a, b trace) int { return strings.Compare(a.ID, b.ID) })
			var stdout, stderr bytes.Buffer
			a := app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: []string{"HOME=" + t.TempDir()}}
			if code := run(t.Context(), a, []string{"trace", "--all", "-o", "jsonl", "--file", filepath.Join(shared, "traces", name)}); code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			lines := bufio.NewScanner(&stdout)
			lines.Buffer(nil, 1<<26)
			n := 0
			for ; lines.Scan(); n++ {
				var got line
				if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				sum := sha256.New()
				for _, at := range got.Path {
					fmt.Fprintf(sum, "%s,%d,%d\n", at.SpanID, at.Start, at.End)
				}
				got.Sections, got.Digest = len(got.Path), hex.EncodeToString(sum.Sum(nil))
				if n >= len(expected) {
					t.Fatalf("more than %d lines", len(expected))
				}
				want := expected[n]
				if got.ID != want.ID || got.Spans != want.Spans || got.Roots != want.Roots || got.Sections != want.Sections ||
					got.Digest != want.Digest || !maps.Equal(got.Warnings, want.Flags) {
					t.Errorf("line %d is %+v with warnings %v, want %+v", n+1, got.trace, got.Warnings, want)
				}
			}
			if n != len(expected) || lines.Err() != nil {
				t.Fatalf("%d lines, want %d (%v)", n, len(expected), lines.Err())
			}
			passed += n
		})
	}
	t.Logf("%d traces of %d files passed", passed, len(files))
}
