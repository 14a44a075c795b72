package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const second = int64(1e9)

// epoch is 2026-03-01 12:00:00 UTC.
const epoch = 1772366400 * second

type testSpan struct {
	trace, id, parent byte
	service, name     string
	start, end        float64 // seconds after epoch
	kind              analyzer.SpanKind
	failed            bool
	attributes        analyzer.Attributes
}

func text(key, value string) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.String(value)}
}
func num(key string, value float64) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Double(value)}
}
func count(key string, value int64) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Int(value)}
}

func spansOf(list []testSpan) []analyzer.Span {
	resources := map[string]*analyzer.Resource{}
	var spans []analyzer.Span
	for _, s := range list {
		if resources[s.service] == nil {
			resources[s.service] = &analyzer.Resource{Attributes: analyzer.Attributes{text("service.name", s.service)}}
		}
		span := analyzer.Span{
			TraceID: analyzer.TraceID{0: s.trace, 15: 1}, ID: analyzer.SpanID{7: s.id}, Name: s.name, Kind: s.kind,
			Start: epoch + int64(s.start*1e9), End: epoch + int64(s.end*1e9),
			Attributes: s.attributes, Resource: resources[s.service], Scope: &analyzer.Scope{},
		}
		if s.parent != 0 {
			span.Parent = analyzer.SpanID{7: s.parent}
		}
		if s.failed {
			span.Status = analyzer.StatusError
		}
		spans = append(spans, span)
	}
	return spans
}

// gatewayCalls are calls through a gateway to a vLLM server: five that wait longer and longer, one that fails.
func gatewayCalls() []testSpan {
	var list []testSpan
	for i := range 6 {
		at, queue := float64(i), 0.4*float64(i)
		trace := byte(i + 1)
		list = append(list,
			testSpan{trace: trace, id: 1, service: "gateway", name: "POST /v1/chat/completions", kind: analyzer.SpanKindServer,
				start: at, end: at + 1.3 + queue, failed: i == 5, attributes: analyzer.Attributes{text("http.request.method", "POST")}},
			testSpan{trace: trace, id: 2, parent: 1, service: "vllm", name: "llm_request", kind: analyzer.SpanKindServer,
				start: at + 0.1, end: at + 1.2 + queue, failed: i == 5,
				attributes: analyzer.Attributes{
					text("gen_ai.request.model", "llama-3.1-8b"),
					count("gen_ai.usage.prompt_tokens", 900), count("gen_ai.usage.completion_tokens", 21),
					num("gen_ai.latency.time_to_first_token", 0.3+queue), num("gen_ai.latency.time_in_queue", queue),
					num("gen_ai.latency.time_in_model_prefill", 0.28), num("gen_ai.latency.time_in_model_decode", 0.8),
				}},
		)
	}
	return list
}

// clientCalls are what a client's SDK knows: the first chunk, and nothing of the server.
func clientCalls() []testSpan {
	var list []testSpan
	for i := range 3 {
		at := float64(10 * i)
		list = append(list, testSpan{trace: byte(i + 1), id: 1, service: "agent", name: "chat gpt-4o", kind: analyzer.SpanKindClient,
			start: at, end: at + 2, attributes: analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", "gpt-4o"),
				{Key: "gen_ai.request.stream", Value: analyzer.Bool(true)},
				num("gen_ai.response.time_to_first_chunk", 0.5), count("gen_ai.usage.output_tokens", 31),
			}})
	}
	return list
}

// plainSpans hold no inference at all, and names that want to steer the terminal.
func plainSpans() []testSpan {
	return []testSpan{
		{trace: 1, id: 1, service: "shop", name: "GET /cart\x1b[31m\n", start: 0, end: 1, kind: analyzer.SpanKindServer},
		{trace: 1, id: 2, parent: 1, service: "db", name: "SELECT", start: 0.25, end: 0.75, kind: analyzer.SpanKindClient},
		{trace: 1, id: 3, parent: 9, service: "db", name: "lost", start: 0.25, end: 0.5},
	}
}

func tracesOf(spans []analyzer.Span) iter.Seq2[*analyzer.Trace, error] {
	return func(yield func(*analyzer.Trace, error) bool) {
		for t := range analyzer.GroupByTrace(spans) {
			if !yield(t, nil) {
				return
			}
		}
	}
}

