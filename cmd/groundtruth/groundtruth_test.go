package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/report"
)

func testBench(t *testing.T) (*split, *bench) {
	t.Helper()
	s, err := readSplit()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// Every fault, every healthy system and every damage is in the split, and held-out things are in no half for tuning.
func TestSplitCoversAllAndKeepsHalvesApart(t *testing.T) {
	s, err := readSplit()
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.scenarios()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	healthy := 0
	for i := range list {
		c := &list[i]
		for _, injection := range c.injections {
			seen[injection.Fault.Name] = true
		}
		if c.part == partHealthyHeldOut && slices.Contains(c.dialects, mainDialect) {
			healthy++
		}
		switch {
		case c.part == partDevelop:
			unseen := slices.ContainsFunc(c.dialects, func(d string) bool { return slices.Contains(s.Dialects.HeldOut, d) })
			if slices.Contains(s.Workloads.HeldOut, c.workload) || slices.Contains(s.Shapes.HeldOut, c.shape) || slices.Contains(s.Seeds.HeldOut, c.seed) || unseen {
				t.Errorf("%s is for tuning and has something that is held out", c.name())
			}
		case c.part == partHeldOut:
			if slices.Contains(s.Workloads.tuning(), c.workload) || slices.Contains(s.Shapes.tuning(), c.shape) || slices.Contains(s.Seeds.tuning(), c.seed) {
				t.Errorf("%s is held out and has something that is for tuning", c.name())
			}
		}
		for _, name := range c.dialects {
			if carrierOf(name) == nil {
				t.Errorf("%s: it is not said what %s can carry", c.name(), name)
			}
		}
	}
	for _, f := range fault.Faults {
		if !seen[f.Name] {
			t.Errorf("%s is in no scenario", f.Name)
		}
	}
	for _, f := range s.Faults {
		for _, x := range f.HeldOut {
			if slices.Contains(f.tuning(), x) {
				t.Errorf("%s@%g is held out and for tuning", f.Name, x)
			}
		}
	}
	if len(s.Workloads.HeldOut) > 0 && healthy < 200 {
		t.Errorf("%d healthy runs; 189 without a false alarm are needed for an upper bound of 2 %%, and some may be left out", healthy)
	}
}

// The report is the same bytes whether or not the telemetry holds the truth and names that tell what is simulated, but
// for those names.
func TestTruthAndNamesChangeNothing(t *testing.T) {
	_, b := testBench(t)
	for _, text := range []string{"healthy", "slow-network@150", "small-chunk@64", "long-prompts@12000", "memory-hog@0.4", "retries@0.3"} {
		for _, dialectName := range []string{"vllm", "sglang", "openllmetry-python"} {
			injections, err := fault.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			s := scenario{injections: injections, workload: "chat", shape: shape{"meta-llama/Llama-3.1-8B-Instruct", "NVIDIA H100 80GB HBM3"}, seed: 7, seconds: 15, dialects: []string{dialectName}}
			system, err := simulate(&s, -1)
			if err != nil {
				t.Fatal(err)
			}
			d, err := emit.ByName(dialectName)
			if err != nil {
				t.Fatal(err)
			}
			blinded := printed(t, b, system, d, true)
			open := printed(t, b, system, d, false)
			if strings.Contains(blinded, truthPrefix) || strings.Contains(blinded, "chat-app") {
				t.Errorf("%s as %s: the report holds the truth, or a name", text, dialectName)
			}
			if renamed := renameAll(open, dialectName); renamed != blinded {
				t.Errorf("%s as %s: the report depends on the truth, or on names; from\n%s", text, dialectName, firstDifference(renamed, blinded))
			}
		}
	}
}

// No kind of load rides along under its own name, and aliases sort as the names do.
func TestEveryKindOfLoadHasAnAlias(t *testing.T) {
	names := []string{"batch", "documents", "replay"}
	for _, s := range fault.Shapes {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	for i, name := range names {
		if alias(name) == name || i > 0 && alias(names[i-1]) >= alias(name) {
			t.Errorf("%s goes by %q, out of order or as it is", name, alias(name))
		}
	}
}

func printed(t *testing.T, b *bench, s *simulated, d emit.Dialect, blinded bool) string {
	t.Helper()
	o := b.options(s, d, &owner{targets: report.Defaults()})
	o.Metrics = nil // which are written without truth, and whose resources have the same names in both
	r, err := report.Build(func(yield func(*analyzer.Trace, error) bool) {
		for spans := range written(s, d) {
			if blinded {
				spans = blind(spans)
			}
			if !yield(analyzer.NewTrace(spans), nil) {
				return
			}
		}
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := formatNamed(t, "json").Write(&text, r); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func formatNamed(t *testing.T, name string) report.Format {
	t.Helper()
	i := slices.IndexFunc(report.Formats, func(f report.Format) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("there is no format %s", name)
	}
	return report.Formats[i]
}

// renameAll puts aliases into a report, where the names stand as a whole: a string, or the end of tenant=.
func renameAll(text, dialectName string) string {
	pairs := []string{dialectName + "-server", "v1", "chat-app-0", "a1-0", "chat-app", "a1", "llm-gateway-0", "e1-0", "llm-gateway", "e1", "llm-server", "e2"}
	for name, other := range aliases {
		if strings.HasPrefix(other, "t") {
			pairs = append(pairs, "tenant="+name, "tenant="+other, `"value": "`+name+`"`, `"value": "`+other+`"`, `"name": "`+name+`"`, `"name": "`+other+`"`)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func firstDifference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-80)
	return a[from:min(len(a), i+80)] + "\n---\n" + b[from:min(len(b), i+80)]
}

func TestWilson(t *testing.T) {
	// 0 of 189 is the fewest whose upper bound is under 2 %; 10 of 20 is textbook.
	for _, test := range []struct {
		share
		low, high float64
	}{{share{0, 189}, 0, 0.01992}, {share{0, 188}, 0, 0.02002}, {share{10, 20}, 0.2993, 0.7007}, {share{0, 0}, 0, 1}} {
		low, high := test.wilson()
		if math.Abs(low-test.low) > 1e-4 || math.Abs(high-test.high) > 1e-4 {
			t.Errorf("%d of %d: %.5f to %.5f, want %.5f to %.5f", test.k, test.n, low, high, test.low, test.high)
		}
	}
}

func TestJaccardAndSpearman(t *testing.T) {
	if j := jaccard([]string{"a", "b"}, []string{"b", "c"}); math.Abs(j-1.0/3) > 1e-12 {
		t.Errorf("got %g, want a third", j)
	}
	if r := spearman([]float64{1, 2, 3, 4}, []float64{10, 20, 30, 5}); math.Abs(r-(-0.2)) > 1e-12 {
		t.Errorf("got %g, want -0.2", r)
	}
	if r := spearman([]float64{1, 1, 2}, []float64{5, 5, 9}); math.Abs(r-1) > 1e-12 {
		t.Errorf("with ties: got %g, want 1", r)
	}
}

func TestHalfPoint(t *testing.T) {
	curve := []point{{10, share{0, 2}, 0}, {100, share{0, 2}, 0.1}, {1000, share{2, 2}, 0.3}}
	x, c, ok := half(curve)
	if want := math.Sqrt(100 * 1000); !ok || math.Abs(x-want) > 1e-6 || math.Abs(c-0.2) > 1e-12 {
		t.Errorf("got %g at a cost of %g, %v, want %g at 0.2", x, c, ok, want)
	}
	if _, _, ok := half(curve[:2]); ok {
		t.Error("a curve that stays at zero has no 50 % point")
	}
	// A detection that is lost again is pooled with the one before it.
	if got := monotone([]point{{1, share{2, 2}, 0}, {2, share{0, 2}, 0}, {3, share{2, 2}, 0}}); !slices.Equal(got, []float64{0.5, 0.5, 1}) {
		t.Errorf("got %v", got)
	}
}
