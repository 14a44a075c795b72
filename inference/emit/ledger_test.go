package emit_test

import (
	"math"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/sim"
)

const second = int64(1e9)

// run is a busy server: waits for slots, slow tokenizing, a slow network.
func run(t testing.TB, change func(*sim.Config)) *sim.Run {
	t.Helper()
	c := sim.NewConfig(sim.Llama8B, sim.H100)
	c.KeepTokens = true
	c.Engine.Slots = 12
	c.Server.TokenizeToken = 20_000
	c.Network.Delay = 10_000_000
	if change != nil {
		change(&c)
	}
	r, err := sim.Simulate(c, sim.Workload{Length: 20 * second, Streams: []sim.Stream{{
		Name: "chat", Arrivals: arrival.Poisson(8), Prefixes: 3, PrefixTokens: 200,
		Prompt: sim.Tokens{Median: 800, Sigma: 0.8, Low: 16, High: 6000}, Output: sim.Tokens{Median: 120, Sigma: 0.7, Low: 2, High: 700},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Requests) < 100 {
		t.Fatalf("only %d requests", len(r.Requests))
	}
	return r
}

// analyzed returns what the analyzer reads of each request, in the order of the run.
func analyzed(t testing.TB, r *sim.Run, d emit.Dialect, o emit.Options) []*analyzer.Request {
	t.Helper()
	list := make([]*analyzer.Request, len(r.Requests))
	o.Truth = true
	for spans := range emit.Traces(r, d, o) {
		due, is := spans[0].Attributes.Number("slowtoken.truth.start")
		requests, _ := analyzer.Requests(analyzer.NewTrace(spans), dialect.All)
		if !is {
			continue
		}
		i, found := slices.BinarySearchFunc(r.Requests, due, func(q sim.Request, due float64) int { return int(float64(q.Due) - due) })
		if !found || len(requests) != 1 {
			t.Fatalf("%s: %d requests in the trace of one", d.Name, len(requests))
		}
		list[i] = &requests[0]
	}
	return list
}

// carried are the phases of the path to the last token that each dialect can carry, and those of the path to the first.
var carried = map[string]struct{ e2e, ttft []analyzer.Phase }{
	"vllm": {
		[]analyzer.Phase{analyzer.Queue, analyzer.Prefill, analyzer.Decode, analyzer.Network, analyzer.Gateway},
		[]analyzer.Phase{analyzer.Queue, analyzer.Prefill},
	},
	"sglang": {
		[]analyzer.Phase{analyzer.Queue, analyzer.Tokenize, analyzer.Prefill, analyzer.Decode, analyzer.Network, analyzer.Gateway, analyzer.Frontend},
		[]analyzer.Phase{analyzer.Queue, analyzer.Tokenize, analyzer.Prefill},
	},
	"tgi": {
		[]analyzer.Phase{analyzer.Queue, analyzer.Tokenize, analyzer.Prefill, analyzer.Decode, analyzer.Network, analyzer.Gateway},
		[]analyzer.Phase{analyzer.Queue, analyzer.Tokenize, analyzer.Prefill},
	},
	"triton": {e2e: []analyzer.Phase{analyzer.Queue, analyzer.GPUTransfer}},
	"tensorrt-llm": {
		[]analyzer.Phase{analyzer.Queue, analyzer.Prefill, analyzer.Decode, analyzer.Network, analyzer.Gateway},
		[]analyzer.Phase{analyzer.Queue, analyzer.Prefill},
	},
	"llama.cpp": {
		[]analyzer.Phase{analyzer.Prefill, analyzer.Decode, analyzer.Network, analyzer.Gateway},
		[]analyzer.Phase{analyzer.Prefill},
	},
	"vercel-ai-sdk":        {},
	"openinference":        {},
	"openinference-python": {},
	"openllmetry":          {},
	"openllmetry-python":   {},
	"otel-genai":           {},
	"otel-genai-chunk":     {},
	"ollama-openllmetry":   {e2e: []analyzer.Phase{analyzer.Prefill, analyzer.Decode}},
	"slowtoken":            {e2e: analyzer.Phases[:], ttft: analyzer.CorePhases[:]},
}

// What a dialect can carry arrives within 2 ms or 2 % of the truth, on average over the requests.
func TestCarriedPhasesAgreeWithTruth(t *testing.T) {
	plain, copies := run(t, nil), run(t, func(c *sim.Config) { c.Engine.CopyPerToken = 1e6 })
	for _, d := range emit.Dialects {
		if _, said := carried[d.Name]; !said {
			t.Errorf("%s: it is not said what it can carry", d.Name)
		}
		r := plain
		if slices.Contains(carried[d.Name].e2e, analyzer.GPUTransfer) {
			r = copies // which the others book as prefill
		}
		requests := analyzed(t, r, d, emit.Options{})
		for _, path := range []struct {
			name   string
			phases []analyzer.Phase
			truth  func(*sim.Request) []sim.Stretch
			read   func(*analyzer.Request) analyzer.Ledger
		}{
			{"e2e", carried[d.Name].e2e, (*sim.Request).Ledger, func(q *analyzer.Request) analyzer.Ledger { return q.E2ELedger }},
			{"ttft", carried[d.Name].ttft, (*sim.Request).FirstTokenLedger, func(q *analyzer.Request) analyzer.Ledger { return q.TTFTLedger }},
		} {
			for _, p := range path.phases {
				var off, sum float64
				for i := range r.Requests {
					if requests[i] == nil {
						t.Fatalf("%s: request %d is lost", d.Name, i)
					}
					truth := sim.ByPhase(path.truth(&r.Requests[i]))[p]
					sum += float64(truth)
					off += math.Abs(float64(path.read(requests[i]).ByPhase()[p] - truth))
				}
				n := float64(len(r.Requests))
				t.Logf("%-22s %-5s %-12s mean %9.3f ms, off by %7.3f ms", d.Name, path.name, p, sum/n/1e6, off/n/1e6)
				if off/n > max(2e6, 0.02*sum/n) {
					t.Errorf("%s: %s of %s is off by %.3f ms of %.3f ms", d.Name, p, path.name, off/n/1e6, sum/n/1e6)
				}
			}
		}
	}
}

// Every dialect's requests last as long as the truth: the callers' spans around them say so.
func TestExtentsAgreeWithTruth(t *testing.T) {
	r := run(t, nil)
	for _, d := range emit.Dialects {
		for i, q := range analyzed(t, r, d, emit.Options{}) {
			if off := q.E2E() - r.Requests[i].E2E(); off < -1e6 || off > 1e6 {
				t.Fatalf("%s: request %d lasts %d ns, in truth %d", d.Name, i, q.E2E(), r.Requests[i].E2E())
			}
			if ttft, ok := q.TTFT(); ok && ttft > r.Requests[i].TTFT()+1e6 {
				t.Fatalf("%s: request %d has its first token after %d ns, in truth %d", d.Name, i, ttft, r.Requests[i].TTFT())
			}
		}
	}
}

// Attempts that failed are phase retry where each is a span of its own, and loading is model_load where somebody states
// it; what copies weights to the device is part of it there.
func TestRetriesAndLoadsAgreeWithTruth(t *testing.T) {
	retried := run(t, func(c *sim.Config) { c.Retry.Share = 0.3 })
	cold := run(t, func(c *sim.Config) { c.Load = sim.Load{Disk: 4e9, Base: second, KeepAlive: second / 10} })
	for _, test := range []struct {
		dialect string
		run     *sim.Run
		read    analyzer.Phase
		truth   []analyzer.Phase
	}{
		{"otel-genai", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"otel-genai-chunk", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"openinference-python", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"openllmetry-python", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"vercel-ai-sdk", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"ollama-openllmetry", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"slowtoken", retried, analyzer.Retry, []analyzer.Phase{analyzer.Retry}},
		{"ollama-openllmetry", cold, analyzer.ModelLoad, []analyzer.Phase{analyzer.ModelLoad, analyzer.GPUTransfer}},
		{"slowtoken", cold, analyzer.ModelLoad, []analyzer.Phase{analyzer.ModelLoad}},
	} {
		d, err := emit.ByName(test.dialect)
		if err != nil {
			t.Fatal(err)
		}
		var off, sum float64
		for i, q := range analyzed(t, test.run, d, emit.Options{}) {
			var truth int64
			for _, p := range test.truth {
				truth += sim.ByPhase(test.run.Requests[i].Ledger())[p]
			}
			sum += float64(truth)
			off += math.Abs(float64(q.E2ELedger.ByPhase()[test.read] - truth))
		}
		n := float64(len(test.run.Requests))
		t.Logf("%-22s %-10s mean %8.1f ms, off by %.3f ms", d.Name, test.read, sum/n/1e6, off/n/1e6)
		if sum == 0 || off/n > max(2e6, 0.02*sum/n) {
			t.Errorf("%s: %s is off by %.3f ms of %.3f ms", d.Name, test.read, off/n/1e6, sum/n/1e6)
		}
	}
}
