package population

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

const second = int64(1e9)

// call is a trace of one vLLM call that waits, prefills and decodes for the given seconds.
func call(id int, start, queue, prefill, decode float64, model string) *analyzer.Trace {
	ns := func(seconds float64) int64 { return int64(seconds * 1e9) }
	root := analyzer.Span{
		TraceID: analyzer.TraceID{15: byte(id)}, ID: analyzer.SpanID{7: byte(id)},
		Name: "llm_request", Kind: analyzer.SpanKindServer,
		Start: ns(start), End: ns(start + queue + prefill + decode),
		Resource: &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String("engine")},
			{Key: "zone", Value: analyzer.String("b")},
		}},
		Scope: &analyzer.Scope{Name: "vllm.llm_engine"},
		Attributes: analyzer.Attributes{
			{Key: "gen_ai.request.model", Value: analyzer.String(model)},
			{Key: "tenant", Value: analyzer.Int(int64(id % 2))},
			{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(11)},
			{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(queue + prefill)},
			{Key: "gen_ai.latency.time_in_queue", Value: analyzer.Double(queue)},
			{Key: "gen_ai.latency.time_in_model_prefill", Value: analyzer.Double(prefill)},
			{Key: "gen_ai.latency.time_in_model_decode", Value: analyzer.Double(decode)},
		},
	}
	return analyzer.NewTrace([]analyzer.Span{root})
}

func calls() []*analyzer.Trace {
	var list []*analyzer.Trace
	for i := range 40 {
		list = append(list, call(i+1, float64(100+i), 0.5, 1, 2, fmt.Sprintf("model-%d", i%3)))
	}
	return list
}

func build(w Window, f Filter, traces []*analyzer.Trace) *Population {
	b := NewBuilder(w, f, dialect.All)
	for _, t := range traces {
		b.Add(t)
	}
	return b.Population()
}

func equal(t *testing.T, got, want *Population) {
	t.Helper()
	text := func(p *Population) []string {
		var names []string
		for i := range p.Records {
			names = append(names, p.Text(p.Records[i].Model), p.Text(p.Records[i].Service), p.Text(p.Records[i].Dialect))
		}
		return names
	}
	codes := cmpopts.IgnoreFields(Record{}, "Model", "Service", "Instance", "Dialect", "PrefillInstance", "attributes")
	unexported := cmp.AllowUnexported(Record{}, PhaseTime{})
	if d := cmp.Diff(want, got, codes, unexported, cmpopts.IgnoreUnexported(Population{})); d != "" {
		t.Errorf("populations differ (-want +got):\n%s", d)
	}
	if d := cmp.Diff(text(want), text(got)); d != "" {
		t.Errorf("names differ (-want +got):\n%s", d)
	}
}

func TestPopulationIgnoresTraceOrder(t *testing.T) {
	want := build(Window{}, Filter{}, calls())
	traces := calls()
	rng := rand.New(rand.NewPCG(3, 4))
	rng.Shuffle(len(traces), func(i, j int) { traces[i], traces[j] = traces[j], traces[i] })
	equal(t, build(Window{}, Filter{}, traces), want)
}

func TestMergedBuildersEqualOne(t *testing.T) {
	want := build(Window{}, Filter{}, calls())
	parts := [3]*Builder{}
	for i := range parts {
		parts[i] = NewBuilder(Window{}, Filter{}, dialect.All)
	}
	for i, trace := range calls() {
		parts[i*7%3].Add(trace)
	}
	parts[0].Merge(parts[1])
	parts[0].Merge(parts[2])
	equal(t, parts[0].Population(), want)
}

func TestRequestBelongsToTheWindowOfItsStart(t *testing.T) {
	p := build(Window{Since: 110 * second, Until: 120 * second}, Filter{}, calls())
	if len(p.Records) != 10 || p.Traces != 10 || p.Spans != 10 {
		t.Fatalf("got %d requests of %d traces with %d spans, want 10 each", len(p.Records), p.Traces, p.Spans)
	}
	if first, last := p.Records[0].Start, p.Records[9].Start; first != 110*second || last != 119*second {
		t.Errorf("requests start from %d to %d", first, last)
	}
	if p.PathTime != 35*second {
		t.Errorf("critical paths take %d ns, want 10 x 3.5 s", p.PathTime)
	}
}

func TestTraceWithoutRequestsBelongsToTheWindowOfItsRoot(t *testing.T) {
	plain := analyzer.NewTrace([]analyzer.Span{{
		TraceID: analyzer.TraceID{1}, ID: analyzer.SpanID{1}, Name: "GET /users", Start: 5 * second, End: 6 * second,
		Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{},
	}})
	if p := build(Window{Since: second, Until: 6 * second}, Filter{}, []*analyzer.Trace{plain}); p.Traces != 1 || len(p.Operations) != 1 {
		t.Errorf("inside the window: %d traces, %d operations", p.Traces, len(p.Operations))
	}
	if p := build(Window{Since: 6 * second}, Filter{}, []*analyzer.Trace{plain}); p.Traces != 0 {
		t.Errorf("before the window: %d traces", p.Traces)
	}
	if p := build(Window{}, Filter{Model: "m"}, []*analyzer.Trace{plain}); p.Traces != 0 {
		t.Errorf("a filter on requests kept a trace without any")
	}
}

func TestFilterNarrowsRequests(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter Filter
		want   int
	}{
		{"service", Filter{Service: "engine"}, 40},
		{"other service", Filter{Service: "gateway"}, 0},
		{"model", Filter{Model: "model-0"}, 14},
		{"attribute, an integer", Filter{Where: []Where{{"tenant", "1"}}}, 20},
		{"resource attribute", Filter{Where: []Where{{"zone", "b"}}}, 40},
		{"both must hold", Filter{Model: "model-0", Where: []Where{{"tenant", "1"}, {"zone", "a"}}}, 0},
		{"no such attribute", Filter{Where: []Where{{"nothing", ""}}}, 0},
	} {
		if got := len(build(Window{}, c.filter, calls()).Records); got != c.want {
			t.Errorf("%s: %d requests, want %d", c.name, got, c.want)
		}
	}
}

func TestRecordsKeepTheLedger(t *testing.T) {
	p := build(Window{}, Filter{}, calls())
	for i := range p.Records {
		r := &p.Records[i]
		var e2e, ttft int64
		for _, pt := range r.Phases() {
			e2e, ttft = e2e+pt.E2E, ttft+pt.TTFT
		}
		if want, ok := r.TTFT(); e2e != r.E2E() || !ok || ttft != want {
			t.Fatalf("phases take %d of E2E %d, %d of TTFT %d", e2e, r.E2E(), ttft, want)
		}
		if tpot, ok := r.TPOT(); !ok || tpot != 0.2e9 {
			t.Errorf("TPOT = %v, %v; want 2 s / 10 tokens", tpot, ok)
		}
	}
}

func TestOperationsAddUpToThePaths(t *testing.T) {
	p := build(Window{}, Filter{}, calls())
	var self int64
	for _, op := range p.Operations {
		self += op.Self
	}
	if self != p.PathTime || p.PathTime != 40*35*second/10 {
		t.Errorf("operations take %d ns, paths %d ns, want %d", self, p.PathTime, 40*35*second/10)
	}
	if !slices.IsSortedFunc(p.Operations, func(a, b Operation) int { return int(b.Self - a.Self) }) {
		t.Error("operations are not sorted by their time")
	}
}
