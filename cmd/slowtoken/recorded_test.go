package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/report"
)

// recordedReports are reports of traces that real programs sent: slowtoken gateway before an Ollama server, which
// .ci/recordings/gateway recorded, and a client SDK, which .ci/recordings/record.mjs did.
var recordedReports = []struct {
	name, file string
	flags      []string
}{
	{"gateway", "cmd/slowtoken/testdata/recorded/gateway.otlp.jsonl.gz", []string{"--target", "ttft-p95=500ms"}}, // which is missed
	{"vercel-ai", "analyzer/dialect/testdata/recordings/vercel-ai-6.0.jsonl", nil},
}

// Reports of recorded traces are golden files, in every format.
func TestRecordedReports(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	for _, r := range recordedReports {
		for _, f := range report.Formats {
			t.Run(r.name+" "+f.Name, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				a := app{
					stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: []string{"HOME=" + t.TempDir()},
					now: func() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) },
				}
				if code := run(t.Context(), a, append([]string{"report", r.file, "--author", "Ada Lovelace", "--format", f.Name}, r.flags...)); code != exitOK {
					t.Fatalf("exit code %d: %s", code, stderr.String())
				}
				golden := filepath.Join("cmd", "slowtoken", "testdata", "recorded", r.name+"."+f.Name)
				if *update {
					if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(stdout.Bytes(), want) {
					t.Errorf("%s differs: go test ./cmd/slowtoken -run RecordedReports -update writes it anew\n%s", golden, firstDifferentLine(string(want), stdout.String()))
				}
			})
		}
	}
}

func firstDifferentLine(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			return "line " + strconv.Itoa(i+1) + ":\n-" + w[i] + "\n+" + strings.Join(g[min(i, len(g)):min(i+1, len(g))], "")
		}
	}
	return "it goes on after line " + strconv.Itoa(len(w))
}

// statedOften are the numbers that a page states in more than one place, with the lines that then change at most: what the
// summary says and a section shows again, and what the words of a picture's text alternative hold.
var statedOften = map[string]int{
	"findings.recoverable_ns.value": 5, "findings.recoverable_ns.low": 4, "findings.recoverable_ns.high": 4, // in short, key findings, the finding, its recommendation, next steps
	"findings.recoverable_ttft_ns.value": 2, "findings.recoverable_ttft_ns.low": 2, "findings.recoverable_ttft_ns.high": 2, // the finding, its recommendation
	"findings.rank": 4, "findings.confidence.value": 2, "findings.affected.n": 3, "findings.affected.of": 2,
	"requests.total":       4, // header, objectives, method, distribution
	"phases.ttft_share":    2, // the table, and the words below the picture
	"phases.e2e_share":     2,
	"tail.parts.share":     2,
	"measures.quantiles.p": 2, "measures.quantiles.value": 2, // the table, and the words below the curves
	"tail.regime":        3,
	"path_time_ns":       2,                                                            // two lines of operations, each with its share
	"waterfalls.more":    2,                                                            // adds a line where it was 0
	"incidents.arrivals": 2, "incidents.arrived_within_ns": 2, "incidents.burst_ns": 2, // the section, and the words below the picture
}

// A change in one number changes one line, in every format, so that two reports can be compared by their text: any number
// of a report of recorded traces, but for those in statedOften. Pictures are left out: their axes move with a number.
func TestAnyOneNumberIsOneLine(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "recorded", "gateway.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	delete(tree, "sample") // what a later comparison needs, which no format but JSON prints
	before := printedTree(t, tree)
	seen, shown := 0, map[string]int{}
	eachNumber(tree, "", func(path string) {
		seen++
		after := printedTree(t, tree)
		for name, lines := range after {
			changed := changedLines(before[name], lines)
			if changed > 0 {
				shown[name]++
			}
			allowed := 1
			if name != "json" {
				allowed = max(allowed, statedOften[path])
			}
			if changed > allowed || changed == 0 && name == "json" {
				t.Errorf("%s, %s: %d lines change, want at most %d", path, name, changed, allowed)
			}
		}
	})
	t.Logf("%d numbers, of which formats show %v", seen, shown)
	if seen < 100 || shown["json"] != seen || shown["markdown"] < 50 || shown["text"] < 20 {
		t.Errorf("%d numbers, shown: %v", seen, shown)
	}
}

var pictures = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// printedTree prints a saved report in every format, as lines.
func printedTree(t *testing.T, tree map[string]any) map[string][]string {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, f := range report.Formats {
		var b bytes.Buffer
		if err := f.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		out[f.Name] = strings.Split(pictures.ReplaceAllString(b.String(), ""), "\n")
	}
	return out
}

// changedLines counts the lines that differ, those that came or went included.
func changedLines(before, after []string) (n int) {
	head := 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	for len(before) > head && len(after) > head && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	before, after = before[head:], after[head:]
	if len(before) != len(after) {
		return max(len(before), len(after))
	}
	for i := range before {
		if before[i] != after[i] {
			n++
		}
	}
	return n
}

// eachNumber changes one number of a tree after the other, and puts it back: of lists, those of the first item.
func eachNumber(v any, path string, changed func(path string)) {
	try := func(path string, n json.Number, put func(any)) {
		value, err := n.Float64()
		if err != nil {
			return
		}
		if other := value*1.37 + 7; strings.ContainsAny(string(n), ".e") {
			put(value*1.37 + 0.001)
		} else {
			put(int64(other))
		}
		changed(path)
		put(n)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := strings.TrimPrefix(path+"."+key, ".")
			if n, ok := v[key].(json.Number); ok {
				try(below, n, func(x any) { v[key] = x })
				continue
			}
			eachNumber(v[key], below, changed)
		}
	case []any:
		if len(v) == 0 {
			return
		}
		if n, ok := v[0].(json.Number); ok {
			try(path, n, func(x any) { v[0] = x })
			return
		}
		eachNumber(v[0], path, changed)
	}
}
