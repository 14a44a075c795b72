package fault

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

func scenario(t testing.TB, text string, o Options) *sim.Run {
	t.Helper()
	injections, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return simulate(t, injections, -1, o)
}

// simulate runs a scenario with all injections but the mended one.
func simulate(t testing.TB, injections []Injection, mended int, o Options) *sim.Run {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = 3
	}
	if o.Length == 0 {
		o.Length = 40 * second
	}
	s, err := NewScenario(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.InjectAllBut(injections, mended); err != nil {
		t.Fatal(err)
	}
	run, err := s.Run()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// phases are the mean ns of each phase on the path to the first token, and on that to the last.
func phases(run *sim.Run) (ttft, e2e [analyzer.NumPhases]float64) {
	n := float64(len(run.Requests))
	for i := range run.Requests {
		first, last := sim.ByPhase(run.Requests[i].FirstTokenLedger()), sim.ByPhase(run.Requests[i].Ledger())
		for p := range first {
			ttft[p], e2e[p] = ttft[p]+float64(first[p])/n, e2e[p]+float64(last[p])/n
		}
	}
	return ttft, e2e
}

// A fault must make the phase of its label longer than the same system is when it is mended, and more of the difference
// must be there than in any other phase of its path: to the first token for what comes before it, else, and for answers in one
// piece, to the last.
func TestFaultsLengthenThePhaseOfTheirLabel(t *testing.T) {
	for _, f := range Faults {
		if f.Label.Phase == analyzer.Unattributed {
			continue
		}
		injection := []Injection{{f, f.Default}}
		broken := simulate(t, injection, -1, Options{Length: 100 * second})
		beforeFirst, beforeLast := phases(simulate(t, injection, 0, Options{Length: 100 * second}))
		afterFirst, afterLast := phases(broken)
		before, after := beforeFirst, afterFirst
		if p := f.Label.Phase; p == analyzer.Decode || p == analyzer.Stream || broken.Requests[0].Whole {
			before, after = beforeLast, afterLast
		}
		most, at := math.Inf(-1), analyzer.Unattributed
		for p := range after {
			if d := after[p] - before[p]; d > most {
				most, at = d, analyzer.Phase(p)
			}
		}
		t.Logf("%-20s %-13s %+10.1f ms; most in %s: %+.1f ms", f.Name, f.Label.Phase, (after[f.Label.Phase]-before[f.Label.Phase])/1e6, at, most/1e6)
		if at != f.Label.Phase || most < 10e6 {
			t.Errorf("%s: labelled %s, but most of the difference is %.1f ms in %s", f.Name, f.Label.Phase, most/1e6, at)
		}
	}
}

// Healthy systems meet the default targets: TTFT p50 < 0.5 s, p95 < 1 s, p99 < 2 s; mean TPOT < 50 ms; E2E p95 < 10 s
// unless answers are long by design.
func TestHealthySystemsMeetTheirTargets(t *testing.T) {
	for _, shape := range Shapes {
		for _, f := range slices.Concat(healthy, alsoHealthy, alsoMixed, alsoRenewed) {
			run := scenario(t, f.Name, Options{Workload: shape.Name})
			var ttft, e2e []float64
			var tpot float64
			for i := range run.Requests {
				r := &run.Requests[i]
				ttft, e2e = append(ttft, float64(r.TTFT())), append(e2e, float64(r.E2E()))
				tpot += float64(r.Last.Read-r.First.Read) / float64(max(1, r.Output-1)) / float64(len(run.Requests))
			}
			slices.Sort(ttft)
			slices.Sort(e2e)
			at := func(list []float64, p float64) float64 { return list[int(math.Ceil(p*float64(len(list))))-1] / 1e6 }
			t.Logf("%-10s %-20s n %5d, TTFT p50 %4.0f p95 %4.0f p99 %4.0f ms, TPOT %5.1f ms, E2E p95 %6.0f ms", shape.Name, f.Name, len(ttft),
				at(ttft, 0.5), at(ttft, 0.95), at(ttft, 0.99), tpot/1e6, at(e2e, 0.95))
			if at(ttft, 0.5) >= 500 || at(ttft, 0.95) >= 1000 || at(ttft, 0.99) >= 2000 || tpot >= 50e6 {
				t.Errorf("%s, %s: misses a target", shape.Name, f.Name)
			}
			if f.Name != "healthy-long-output" && shape.Name != "writing" && at(e2e, 0.95) >= 10_000 {
				t.Errorf("%s, %s: E2E p95 is %.0f ms", shape.Name, f.Name, at(e2e, 0.95))
			}
		}
	}
}

// Mending a fault that is not the load itself leaves the very same requests: so what it costs can be measured request by
// request.
func TestMendingLeavesTheRequestsAlone(t *testing.T) {
	loads := []string{"overload", "burst", "long-prompts", "long-prompts-alone", "long-output", "late-replica", "batch-job", "runaway-answers"}
	for _, f := range slices.Concat(slow, rare, further, production, operations, field) {
		if slices.Contains(loads, f.Name) {
			continue
		}
		a, b := simulate(t, []Injection{{f, f.Default}}, 0, Options{}), simulate(t, []Injection{{f, f.Default}}, -1, Options{})
		if len(a.Requests) != len(b.Requests) {
			t.Errorf("%s: %d requests, mended %d", f.Name, len(b.Requests), len(a.Requests))
			continue
		}
		for i := range a.Requests {
			if p, q := &a.Requests[i], &b.Requests[i]; p.Due != q.Due || p.Prompt != q.Prompt || p.Output != q.Output || p.Chances != q.Chances {
				t.Fatalf("%s: request %d has %d and %d tokens, mended %d and %d", f.Name, i, q.Prompt, q.Output, p.Prompt, p.Output)
			}
		}
	}
}

// Every fault runs at both ends of its range and leaves every request with an end.
func TestFaultsRunOverTheirRange(t *testing.T) {
	for _, f := range Faults {
		for _, x := range []float64{f.Low, f.High} {
			i := Injection{f, x}
			s, err := NewScenario(Options{Seed: 5, Length: 10 * second})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Inject([]Injection{i}); err != nil {
				t.Errorf("%s: %v", i, err)
				continue
			}
			run, err := s.Run()
			if err != nil || len(run.Requests) == 0 {
				t.Errorf("%s: %d requests, %v", i, len(run.Requests), err)
				continue
			}
			for k := range run.Requests {
				if run.Requests[k].ClientEnd == 0 {
					t.Fatalf("%s: request %d has no end", i, k)
				}
			}
			if f.Unit == "" {
				break
			}
		}
	}
}

func TestListIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults {
		switch {
		case seen[f.Name], f.Doc == "", len(f.Backends) == 0, f.apply == nil, strings.ContainsAny(f.Name, "@+ "):
			t.Errorf("%q is there twice or lacks something", f.Name)
		case f.Unit != "" && (f.Default < f.Low || f.Default > f.High):
			t.Errorf("%s: its default %g is not from %g to %g", f.Name, f.Default, f.Low, f.High)
		case (len(f.Label.Rules) == 0) != strings.HasPrefix(f.Name, "healthy"):
			t.Errorf("%s: healthy systems have no label, and nothing else", f.Name)
		case len(f.Label.Rules) > 0 && !f.Label.Abstain && f.Label.Phase == analyzer.Unattributed:
			t.Errorf("%s: its label has no phase", f.Name)
		}
		seen[f.Name] = true
	}
}

