package report

import (
	"fmt"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// sglangCall is a call of SGLang whose tokens come at the given milliseconds after its start, one a step.
func sglangCall(trace byte, tokens int64, at ...int) []testSpan {
	list := []testSpan{
		{trace: trace, id: 1, service: "sglang", name: "Req 1", start: 0, end: 9, attributes: analyzer.Attributes{
			text("module", "sglang::request"), num("gen_ai.latency.time_to_first_token", float64(at[0])/1000),
			count("gen_ai.usage.completion_tokens", tokens), count("gen_ai.usage.reasoning_tokens", 0),
		}},
		{trace: trace, id: 2, parent: 1, service: "sglang", name: "prefill_forward", start: 0, end: float64(at[0]) / 1000},
	}
	for i, ms := range at[1:] {
		list = append(list, testSpan{trace: trace, id: byte(3 + i), parent: 1, service: "sglang", name: "decode_loop",
			start: float64(at[i]) / 1000, end: float64(ms) / 1000})
	}
	return list
}

func TestStreaming(t *testing.T) {
	calls := slices.Concat(
		sglangCall(1, 5, 500, 540, 580, 620, 1620), // 1 s without a token: a stall, and late
		sglangCall(2, 4, 2000, 2030, 2090, 2120),   // the first token is late, and the gap of 60 ms has 20 ms of slack
		sglangCall(3, 9, 500, 600, 700),            // speculation: three tokens a step
		sglangCall(4, 1, 500),                      // no gaps
	)
	s := buildReport(t, calls, Options{}).Streaming
	if s == nil {
		t.Fatal("nothing of single chunks")
	}
	got := ""
	for _, m := range s.Measures {
		got += fmt.Sprintf("%s n=%d requests=%d undefined=%d mean=%.6g p50=%g\n", m.Name, m.N, m.Requests, m.Undefined, m.Mean, m.Quantiles[0].Value)
	}
	want := `TTFO n=4 requests=0 undefined=0 mean=8.75e+08 p50=5e+08
ICL n=9 requests=3 undefined=1 mean=1.6e+08 p50=4e+07
ITL n=7 requests=2 undefined=2 mean=1.77143e+08 p50=4e+07
fluidity n=2 requests=0 undefined=2 mean=0.775 p50=0.75
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if s.Stalls != (Stalls{Stalls: 1, Requests: 1}) || s.TTFTLimit != fluidityTTFT || s.TPOTLimit != fluidityTPOT {
		t.Errorf("got %+v", s)
	}

	strict := buildReport(t, calls, Options{Objectives: population.Objectives{TTFT: 5 * second, TPOT: 10_000_000}}).Streaming
	if strict.TTFTLimit != 5*second || strict.TPOTLimit != 10_000_000 || strict.Measures[3].Mean != 1 {
		t.Errorf("with 5 s for the first token all are on time: got %+v", strict)
	}
	if of := buildReport(t, gatewayCalls(), Options{}).Streaming; of != nil {
		t.Errorf("nothing is known of single chunks, got %+v", of)
	}
}

func TestChunksOfOneRequest(t *testing.T) {
	for trace := range analyzer.GroupByTrace(spansOf(sglangCall(1, 5, 500, 540, 580, 620, 1620))) {
		requests, _ := analyzer.Requests(trace, dialect.All)
		m := requestViews(trace, requests, dialect.All)[0].Measures
		if m.Chunks == nil || m.Chunks.Count != 5 || *m.Chunks.ICL50 != 40_000_000 || *m.Chunks.ICLMax != second ||
			*m.Chunks.Stalls != 1 || !m.Chunks.OneEach || *m.TTFO != second/2 {
			t.Errorf("got %+v", m)
		}
	}
	for trace := range analyzer.GroupByTrace(spansOf(sglangCall(1, 1, 500))) {
		requests, _ := analyzer.Requests(trace, dialect.All)
		if m := requestViews(trace, requests, dialect.All)[0].Measures; m.Chunks != nil {
			t.Errorf("no step of decode: got %+v", m.Chunks)
		}
	}
}
