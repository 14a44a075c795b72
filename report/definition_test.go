package report

import (
	"math"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// One request of TTFT 300 ms, E2E 2.3 s and 21 tokens, computed by hand.
func TestDefinitionsByHand(t *testing.T) {
	r := population.Record{Start: 1, FirstToken: 1 + 300e6, End: 1 + 2300e6, OutputTokens: 21}
	for _, c := range []struct {
		definition, measure string
		want                float64 // ms
	}{
		{"vllm", "TTFT", 300}, {"vllm", "TPOT", 100}, {"vllm", "E2EL", 2300},
		{"aiperf", "TTFT", 300}, {"aiperf", "ITL", 100}, {"aiperf", "request latency", 2300},
		{"guidellm", "TPOT", 2300. / 21}, {"guidellm", "ITL", 100}, {"guidellm", "TTFT", 300},
		{"llmperf", "inter-token latency", 2300. / 21}, {"llmperf", "TTFT", 300}, {"llmperf", "end-to-end latency", 2300},
	} {
		d, ok := DefinitionNamed(c.definition)
		if !ok {
			t.Fatalf("no definition is named %s", c.definition)
		}
		found := false
		for i := range d.Measures {
			if m := &d.Measures[i]; m.Name == c.measure {
				found = true
				if got, ok := m.Of(&r); !ok || math.Abs(got-c.want*1e6) > 1e-3 {
					t.Errorf("%s %s = %v, %v; want %v ms", c.definition, c.measure, got, ok, c.want)
				}
			}
		}
		if !found {
			t.Errorf("%s has no %s", c.definition, c.measure)
		}
	}
	if _, ok := DefinitionNamed("tgi"); ok {
		t.Error("a definition that is none")
	}
}

// What a definition needs and the request does not state leaves the measure undefined; it is never zero.
func TestDefinitionsAreUndefinedRatherThanZero(t *testing.T) {
	one := population.Record{Start: 1, FirstToken: 10, End: 20, OutputTokens: 1}
	unknown := population.Record{Start: 1, End: 20, OutputTokens: -1}
	for _, d := range Definitions {
		for i := range d.Measures {
			m := &d.Measures[i]
			for name, c := range map[string]struct {
				r    population.Record
				want bool
			}{
				"one token": {one, m.Formula != "(E2E - TTFT) / (n - 1)"},
				"unknown":   {unknown, m.Formula == "E2E"},
			} {
				if v, ok := m.Of(&c.r); ok != c.want || ok && v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
					t.Errorf("%s %s of %s: %v, %v", d.Name, m.Name, name, v, ok)
				}
			}
		}
	}
}

func TestDefinitionsAreShownBesideOurs(t *testing.T) {
	d, _ := DefinitionNamed("vllm")
	r := buildReport(t, gatewayCalls(), Options{Definition: d})
	if len(r.Measures) != 7 || r.Measures[5].Name != "TPOT" || r.Measures[5].Definition != "vllm" || r.Measures[5].Formula == "" {
		t.Fatalf("measures: %+v", r.Measures)
	}
	// Ours ends with the last token; vLLM's ends with the request, 0.1 s after it here.
	if ours, theirs := r.Measures[1].Mean, r.Measures[5].Mean; math.Abs(ours-40e6) > 1 || math.Abs(theirs-45e6) > 1 {
		t.Errorf("TPOT is %v and for vLLM %v, want 40 and 45 ms", ours, theirs)
	}
}
