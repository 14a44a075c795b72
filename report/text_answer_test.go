package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/rules"
)

// fullReport has something in every line of the terminal answer.
func fullReport(t *testing.T) *Report {
	t.Helper()
	r := buildReport(t, gatewayCalls(), Options{Source: "spans.json", Objectives: population.Objectives{TTFT: 1e9}, Facts: population.Facts{"sampling": "0.5"}})
	var exemplars []rules.Exemplar
	for i := range byte(3) {
		exemplars = append(exemplars, rules.Exemplar{Exemplar: population.Exemplar{TraceID: analyzer.TraceID{15: i + 1}, E2E: 28e9, TTFT: 26e9}})
	}
	low, high := 10e9, 12e9
	finding := rules.Finding{
		Rule: "prefill-chunk-too-small", Cause: "prefill runs in chunks of 59 tokens" + strings.Repeat(", on and on", 20), Rank: 1, Severity: rules.SeverityCritical,
		Recoverable: &rules.Amount{Value: 11e9, Low: &low, High: &high},
		Who:         rules.AffectedRequests{N: 40, Of: 200, Exemplars: exemplars},
		Predicted:   &rules.Predicted{Before: rules.Amount{Value: 28e9}, After: rules.Amount{Value: 9e9}},
		Recommendation: rules.Recommendation{
			Stack: "vllm", Settings: []string{"--max-num-batched-tokens=2048"}, Summary: "Let a step hold more tokens" + strings.Repeat(" of prompts", 20),
		},
	}
	second := finding
	second.Rule, second.Rank = "another", 2
	r.Verdict, r.Findings = rules.VerdictBottleneck, []rules.Finding{finding, second}
	r.Regimes = []Regime{{Latency: 200}}
	r.Incidents = []Incident{{Incident: population.Incident{
		Burst: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano(), Arrivals: 40, Within: 1e9, Drain: 3e10, Tail: 11, TailOf: 11, P95: 28e9, P95Without: 3e9,
	}}}
	value := 30.0
	for _, phase := range analyzer.CorePhases {
		r.Scores = append(r.Scores, population.Score{Phase: phase, Path: population.PathE2E, Cohort: population.CohortAll, Value: &value, NoFeedback: true, Class: population.ClassModerate})
	}
	r.Abstained = []population.Abstention{{What: "roofline of the server", Why: "no device", Remedy: "state --fact device=NAME"}}
	return r
}

// TestTheAnswerHasEverythingInOrder: however much there is to say, what must be there is, in 25 lines, in order.
func TestTheAnswerHasEverythingInOrder(t *testing.T) {
	var b bytes.Buffer
	if err := WriteText(&b, fullReport(t)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > MaxTextLines {
		t.Errorf("%d lines, want at most %d", len(lines), MaxTextLines)
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > maxTextWidth {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
	at := 0
	for _, want := range []string{
		"cause      prefill runs in chunks", "wins back 11.0 s (10.0 s to 12.0 s) a request for 40 of 200",
		"do first   --max-num-batched-tokens=2048 (vLLM): let a step", "; by replay, E2E p95 28.0 s to 9.00 s\n",
		"incident   12:00:00.000: 40 requests", "window     2026", "read       6 traces", "requests   6", "latency ", "  TTFT", "  TPOT", "  E2E",
		"targets    unknown", "slo        ", "critical path", "; * before others wait less)\n", "  queue ", "  tokenize", "  gpu_transfer", "  prefill", "  decode",
		"look at    trace 00000000000000000000000000000001: 28.0 s, first token after 26.0 s\n",
		"           trace 00000000000000000000000000000002", "           trace 00000000000000000000000000000003",
		"not shown  roofline of the server; to see it: state --fact device=NAME\n", "warnings   ",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q is not there, or not in its place, in\n%s", want, text)
		}
		at += i
	}
}

// TestWrapLosesNothing: lines are cut at spaces where there are any.
func TestWrapLosesNothing(t *testing.T) {
	for _, c := range []struct{ text, first, more string }{
		{"short", "short", ""}, {"exactly 10", "exactly 10", ""}, {"one two three", "one two", "three"}, {"0123456789 x", "0123456789", "x"},
		{"0123456789x", "0123456789", "x"}, {"żółć żółć żółć", "żółć żółć", "żółć"},
	} {
		if first, more := wrap(c.text, 10); first != c.first || more != c.more {
			t.Errorf("%q: %q and %q, want %q and %q", c.text, first, more, c.first, c.more)
		}
	}
}

// TestLinesGoByRank: the highest rank goes first, of equals the last line; what must stay does.
func TestLinesGoByRank(t *testing.T) {
	for _, c := range []struct {
		most int
		want string
	}{{9, "a\nb\nc\nd\ne\n"}, {4, "a\nb\nc\nd\n"}, {3, "a\nc\nd\n"}, {2, "a\nc\n"}, {1, "a\nc\n"}} {
		var a answer
		a.addLine(rankKept, "a")
		a.addLine(rankOperation, "b")
		a.addLine(rankKept, "c")
		a.addLine(rankRest, "d")
		a.addLine(rankOperation, "e")
		a.addLine(rankKept, "")
		a.fit(c.most)
		var b bytes.Buffer
		if err := a.writeTo(&b); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%d lines: %q, want %q", c.most, b.String(), c.want)
		}
	}
}