func buildReport(t *testing.T, list []testSpan, o Options) *Report {
	t.Helper()
	o.Dialects = dialect.All
	if o.Targets == nil {
		o.Targets = Defaults()
	}
	if o.Source == "" {
		o.Source = "spans.json"
	}
	r, err := Build(tracesOf(spansOf(list)), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestReports(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []testSpan
		o     Options
	}{
		{"gateway", gatewayCalls(), Options{}},
		{"client", clientCalls(), Options{}},
		{"plain", plainSpans(), Options{LeftOut: func() []Warning {
			return []Warning{{Name: "open", Count: 2, Meaning: "traces that may still grow"}}
		}}},
		{"window", gatewayCalls(), Options{
			Window: population.Window{Since: epoch + second, Until: epoch + 6*second},
			Filter: population.Filter{Model: "llama-3.1-8b", Where: []population.Where{{Key: "http.request.method", Value: "POST"}}},
		}},
		{"nothing", nil, Options{Window: population.Window{Since: epoch}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := buildReport(t, c.spans, c.o)
			for _, f := range Formats {
				var b bytes.Buffer
				if err := f.Write(&b, r); err != nil {
					t.Fatal(err)
				}
				golden(t, c.name+"."+f.Name, b.Bytes())
			}
		})
	}
}

func TestReportIgnoresSpanOrder(t *testing.T) {
	want, err := json.Marshal(buildReport(t, gatewayCalls(), Options{}))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		list := gatewayCalls()
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got, err := json.Marshal(buildReport(t, list, Options{}))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("another order, another report:\n%s\nwant:\n%s", got, want)
		}
	}
}

