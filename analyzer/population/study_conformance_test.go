package population_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

func examined(t *testing.T, name string, f population.Facts) (*population.Population, *population.Study) {
	t.Helper()
	p := recorded(t, name)
	return p, population.Examine(p, population.StudyOptions{Facts: f, Seed: 1, TargetMissed: true})
}

// The slowest twentieth of the prefill-heavy run is one burst of a load generator.
func TestConformanceOneIncident(t *testing.T) {
	p, s := examined(t, prefillHeavy, nil)
	d := s.Domains[0]
	if len(s.Domains) != 1 || len(d.Regimes) != 1 || len(d.Incidents) != 1 {
		t.Fatalf("%d domains, %d regimes, %d incidents, want one each", len(s.Domains), len(d.Regimes), len(d.Incidents))
	}
	n, r := d.Incidents[0], d.Regimes[0]
	if after := float64(n.Burst-p.Records[0].Start) / 1e9; math.Abs(after-69) > 1 || n.Arrivals != 40 || n.Within > 1e9 {
		t.Errorf("%d arrivals within %d ns at %.1f s, want 40 within a second near 69 s", n.Arrivals, n.Within, after)
	}
	if n.Tail != len(r.Tail) || n.TailOf != n.Tail || n.Tail != 11 {
		t.Errorf("%d of %d of the tail are in it, want all 11", n.Tail, n.TailOf)
	}
	if math.Abs(float64(n.P95)/1e9-28.0) > 0.1 || math.Abs(float64(n.P95Without)/1e9-2.85) > 0.01 {
		t.Errorf("p95 %d ns, without it %d, want 28.0 s and 2.85 s", n.P95, n.P95Without)
	}
	if n.Drain < 30e9 || n.Drain > 40e9 {
		t.Errorf("drained after %d ns, want some 36 s", n.Drain)
	}
	if top := r.TailE2E.Parts[0]; top.Phase != analyzer.Queue || top.Share < 0.98 || r.TailE2E.TooFew {
		t.Errorf("the tail is %+v of all, want queue", top)
	}
}

func TestConformanceTrainIsDecode(t *testing.T) {
	_, s := examined(t, train, oneReplica)
	for _, c := range s.Scores {
		if c.Cohort != population.CohortAll || c.Path != population.PathE2E || c.Value == nil {
			continue
		}
		switch {
		case c.Phase == analyzer.Decode && (c.Share < 0.95 || *c.Value < 5):
			t.Errorf("decode has %.2f of the time and scores %.1f", c.Share, *c.Value)
		case c.Phase != analyzer.Decode && *c.Value >= 5:
			t.Errorf("%s scores %.1f", c.Phase, *c.Value)
		}
	}
	if n := s.Domains[0].Incidents; len(n) != 1 || n[0].Arrivals != 22 {
		t.Errorf("incidents %+v, want one burst of 22", n)
	}
}

// The shares of body and tail are those that others computed from the same runs. They count as frontend what is left of
// the duration, stream included.
func TestConformanceBodyAndTail(t *testing.T) {
	for file, want := range expectedPhases(t) {
		p, s := examined(t, file, nil)
		r := s.Domains[0].Regimes[0]
		for _, side := range []struct {
			name    string
			members []int32
			shares  map[string]float64
		}{{"all", r.Latency, want.All}, {"body", r.Body, want.Body}, {"tail", r.Tail, want.Tail}} {
			sums := map[string]float64{}
			total := 0.0
			for _, m := range side.members {
				total += float64(p.Records[m].E2E())
				for _, pt := range p.Records[m].Phases() {
					name := pt.Phase.String()
					if pt.Phase == analyzer.Stream {
						name = "frontend"
					}
					sums[name] += float64(pt.E2E)
				}
			}
			for name, share := range side.shares {
				if math.Abs(sums[name]/total-share) > 1.5e-3 {
					t.Errorf("%s, %s: %s has %.5f of the time, want %.5f", file, side.name, name, sums[name]/total, share)
				}
			}
		}
	}
}

type expectedShares struct {
	All  map[string]float64 `json:"share_all"`
	Body map[string]float64 `json:"share_body_le_p50"`
	Tail map[string]float64 `json:"share_tail_ge_p95"`
}

func expectedPhases(t *testing.T) map[string]expectedShares {
	t.Helper()
	root := os.Getenv("SLOWTOKEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	data, err := os.ReadFile(filepath.Join(root, "conformance", "vllm-phases-expected.json"))
	if err != nil {
		t.Skipf("no shared data: %v; set SLOWTOKEN_SHARED to its folder", err)
	}
	var expected struct {
		Files map[string]expectedShares
	}
	if err := json.Unmarshal(data, &expected); err != nil || len(expected.Files) == 0 {
		t.Fatalf("%d files, %v", len(expected.Files), err)
	}
	return expected.Files
}
