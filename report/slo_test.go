package report

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference/synth"
)

func TestSLOOfTheGatewaysCalls(t *testing.T) {
	// TTFT is 0.4 s and 0.4 s more with every call, TPOT 40 ms, the sixth call fails.
	for _, c := range []struct {
		name       string
		o          population.Objectives
		window     population.Window
		want       SLO
		goodput    float64 // times the window
		firstLimit Objective
	}{
		{
			"all data", population.Objectives{TTFT: 1300e6, TPOT: 41e6}, population.Window{},
			SLO{Total: 6, Attained: 3, Missed: 3, Attainment: 0.5, AttainmentHigh: 0.5, Seconds: 8.3}, 3,
			Objective{Measure: "TTFT", Unit: "ns", Limit: 1300e6, Attained: 3, Missed: 2},
		},
		{
			// At 3.5 s the call from 2 s runs with its first token to be seen; that from 3 s has none yet and still may make it.
			"some running", population.Objectives{TTFT: 1300e6}, population.Window{Since: epoch, Until: epoch + 3500e6},
			SLO{Total: 4, Attained: 2, Running: 2, Attainment: 0.5, AttainmentHigh: 1, Seconds: 3.5}, 2,
			Objective{Measure: "TTFT", Unit: "ns", Limit: 1300e6, Attained: 2},
		},
	} {
		r := buildReport(t, gatewayCalls(), Options{Objectives: c.o, Window: c.window})
		got := *r.SLO
		if got.Total != c.want.Total || got.Attained != c.want.Attained || got.Missed != c.want.Missed || got.Unknown != c.want.Unknown ||
			got.Running != c.want.Running || got.Attainment != c.want.Attainment || got.AttainmentHigh != c.want.AttainmentHigh ||
			got.Objectives[0] != c.firstLimit {
			t.Errorf("%s: got %+v\nwant %+v with %+v", c.name, got, c.want, c.firstLimit)
		}
		if math.Abs(got.Seconds-c.want.Seconds) > 1e-9 || math.Abs(got.Goodput*got.Seconds-c.goodput) > 1e-9 {
			t.Errorf("%s: goodput %v over %v s, want %v over %v s", c.name, got.Goodput, got.Seconds, c.goodput, c.want.Seconds)
		}
		var b bytes.Buffer
		if err := WriteText(&b, r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "\nslo        TTFT 1.3 s") {
			t.Errorf("%s: the text has no line of it:\n%s", c.name, b.String())
		}
	}
	if r := buildReport(t, gatewayCalls(), Options{}); r.SLO != nil {
		t.Errorf("an SLO without objectives: %+v", r.SLO)
	}
}

// Goodput is never more than throughput, the counts add up to the total, and a looser objective never lowers attainment.
func TestGoodputIsAtMostThroughput(t *testing.T) {
	var spans []analyzer.Span
	for s := range synth.Corpus(synth.CorpusOptions{Seed: 3, Traces: 300, End: epoch}) {
		spans = append(spans, s...)
	}
	rng := rand.New(rand.NewPCG(1, 9))
	report := func(o population.Objectives, w population.Window) *SLO {
		r, err := Build(tracesOf(append([]analyzer.Span(nil), spans...)), Options{Dialects: dialect.All, Objectives: o, Window: w})
		if err != nil {
			t.Fatal(err)
		}
		return r.SLO
	}
	all := report(population.Objectives{E2E: 1}, population.Window{})
	if all.Total < 100 || all.Attained != 0 || all.Throughput <= 0 {
		t.Fatalf("nothing to look at: %+v", all)
	}
	seen := map[bool]int{}
	for range 40 {
		o := population.Objectives{TTFT: 1 + rng.Int64N(3*second), TPOT: 1 + rng.Int64N(second/20), E2E: 1 + rng.Int64N(20*second)}
		until := int64(0)
		if rng.IntN(2) == 0 {
			until = spans[0].Start + rng.Int64N(10*second)
		}
		w := population.Window{Until: until}
		s := report(o, w)
		if s.Goodput > s.Throughput || s.Attained+s.Missed+s.Unknown+s.Running != s.Total || s.Attainment > s.AttainmentHigh {
			t.Fatalf("%+v: %+v", o, s)
		}
		o.E2E, o.TTFT = o.E2E+rng.Int64N(second), o.TTFT+rng.Int64N(second)
		if loose := report(o, w); loose.Attainment < s.Attainment {
			t.Fatalf("looser objectives lower attainment from %v to %v", s.Attainment, loose.Attainment)
		}
		seen[s.Attained > 0]++
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("the objectives are all of one kind: %v", seen)
	}
}
