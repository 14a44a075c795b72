package report

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/synth"
)

// agentTurn is an agent that asks a model, runs two tools, and asks again.
func agentTurn() []testSpan {
	chat := func(id byte, start, end float64, in, out int64) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "agent", name: "chat gpt-4o", kind: analyzer.SpanKindClient,
			start: start, end: end, attributes: analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.request.model", "gpt-4o"),
				{Key: "gen_ai.request.stream", Value: analyzer.Bool(true)}, num("gen_ai.response.time_to_first_chunk", 0.5),
				count("gen_ai.usage.input_tokens", in), count("gen_ai.usage.output_tokens", out),
			}}
	}
	tool := func(id byte, name string, start, end float64) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "agent", name: "execute_tool " + name, start: start, end: end,
			attributes: analyzer.Attributes{text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", name)}}
	}
	return []testSpan{
		{trace: 1, id: 1, service: "agent", name: "invoke_agent planner", start: 0, end: 6,
			attributes: analyzer.Attributes{text("gen_ai.operation.name", "invoke_agent")}},
		chat(2, 0.25, 2, 900, 41),
		tool(3, "weather", 2.1, 2.4),
		tool(4, "flights", 2.1, 4),
		{trace: 1, id: 5, parent: 4, service: "booking", name: "GET /flights", kind: analyzer.SpanKindServer, start: 2.3, end: 3.9, failed: true},
		chat(6, 4, 6, 1400, 80),
	}
}

// brokenTrace holds what assembly has to repair, and no request.
func brokenTrace() []testSpan {
	return []testSpan{
		{trace: 1, id: 1, service: "shop", name: "GET /cart", start: 0, end: 2, kind: analyzer.SpanKindServer},
		{trace: 1, id: 2, parent: 1, service: "shop", name: "publish", start: 0.5, end: 1, kind: analyzer.SpanKindProducer},
		{trace: 1, id: 3, parent: 2, service: "worker", name: "consume", start: 0.7, end: 1.8, kind: analyzer.SpanKindConsumer},
		{trace: 1, id: 4, parent: 1, service: "db", name: "SELECT", start: 1, end: 2.5, kind: analyzer.SpanKindClient},
		{trace: 1, id: 5, parent: 99, service: "cache", name: "lost", start: 2.25, end: 2.75},
		{trace: 1, id: 6, parent: 7, service: "ring", name: "a", start: 3, end: 3.5},
		{trace: 1, id: 7, parent: 6, service: "ring", name: "b", start: 3.1, end: 3.4},
		{trace: 1, id: 8, parent: 8, service: "self", name: "ouroboros", start: 3.5, end: 4},
		{trace: 1, id: 4, parent: 1, service: "db", name: "SELECT", start: 1, end: 2.5, kind: analyzer.SpanKindClient},
	}
}

// retriedCall fails once, waits and succeeds, with no span around both but the service's.
func retriedCall() []testSpan {
	call := func(id byte, start, end float64, failed bool) testSpan {
		return testSpan{trace: 1, id: id, parent: 1, service: "app", name: "chat gpt-4o", kind: analyzer.SpanKindClient,
			start: start, end: end, failed: failed, attributes: analyzer.Attributes{
				text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", "gpt-4o"), count("gen_ai.usage.input_tokens", 12),
			}}
	}
	return []testSpan{
		{trace: 1, id: 1, service: "app", name: "job", start: 0, end: 5},
		call(2, 1, 2, true), call(3, 2.5, 4.5, false),
	}
}

// manySpans is a trace of n spans: some of them in chains, some side by side.
func manySpans(n int) []testSpan {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	list := []testSpan{{trace: 1, id: 1, service: "root", name: "root", start: 0, end: 100}}
	for i := 1; i < n && i < 250; i++ {
		parent := list[rng.IntN(len(list))]
		if rng.IntN(2) == 0 {
			parent = list[len(list)-1]
		}
		start := parent.start + rng.Float64()*(parent.end-parent.start)/2
		list = append(list, testSpan{trace: 1, id: byte(i + 1), parent: parent.id, service: fmt.Sprint("s", rng.IntN(3)), name: fmt.Sprint("op", i),
			start: start, end: start + rng.Float64()*(parent.end-start)*1.1})
	}
	return list
}

func viewOf(list []testSpan) *TraceView {
	return ViewTrace(analyzer.NewTrace(spansOf(list)), dialect.All)
}