func TestParse(t *testing.T) {
	list, err := Parse("slow-network@120.5 + kv-squeeze")
	if err != nil || len(list) != 2 || list[0].String() != "slow-network@120.5" || list[1].String() != "kv-squeeze@0.6" {
		t.Errorf("got %v, %v", list, err)
	}
	for text, want := range map[string]string{
		"":                         `fault "" is unknown`,
		"slow-netwrk":              "did you mean slow-network?",
		"gremlins":                 "tracegen --faults lists them",
		"slow-network@":            `intensity "" is not a number of ms`,
		"slow-network@NaN":         "is not a number of ms",
		"slow-network@-1":          "must be 1 to 5000 ms",
		"healthy@3":                "has no intensity",
		"pause+pause@100":          `"pause" is there twice`,
		"slow-network@1e9":         "must be 1 to 5000 ms",
		"slow-network@100+nothing": `fault "nothing" is unknown`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("slow-network@120.5+kv-squeeze")
	f.Add("pause@")
	f.Add("@+@")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			return
		}
		var names []string
		for _, i := range list {
			if i.Fault.Unit != "" && !(i.Intensity >= i.Fault.Low && i.Intensity <= i.Fault.High) {
				t.Fatalf("%q gave %v", text, i)
			}
			if i.Fault.Unit == "" {
				names = append(names, i.Fault.Name)
				continue
			}
			names = append(names, i.String())
		}
		again, err := Parse(strings.Join(names, "+"))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q is not read as it is written: %v", strings.Join(names, "+"), err)
		}
	})
}

// What a fault leaves when it is mended is what its system was before; of several, none is left.
func TestLoadsOfFaultsComeWithoutThem(t *testing.T) {
	for _, text := range []string{"sync-generate@0.6", "kv-squeeze@0.6", "skewed-router@4", "slow-network@300+small-chunk@48"} {
		injections, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		before, err := NewScenario(Options{Seed: 3, Length: 40 * second})
		if err != nil {
			t.Fatal(err)
		}
		if err := before.InjectLoads(injections); err != nil {
			t.Fatal(err)
		}
		run, err := before.Run()
		if err != nil {
			t.Fatal(err)
		}
		mended := simulate(t, injections[:1], 0, Options{})
		if len(injections) > 1 {
			mended = simulate(t, injections[1:], 0, Options{}) // the first one has no load of its own
		}
		if len(run.Requests) != len(mended.Requests) {
			t.Errorf("%s: %d requests, mended %d", text, len(run.Requests), len(mended.Requests))
			continue
		}
		for i := range run.Requests {
			if a, b := &run.Requests[i], &mended.Requests[i]; a.Due != b.Due || a.ClientEnd != b.ClientEnd {
				t.Fatalf("%s: request %d ends at %d, mended at %d", text, i, a.ClientEnd, b.ClientEnd)
			}
		}
	}
}
