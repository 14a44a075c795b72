package emit_test

import (
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// count gives all spans of a run to see.
func count(t *testing.T, r *sim.Run, name string, damage emit.Damage, see func(s *analyzer.Span)) (traces, spans int) {
	t.Helper()
	d, err := emit.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	for list := range emit.Traces(r, d, emit.Options{Damage: damage}) {
		traces++
		spans += len(list)
		for i := range list {
			see(&list[i])
		}
	}
	return traces, spans
}

// Every kind of damage can be seen by who reads the telemetry.
func TestDamageLeavesItsMark(t *testing.T) {
	r := run(t, nil)
	nothing := func(*analyzer.Span) {}
	traces, spans := count(t, r, "vllm", emit.Damage{}, nothing)

	_, kept := count(t, r, "vllm", emit.Damage{Drop: 0.2}, nothing)
	if share := float64(kept) / float64(spans); share < 0.77 || share > 0.83 {
		t.Errorf("%.3f of the spans are left after losing 0.2", share)
	}
	sampled, _ := count(t, r, "vllm", emit.Damage{Sample: 0.25}, func(s *analyzer.Span) {
		if got := analyzer.SamplingProbability(s); got != 0.25 {
			t.Fatalf("a sampled span states %v from %q", got, s.TraceState)
		}
	})
	if share := float64(sampled) / float64(traces); share < 0.18 || share > 0.32 {
		t.Errorf("%.3f of the traces are left of 0.25", share)
	}
	lost := 0
	count(t, r, "openllmetry-python", emit.Damage{Events: 16}, func(s *analyzer.Span) {
		if len(s.Events) > 16 {
			t.Fatalf("%d events", len(s.Events))
		}
		if s.DroppedEvents > 0 {
			lost++
		}
	})
	count(t, r, "vllm", emit.Damage{Attrs: 4, Text: 6}, func(s *analyzer.Span) {
		if len(s.Attributes) > 4 {
			t.Fatalf("%d attributes", len(s.Attributes))
		}
		for _, a := range s.Attributes {
			if v, _ := a.Value.AsString(); len(v) > 6 {
				t.Fatalf("%s is %q", a.Key, v)
			}
		}
		if s.DroppedAttributes > 0 {
			lost++
		}
	})
	if lost < len(r.Requests) {
		t.Errorf("only %d spans say that they lost something", lost)
	}
}

func TestSkewedClocksAreFound(t *testing.T) {
	r := run(t, func(c *sim.Config) { c.Network.Hop = 100_000 })
	d, err := emit.ByName("vllm")
	if err != nil {
		t.Fatal(err)
	}
	skewed := 0
	for spans := range emit.Traces(r, d, emit.Options{Damage: emit.Damage{Skew: 50_000_000}}) {
		requests, _ := analyzer.Requests(analyzer.NewTrace(spans), dialect.All)
		for _, q := range requests {
			for name := range q.Warnings {
				if strings.HasPrefix(name, "clock_") {
					skewed++
				}
			}
		}
	}
	if skewed < len(r.Requests)/2 {
		t.Errorf("%d of %d requests are known to have skewed clocks", skewed, len(r.Requests))
	}
}