// someTraces are views of all shapes: the ones above, and generated ones of gateways, engines, agents and retries.
func someTraces(t *testing.T) []*TraceView {
	t.Helper()
	views := []*TraceView{
		viewOf(gatewayCalls()[2:4]), viewOf(agentTurn()), viewOf(brokenTrace()), viewOf(retriedCall()), viewOf(plainSpans()), viewOf(manySpans(200)),
	}
	var spans []analyzer.Span
	for batch := range synth.Corpus(synth.CorpusOptions{Seed: 7, Traces: 60, End: epoch}) {
		spans = append(spans, batch...)
	}
	for trace := range analyzer.GroupByTrace(spans) {
		views = append(views, ViewTrace(trace, dialect.All))
	}
	if len(views) < 30 {
		t.Fatalf("%d traces, want more to look at", len(views))
	}
	return views
}

var tracePrinters = []struct {
	name  string
	write func(io.Writer, *TraceView) error
}{
	{"text", func(w io.Writer, v *TraceView) error { return WriteTraceText(w, v, TraceText{}) }},
	{"json", WriteTraceJSON},
	{"jsonl", func(w io.Writer, v *TraceView) error { return WriteTraceLine(w, &v.TraceLine) }},
	{"perfetto", WriteTracePerfetto},
}

func printed(t *testing.T, write func(io.Writer, *TraceView) error, v *TraceView) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTraces(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []testSpan
	}{
		{"gateway", gatewayCalls()[2:4]},
		{"agent", agentTurn()},
		{"broken", brokenTrace()},
		{"retried", retriedCall()},
		{"plain", plainSpans()},
	} {
		for _, p := range tracePrinters {
			t.Run(c.name+"."+p.name, func(t *testing.T) {
				golden(t, "trace/"+c.name+"."+p.name, printed(t, p.write, viewOf(c.spans)))
			})
		}
	}
}

func TestSectionsSayThePhaseThatHoldsMost(t *testing.T) {
	for _, v := range someTraces(t) {
		for i := range v.CriticalPath {
			at := &v.CriticalPath[i]
			var ns [analyzer.NumPhases]int64
			now := at.Start
			for _, p := range at.Parts {
				if p.Start != now {
					t.Fatalf("trace %s: a part starts at %d, want %d", v.TraceID, p.Start, now)
				}
				now = p.End
				ns[p.Phase] += p.End - p.Start
			}
			if now != at.End || ns[at.Phase] != slices.Max(ns[:]) {
				t.Errorf("trace %s, section %d: phase %s of %v", v.TraceID, i, at.Phase, at.Parts)
			}
		}
	}
}

func TestRowsKeepToTheirLimit(t *testing.T) {
	for _, v := range someTraces(t) {
		for _, most := range []int{1, 2, 5, 20, 150, 100000, 0} {
			rows, leftOut := v.Rows(most)
			if len(rows)+leftOut != len(v.Tree) || most > 0 && len(rows) != min(most, len(v.Tree)) || most == 0 && leftOut > 0 {
				t.Fatalf("%d rows and %d left out of %d with a limit of %d", len(rows), leftOut, len(v.Tree), most)
			}
			shown := map[*SpanView]bool{}
			below := 0
			for _, r := range rows {
				shown[r.Span] = true
				below += r.Below
			}
			if below > leftOut {
				t.Errorf("%d spans are counted below others, %d are left out", below, leftOut)
			}
			most := int64(0)
			for i := range v.Tree {
				most = max(most, v.Tree[i].Critical)
			}
			if !slices.ContainsFunc(rows, func(r TraceRow) bool { return r.Span.Critical == most }) {
				t.Errorf("the span with most time on the path is left out")
			}
		}
	}
}

func TestOneTraceOneAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for _, list := range [][]testSpan{agentTurn(), brokenTrace(), manySpans(100)} {
		for _, p := range tracePrinters {
			want := printed(t, p.write, viewOf(list))
			for range 5 {
				other := slices.Clone(list)
				rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
				if got := printed(t, p.write, viewOf(other)); !bytes.Equal(got, want) {
					t.Fatalf("%s: another order of spans, another answer:\n%s\nwant:\n%s", p.name, got, want)
				}
			}
		}
	}
}

func TestTraceWithoutSpans(t *testing.T) {
	for _, p := range tracePrinters {
		printed(t, p.write, ViewTrace(analyzer.NewTrace(nil), dialect.All))
	}
}
