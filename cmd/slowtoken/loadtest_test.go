package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/load"
)

// An open end of an interval, a quantile of too few, what was not measured and the sweep's verdicts are said, not left out.
func TestLoadTestsArePrintedAsTheyAre(t *testing.T) {
	low, high := 250e6, 1.2e9
	ttft := load.Measure{Name: "TTFT", From: load.FromSending, N: 30, Mean: 3e8, Quantiles: []load.Quantile{{P: 0.5, Value: 3e8, Low: &low, High: &high}, {P: 0.95, Value: 9e8, Low: &low}}}
	planned := ttft
	planned.From = load.FromPlan
	ttfo := ttft
	ttfo.Name = "TTFO"
	one := &load.Result{
		Target:     load.TargetSummary{URL: "http://h/api/chat\x1b[2J", Model: "m", Stream: true},
		Plan:       load.PlanSummary{Name: "open", Loop: load.Open, Arrivals: load.Poisson, Rate: 4, Duration: 30e9},
		Thresholds: []load.ThresholdResult{{Text: "ttft_p95<1s", Verdict: load.Pass, N: 30, Value: &low, Low: &low}},
		Steps: []load.Step{{
			Planned: 32, Succeeded: 30, Failed: 2, Stalled: 1, Errors: []load.ErrorCount{{Kind: "429", Count: 2, Example: "come back\nlater"}},
			Measures: []load.Measure{ttft, ttfo, planned, {Name: "ITL", From: load.FromSending}},
		}},
	}
	sweep := &load.Result{
		Plan: load.PlanSummary{Name: "sweep", Loop: load.Sweep, Arrivals: load.Constant, RateFrom: 1, RateTo: 8},
		Steps: []load.Step{
			{Rate: 4, Planned: 100, Verdict: load.Sustained, Measures: []load.Measure{ttft}},
			{Rate: 8, Planned: 100, Verdict: load.Broken, Why: []string{"it misses ttft_p95<1s"}},
		},
		Breaking: &load.Breaking{Sustained: 4, Broken: 8, Why: "it misses ttft_p95<1s", Capacity: 5},
	}
	for name, test := range map[string]struct {
		result *load.Result
		want   []string
		not    []string
	}{
		"one step": {one, []string{
			"✓ ttft_p95<1s                    250 ms (250 ms to ?), n 30\n\ntarget", "poisson arrivals, 4/s; 30s measured", "error      2 x 429: come back\uFFFDlater",
			"stalled    1 of 30", "  TTFT                 30  300 ms (250 ms to 1.20 s)    900 ms (250 ms to ?)         too few ", "  TTFT from plan",
		}, []string{"TTFO", "ITL", "\x1b", "schedule"}},
		"a sweep": {sweep, []string{
			"breaking   4/s is sustained, 8/s is not: it misses ttft_p95<1s; at most 5/s came out",
			"      4/s       100        0/s          0/s        0.0     300 ms     900 ms          -  sustained\n", "          -  broken: it misses ttft_p95<1s\n",
		}, nil},
	} {
		var b bytes.Buffer
		if err := writeLoadText(&b, test.result); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, b.String())
			}
		}
		for _, not := range test.not {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: there is %q in\n%s", name, not, b.String())
			}
		}
	}
	line := progressLine(load.Progress{Step: 1, Users: 5, Elapsed: 9 * time.Second, Length: 8 * time.Second, Sent: 12, Done: 10, Failed: 1, InFlight: 2, TTFT: time.Second})
	if want := "step 2, 5 users  8s of 8s  12 sent, 10 done, 1 failed, 2 in flight  TTFT p50 1.00 s"; line != want {
		t.Errorf("%q, want %q", line, want)
	}
}
