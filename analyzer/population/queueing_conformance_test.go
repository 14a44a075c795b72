package population_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/ingest"
)

// recorded returns the population of a recorded run in the optional shared data, or skips.
func recorded(t *testing.T, name string) *population.Population {
	t.Helper()
	root := os.Getenv("SLOWTOKEN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	file := filepath.Join(root, "traces", name)
	in, err := os.Open(file)
	if err != nil {
		t.Skipf("no shared data at %s: set SLOWTOKEN_SHARED to its folder", file)
	}
	defer in.Close()
	var spans []analyzer.Span
	_, err = ingest.Read(context.Background(), file, in, ingest.ReadOptions{}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := population.NewBuilder(population.Window{}, population.Filter{}, dialect.All)
	for trace := range analyzer.GroupByTrace(spans) {
		b.Add(trace)
	}
	return b.Population()
}

// The recorded runs: their true token budgets are 64 and 4096, and the prompts of the first share 1024 tokens, which
// nothing in the traces says.
const (
	prefillHeavy = "vllm_codellama34b_prefill_heavy.otlp.jsonl"
	train        = "vllm_llama7b_train.otlp.jsonl"
)

// oneReplica says how many processes served the recorded runs, whose spans name none.
var oneReplica = population.Facts{population.FactReplicas: "1"}

func onlyDomain(t *testing.T, p *population.Population, f population.Facts) *population.Domain {
	t.Helper()
	domains := p.Domains(f)
	if len(domains) != 1 || !domains[0].AsOneServer {
		t.Fatalf("domains %+v, want one without a name", domains)
	}
	return &domains[0]
}

func TestConformanceSizes(t *testing.T) {
	for _, x := range []struct {
		file            string
		r, rOff         float64
		cached, cacheOf float64 // 0 for no claim
	}{
		{prefillHeavy, 59, 4, 980, 100},
		{train, 315, 15, 0, 0},
	} {
		p := recorded(t, x.file)
		d := onlyDomain(t, p, nil)
		s := p.Sizes(d, d.Members, 1)
		t.Logf("%s: %+v, r %+v, cached %+v", x.file, s, s.R, s.CachedTokens)
		if s.R == nil || math.Abs(s.R.Value-x.r) > x.rOff || s.R.Low >= s.R.Value || s.R.High <= s.R.Value {
			t.Errorf("%s: r is %+v, want %.0f +- %.0f", x.file, s.R, x.r, x.rOff)
		}
		switch {
		case x.cached == 0 && s.CachedTokens != nil:
			t.Errorf("%s: %+v cached tokens, want no such claim", x.file, s.CachedTokens)
		case x.cached > 0 && (s.CachedTokens == nil || math.Abs(s.CachedTokens.Value-x.cached) > x.cacheOf):
			t.Errorf("%s: cached tokens are %+v, want %.0f +- %.0f", x.file, s.CachedTokens, x.cached, x.cacheOf)
		}
	}
}

// TestConformanceQueueing: prefill is served one at a time; without the number of replicas nothing is said of slots.
func TestConformanceQueueing(t *testing.T) {
	p := recorded(t, prefillHeavy)
	d := onlyDomain(t, p, oneReplica)
	s := p.Sizes(d, d.Members, 1)
	q := p.Queueing(d, d.Members, &s, oneReplica)
	t.Logf("%+v", q)
	if q.Binding != population.StagePrefill || q.Slots != 1 || q.Verdict != population.QueueLoad {
		t.Errorf("%d slots in %q, %s; want one in prefill, and load that explains it", q.Slots, q.Binding, q.Verdict)
	}
	if q.Ratio < 1 || q.Ratio > 1.1 {
		t.Errorf("replayed / observed wait is %.3f", q.Ratio)
	}
	d = onlyDomain(t, p, nil)
	q = p.Queueing(d, d.Members, &s, nil)
	if q.Verdict != population.QueueUnknown || q.Slots != 0 || len(q.Abstained) != 1 {
		t.Errorf("without the number of replicas: %+v, want nothing about slots and one refusal", q)
	}
	p = recorded(t, train)
	d = onlyDomain(t, p, oneReplica)
	s = p.Sizes(d, d.Members, 1)
	if q = p.Queueing(d, d.Members, &s, oneReplica); q.Verdict != population.QueueCalm {
		t.Errorf("%s: %+v, want calm", train, q)
	}
}
