package population

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// Traces are thinned as OpenTelemetry's consistent sampler does it, and say so in their tracestate; the estimate finds
// their true number. The seeds are fixed, so that the three standard deviations hold or do not.
func TestTrueCountOfThinnedTraces(t *testing.T) {
	for seed, thresholds := range [][]string{{"0"}, {"8"}, {"e6666666666666"}, {"8", "c", "fd"}} {
		rng := rand.New(rand.NewPCG(11, uint64(seed)))
		const truth = 5000
		traces := 0
		b := NewBuilder(Window{}, Filter{}, dialect.All)
		for i := range truth {
			state := "ot=th:" + thresholds[i%len(thresholds)]
			p := analyzer.SamplingProbability(&analyzer.Span{TraceState: state})
			if rng.Float64() >= p {
				continue
			}
			traces++
			b.Add(sampledCall(i+1, state))
		}
		pop := b.Population()
		if len(pop.Records) != traces {
			t.Fatalf("%d requests of %d traces", len(pop.Records), traces)
		}
		var c TrueCount
		for i := range pop.Records {
			c.Add(pop.Records[i].Probability)
		}
		e := c.Estimate()
		if sd := math.Sqrt(c.variance); math.Abs(e.Value-truth) > 3*sd+1e-6 {
			t.Errorf("%v: %d seen, estimated %.0f with a standard deviation of %.1f, want %d", thresholds, c.Seen, e.Value, sd, truth)
		}
		if e.Low < float64(c.Seen) || e.Low > e.Value || e.High < e.Value {
			t.Errorf("%v: interval %v of %d seen", thresholds, e, c.Seen)
		}
	}
}

// The interval holds the truth about as often as it says.
func TestTrueCountIntervalCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 13))
	const truth, rounds = 2000, 1000
	held := 0
	for range rounds {
		var c TrueCount
		for i := range truth {
			if p := []float64{0.5, 0.1}[i%2]; rng.Float64() < p {
				c.Add(p)
			}
		}
		if e := c.Estimate(); e.Low <= truth && truth <= e.High {
			held++
		}
	}
	if share := float64(held) / rounds; share < 0.93 || share > 0.97 {
		t.Errorf("the interval held the truth in %.1f %% of %d rounds, want about 95 %%", 100*share, rounds)
	}
}

func TestUnknownRatesCountOnce(t *testing.T) {
	var c TrueCount
	for _, p := range []float64{0, 1, analyzer.UnknownRate, 0.25} {
		c.Add(p)
	}
	if e := c.Estimate(); e.Value != 7 || c.Seen != 4 || c.UnknownRate != 1 {
		t.Errorf("%+v gives %v, want 1 + 1 + 1 + 4", c, e)
	}
}

func TestProportionIsExact(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		// The ends solve P(X >= k) = 0.025 and P(X <= k) = 0.025; for none and all they are 1 - 0.025^(1/n) and its complement.
		{0, 10, 0, 1 - math.Pow(0.025, 0.1)}, {10, 10, math.Pow(0.025, 0.1), 1}, {0, 0, 0, 1}, {1, 2, 1 - math.Sqrt(0.975), math.Sqrt(0.975)},
	} {
		if e := Proportion(c.k, c.n); math.Abs(e.Low-c.low) > 1e-9 || math.Abs(e.High-c.high) > 1e-9 {
			t.Errorf("%d of %d: %v, want [%v, %v]", c.k, c.n, e, c.low, c.high)
		}
	}
}

// sampledCall is the trace of a call whose root, above the call itself, states how it was sampled.
func sampledCall(id int, state string) *analyzer.Trace {
	trace := call(1, 1000, 0.5, 1, 2, "m")
	inner := trace.Spans[0]
	inner.TraceID = analyzer.TraceID{}
	copy(inner.TraceID[:], fmt.Sprintf("trace%08d", id))
	root := inner
	root.ID, root.Name, root.TraceState, root.Kind = analyzer.SpanID{1}, "agent", state, analyzer.SpanKindInternal
	root.Attributes, root.Scope = nil, &analyzer.Scope{}
	inner.Parent = root.ID
	return analyzer.NewTrace([]analyzer.Span{root, inner})
}