// TestTextFitsItsLines holds the promise of the terminal answer for a report that has everything at once.
func TestTextFitsItsLines(t *testing.T) {
	guidellm, _ := DefinitionNamed("guidellm")
	r := buildReport(t, gatewayCalls(), Options{
		Source: strings.Repeat("file", 100), Definition: guidellm, Facts: population.Facts{"sampling": "0.0123"},
		Objectives: population.Objectives{TTFT: 1234e6, TPOT: 56e6, E2E: 98.7e9},
	})
	r.Requests.Running, r.SLO.Running, r.SLO.Unknown = 1, 100, 100
	for i := range r.Targets {
		r.Targets[i].Verdict = []string{VerdictFail, VerdictPass, VerdictUnknown}[i%3]
	}
	for i := range r.Phases {
		r.Phases[i].NotTrusted = true
		r.Quality.NotTrusted = append(r.Quality.NotTrusted, r.Phases[i].Phase)
	}
	r.NotApart = append(r.NotApart, NotApart{Phases: []analyzer.Phase{analyzer.Queue, analyzer.Prefill}, Requests: 1})
	for i := range 20 {
		r.Operations = append(r.Operations, Operation{Service: strings.Repeat("s", 300), Name: fmt.Sprint("op", i)})
		r.Quality.Doubts = append(r.Quality.Doubts, Doubt{Name: fmt.Sprint("w", i), Count: 1, Meaning: strings.Repeat("doubt ", 30), Remedy: "do", Discredits: true})
	}
	var b bytes.Buffer
	if err := WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > MaxTextLines {
		t.Errorf("%d lines, want at most %d:\n%s", len(lines), MaxTextLines, b.String())
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 140 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

func TestSharesOfAPathAddUpToOne(t *testing.T) {
	for _, list := range [][]testSpan{gatewayCalls(), clientCalls()} {
		r := buildReport(t, list, Options{})
		var e2e, ttft float64
		for _, p := range r.Phases {
			e2e, ttft = e2e+p.E2EShare, ttft+p.TTFTShare
		}
		for _, n := range r.NotApart {
			e2e, ttft = e2e+n.E2EShare, ttft+n.TTFTShare
		}
		if e2e < 1-1e-9 || e2e > 1+1e-9 || ttft < 1-1e-9 || ttft > 1+1e-9 {
			t.Errorf("shares add up to %v of E2E and %v of TTFT", e2e, ttft)
		}
	}
}

func TestBuildStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("disk on fire")
	n := 0
	_, err := Build(func(yield func(*analyzer.Trace, error) bool) {
		for t := range analyzer.GroupByTrace(spansOf(gatewayCalls())) {
			if n++; n == 3 {
				if yield(nil, broken) {
					panic("went on after an error")
				}
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}, Options{Dialects: dialect.All})
	if !errors.Is(err, broken) {
		t.Errorf("error = %v, want %v", err, broken)
	}
}

func TestRunningRequestsMakePercentilesLowerBounds(t *testing.T) {
	r := buildReport(t, gatewayCalls(), Options{Window: population.Window{Until: epoch + 6*second}})
	if r.Requests.Running == 0 || !r.Requests.Censored {
		t.Fatalf("requests = %+v, want some running at the window's end", r.Requests)
	}
	var b bytes.Buffer
	if err := WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), ">= ") {
		t.Errorf("percentiles are not marked as lower bounds:\n%s", b.String())
	}
}

// Requests that still run are probably the slow ones: what is known of the others bounds percentiles from below only.
func TestCensoringBeginsAboveOnePercent(t *testing.T) {
	// The calls run one after the other, for 1.3 of every 2 s; the window ends just before the last ones do.
	calls := func(n, running int) *Report {
		var list []testSpan
		for i := range n {
			call := gatewayCalls()[:2]
			at := 2 * float64(i)
			if i < running {
				at = 2*float64(n) - 1
			}
			for k := range call {
				call[k].trace = byte(i + 1)
				call[k].start, call[k].end = call[k].start+at, call[k].end+at
			}
			list = append(list, call...)
		}
		return buildReport(t, list, Options{Window: population.Window{Since: epoch, Until: epoch + 2*int64(n)*second}})
	}
	for _, c := range []struct {
		running  int
		censored bool
	}{{0, false}, {1, false}, {2, true}} {
		r := calls(100, c.running)
		e2e := r.Measures[2]
		if r.Requests.Running != c.running || r.Requests.Censored != c.censored || e2e.N != 100-c.running {
			t.Fatalf("%d running: %+v, E2E of %d", c.running, r.Requests, e2e.N)
		}
		if p95 := e2e.Quantiles[1]; (p95.High == nil) != c.censored || p95.Low == nil {
			t.Errorf("%d running: p95 %+v", c.running, p95)
		}
		for _, target := range r.Targets {
			if target.Name == "e2e-p95" && (target.Verdict == VerdictPass) == c.censored {
				t.Errorf("%d running: %+v", c.running, target)
			}
		}
	}
}

func TestDurationHasThreeDigits(t *testing.T) {
	for _, c := range []struct {
		ns   float64
		want string
	}{
		{0, "0 ns"}, {7, "7.00 ns"}, {999, "999 ns"}, {999.6, "1.00 us"}, {1500, "1.50 us"}, {27.75e6, "27.8 ms"},
		{999.7e6, "1.00 s"}, {1.0204e9, "1.02 s"}, {28.04e9, "28.0 s"}, {99.96e9, "100 s"}, {150e9, "2.50 min"}, {3 * 3600e9, "3.00 h"}, {-5e6, "-5.00 ms"},
	} {
		if got := Duration(c.ns); got != c.want {
			t.Errorf("Duration(%v) = %q, want %q", c.ns, got, c.want)
		}
	}
}

func TestPercentIsNeverZeroForSomething(t *testing.T) {
	for _, c := range []struct {
		share float64
		want  string
	}{{0, "0.0 %"}, {1e-9, "<0.1 %"}, {-1e-9, ">-0.1 %"}, {0.0006, "0.1 %"}, {0.675, "67.5 %"}, {1, "100.0 %"}} {
		if got := Percent(c.share); got != c.want {
			t.Errorf("Percent(%v) = %q, want %q", c.share, got, c.want)
		}
	}
}

func TestCountGroupsDigits(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestEveryWarningOfTheAnalyzerHasAMeaning(t *testing.T) {
	for _, list := range [][]analyzer.WarningMeaning{analyzer.AssemblyWarnings, analyzer.RequestWarnings} {
		for _, w := range list {
			if meaning(w.Name) == "" {
				t.Errorf("%s has no meaning", w.Name)
			}
		}
	}
	names := map[string]bool{}
	for _, w := range slices.Concat(analyzer.AssemblyWarnings, analyzer.RequestWarnings) {
		if names[w.Name] {
			t.Errorf("%s stands in two lists", w.Name)
		}
		names[w.Name] = true
	}
}

// The line below the core phases says what the rest of both ledgers is, without a word for each trifle.
func TestTheRestOfBothLedgersIsOneLine(t *testing.T) {
	r := &Report{
		Phases: []Phase{
			{Phase: analyzer.Frontend, TTFTShare: 0.6, E2EShare: 0.02},
			{Phase: analyzer.Stream, E2EShare: 0.0001},
			{Phase: analyzer.Network, TTFTShare: 0.0002, E2EShare: 0.0001},
		},
		NotApart: []NotApart{{Phases: []analyzer.Phase{analyzer.Decode, analyzer.Stream}, E2EShare: 0.5}},
	}
	var a answer
	textPhases(&a, r)
	var b bytes.Buffer
	if err := a.writeTo(&b); err != nil {
		t.Fatal(err)
	}
	want := "  the rest     frontend 60.0 % of TTFT, 2.0 % of E2E; decode + stream (not separable) 50.0 % of E2E; 2 more under 0.1 % each\n"
	if !strings.HasSuffix(b.String(), want) {
		t.Errorf("got\n%s\nwant at its end\n%s", &b, want)
	}
}
