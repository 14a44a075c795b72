package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// vllmCalls are calls of a vLLM-shaped server that prefills one after another; times of prefill and decode are scaled.
func vllmCalls(n int, seed uint64, prefill, decode, output float64) iter.Seq2[*analyzer.Trace, error] {
	return func(yield func(*analyzer.Trace, error) bool) {
		random := rand.New(rand.NewPCG(seed, 1))
		at, free := 1.7e18, 0.0
		for i := range n {
			at += random.ExpFloat64() * 2e9
			prompt := 500 + 1000*random.Float64()
			tokens := 2 + output*(0.5+random.Float64())
			began := max(at, free)
			first := began + prefill*prompt*3e5*(0.9+0.2*random.Float64())
			free = first
			end := first + decode*tokens*2e7*(0.9+0.2*random.Float64())
			root := analyzer.Span{
				TraceID: analyzer.TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)}, ID: analyzer.SpanID{0: 1, 6: byte(i >> 8), 7: byte(i)},
				Name: "llm_request", Kind: analyzer.SpanKindServer, Start: int64(at), End: int64(end),
				Resource: &analyzer.Resource{Attributes: analyzer.Attributes{
					{Key: "service.name", Value: analyzer.String("engine")}, {Key: "service.instance.id", Value: analyzer.String("engine-0")},
				}},
				Scope: &analyzer.Scope{Name: "vllm.llm_engine"},
				Attributes: analyzer.Attributes{
					{Key: "gen_ai.request.model", Value: analyzer.String("llama")},
					{Key: "gen_ai.usage.prompt_tokens", Value: analyzer.Int(int64(prompt))},
					{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(int64(tokens))},
					{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double((first - at) / 1e9)},
					{Key: "gen_ai.latency.time_in_queue", Value: analyzer.Double((began - at) / 1e9)},
					{Key: "gen_ai.latency.time_in_model_prefill", Value: analyzer.Double((first - began) / 1e9)},
					{Key: "gen_ai.latency.time_in_model_decode", Value: analyzer.Double((end - first) / 1e9)},
				},
			}
			if !yield(analyzer.NewTrace([]analyzer.Span{root}), nil) {
				return
			}
		}
	}
}

func sampleOf(t *testing.T, traces iter.Seq2[*analyzer.Trace, error]) *population.Sample {
	t.Helper()
	s, err := Sample(traces, Options{Dialects: dialect.All})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compared(t *testing.T, after iter.Seq2[*analyzer.Trace, error], conditions string) (*Comparison, string) {
	t.Helper()
	var gates []Gate
	if conditions != "" {
		var err error
		if gates, err = ParseGates(conditions); err != nil {
			t.Fatal(err)
		}
	}
	c := Compare(sampleOf(t, vllmCalls(200, 1, 1, 1, 40)), sampleOf(t, after), [2]string{"yesterday", "today"}, gates, 1)
	var text bytes.Buffer
	if err := WriteCompareText(&text, c); err != nil {
		t.Fatal(err)
	}
	return c, text.String()
}

func TestCompareNamesTheSlowPhase(t *testing.T) {
	c, text := compared(t, vllmCalls(200, 2, 1.2, 1, 40), "regression>5%,prefill>10%,decode>5%,tpot>5%,errors>1%,itl>1%")
	for _, want := range []string{"slower: TTFT mean", "prefill (TTFT)", "today: 200 requests"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	want := []string{VerdictFail, VerdictFail, VerdictPass, VerdictPass, VerdictPass, VerdictUnknown}
	for i, g := range c.Gates {
		if g.Verdict != want[i] || g.Detail == "" {
			t.Errorf("%s is %q (%s), want %q", g.Text, g.Verdict, g.Detail, want[i])
		}
	}
	if !c.Failed() || !c.Undecided() {
		t.Error("failed and undecided conditions are not told")
	}
}

func TestCompareOfTheSameIsSilent(t *testing.T) {
	c, text := compared(t, vllmCalls(200, 1, 1, 1, 40), "regression>0%")
	if len(c.Slower)+len(c.Faster) > 0 || c.Failed() || !strings.Contains(text, "verdict    no difference beyond chance; means can have changed by TTFT") {
		t.Error(text)
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, " %)") || strings.Contains(line, " points") {
			t.Errorf("a change is printed: %s", line)
		}
	}
}

func TestCompareTellsMoreWorkFromSlowerWork(t *testing.T) {
	c, text := compared(t, vllmCalls(200, 3, 1, 1, 52), "e2e>5%")
	if !c.SizesChanged || c.Failed() || !strings.Contains(text, "other requests than before") || !strings.Contains(text, "at the same sizes") {
		t.Error(text)
	}
}

// A report that was saved holds what a comparison needs.
func TestSavedReportsAreCompared(t *testing.T) {
	r, err := Build(vllmCalls(200, 1, 1, 1, 40), Options{Source: "yesterday.jsonl", Dialects: dialect.All})
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := WriteJSON(&saved, r); err != nil {
		t.Fatal(err)
	}
	s, source, err := ReadSample(bytes.NewReader(saved.Bytes()))
	if err != nil || source != "yesterday.jsonl" {
		t.Fatalf("source %q, %v", source, err)
	}
	live := sampleOf(t, vllmCalls(200, 1, 1, 1, 40))
	if c := Compare(live, s, [2]string{"a", "b"}, nil, 1); len(c.Slower)+len(c.Faster) > 0 || c.After.Blocks != c.Before.Blocks || c.After.Requests != 200 {
		t.Errorf("%+v", c)
	}
	for what, text := range map[string]string{
		"schema is": `{"schema":"slowtoken.report/99"}`, "no sample": fmt.Sprintf(`{"schema":%q}`, Schema), "read a saved report": `{"schema":`,
		"as long": fmt.Sprintf(`{"schema":%q,"sample":{"of":1,"start_us":"1"}}`, Schema),
	} {
		if _, _, err := ReadSample(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestComparisonAsJSON(t *testing.T) {
	c, _ := compared(t, vllmCalls(200, 2, 1.2, 1, 40), "regression>5%")
	var out bytes.Buffer
	if err := WriteCompareJSON(&out, c); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Schema  string
		Slower  []string
		Phases  []population.Change
		Fail_On []Gate
	}
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || read.Schema != CompareSchema || len(read.Slower) == 0 || len(read.Phases) == 0 || len(read.Fail_On) != 1 {
		t.Errorf("%+v, %v", read, err)
	}
}
