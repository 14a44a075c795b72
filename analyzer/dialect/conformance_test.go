package dialect_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/ingest"
)

// sharedFolder returns a folder of the optional shared data, or skips.
func sharedFolder(t *testing.T, path ...string) string {
	t.Helper()
	root := os.Getenv("SLOWTOKEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no shared data at %s: set SLOWTOKEN_SHARED to its folder", dir)
	}
	return dir
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// analyze returns the requests and turns of a trace file; err says why it, or a part of it, could not be read.
func analyze(t *testing.T, file string) (requests []analyzer.Request, turns []analyzer.Turn, err error) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var spans []analyzer.Span
	_, err = ingest.Read(context.Background(), file, in, ingest.ReadOptions{}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	for trace := range analyzer.GroupByTrace(spans) {
		r, u := analyzer.Requests(trace, dialect.All)
		requests, turns = append(requests, r...), append(turns, u...)
	}
	return requests, turns, err
}

func TestConformanceRequests(t *testing.T) {
	folder := sharedFolder(t, "conformance")
	var files map[string]json.RawMessage
	readJSON(t, filepath.Join(folder, "requests-expected.json"), &files)
	for name, text := range files {
		if strings.HasPrefix(name, "_") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var want struct {
				Requests int
				Turns    *int
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			requests, turns, err := analyze(t, filepath.Join(sharedFolder(t, "traces"), name))
			if err != nil {
				t.Fatal(err)
			}
			if len(requests) != want.Requests || want.Turns != nil && len(turns) != *want.Turns {
				t.Errorf("%d requests and %d turns, want %s", len(requests), len(turns), text)
			}
			for i := range requests {
				checkTiled(t, &requests[i])
			}
		})
	}
}

func TestConformanceVLLMPhases(t *testing.T) {
	folder := sharedFolder(t, "conformance")
	type shares map[analyzer.Phase]float64
	var want struct {
		Files map[string]struct {
			N        int
			Duration map[string]float64 `json:"duration_ns"`
			All      shares             `json:"share_all"`
			Body     shares             `json:"share_body_le_p50"`
			Tail     shares             `json:"share_tail_ge_p95"`
		}
	}
	readJSON(t, filepath.Join(folder, "vllm-phases-expected.json"), &want)
	for name, want := range want.Files {
		t.Run(name, func(t *testing.T) {
			requests, _, err := analyze(t, filepath.Join(sharedFolder(t, "traces"), name))
			if err != nil {
				t.Fatal(err)
			}
			if len(requests) != want.N {
				t.Fatalf("%d requests, want %d", len(requests), want.N)
			}
			slices.SortFunc(requests, func(a, b analyzer.Request) int { return int(a.E2E() - b.E2E()) })
			percentile := func(p float64) int64 { return requests[int(math.Ceil(p*float64(len(requests))))-1].E2E() }
			p50, p95 := percentile(0.50), percentile(0.95)
			for key, got := range map[string]int64{"p50": p50, "p95": p95, "p99": percentile(0.99)} {
				if float64(got) != want.Duration[key] {
					t.Errorf("%s is %d ns, want %.0f", key, got, want.Duration[key])
				}
			}
			for _, cohort := range []struct {
				name    string
				member  func(e2e int64) bool
				expects shares
			}{
				{"all", func(int64) bool { return true }, want.All},
				{"body", func(e2e int64) bool { return e2e <= p50 }, want.Body},
				{"tail", func(e2e int64) bool { return e2e >= p95 }, want.Tail},
			} {
				var total int64
				var sum [analyzer.NumPhases]int64
				for i := range requests {
					if !cohort.member(requests[i].E2E()) {
						continue
					}
					total += requests[i].E2E()
					for phase, ns := range requests[i].E2ELedger.ByPhase() {
						sum[phase] += ns
					}
				}
				for phase, share := range cohort.expects {
					if got := float64(sum[phase]) / float64(total); math.Abs(got-share) > 1e-4 {
						t.Errorf("%s: share of %s is %.6f, want %.6f", cohort.name, phase, got, share)
					}
				}
			}
		})
	}
}

// Every shared trace that can be read gives requests whose ledgers tile them.
func TestConformanceLedgersTile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedFolder(t, "traces"), "*.json*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			requests, turns, err := analyze(t, file)
			if err != nil {
				t.Logf("not all of it is traces: %v", err)
			}
			for i := range requests {
				checkTiled(t, &requests[i])
			}
			for _, turn := range turns {
				if turn.Ledger.Total() != turn.End-turn.Start {
					t.Errorf("turn %s: ledger of %d ns for %d", turn.SpanID, turn.Ledger.Total(), turn.End-turn.Start)
				}
			}
			t.Logf("%d requests, %d turns", len(requests), len(turns))
		})
	}
}

// checkTiled fails unless both ledgers of r tile their stretch exactly.
func checkTiled(t interface {
	Helper()
	Errorf(format string, args ...any)
}, r *analyzer.Request) {
	t.Helper()
	tiled := func(name string, l analyzer.Ledger, start, end int64) {
		for _, p := range l.Parts {
			if p.Start != start || p.End <= p.Start {
				t.Errorf("request %s, %s: part %+v does not follow %d", r.SpanID, name, p, start)
				return
			}
			start = p.End
		}
		if start != end {
			t.Errorf("request %s, %s: tiled to %d, want %d", r.SpanID, name, start, end)
		}
	}
	tiled("to end", r.E2ELedger, r.Start, r.End)
	if r.FirstToken != 0 {
		tiled("to first token", r.TTFTLedger, r.Start, r.FirstToken)
	} else if len(r.TTFTLedger.Parts) > 0 {
		t.Errorf("request %s: a ledger to an unknown first token", r.SpanID)
	}
}
