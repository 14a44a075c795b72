package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/ollamasim"
)

// The simulated server computes one request at a time, and says how long each really took: that is its capacity. The sweep
// finds it from outside. It is all in real time, and a machine that is busy with something else for a moment has another
// capacity in one step than in the next, so that one sweep of three must be right.
func TestASweepFindsTheCapacity(t *testing.T) {
	t.Parallel()
	var wrong string
	for range 3 {
		if wrong = sweepOnce(t); wrong == "" {
			return
		}
		t.Log(wrong)
	}
	t.Errorf("no sweep of three is right; of the last: %s", wrong)
}

// sweepOnce sweeps a simulated server of its own and returns what is wrong with the result, "" if nothing is.
func sweepOnce(t *testing.T) string {
	t.Helper()
	server, truths := simulate(t, oneSlot(20*time.Millisecond), ollamasim.Options{})
	r := run(t, Config{
		Target: Target{URL: at(t, server, "/api/generate"), Model: "sim", Stream: true},
		Plan: Plan{
			Loop: Sweep, Arrivals: Constant, RateFrom: 30, RateTo: 400, Requests: 40, Sizes: oneToken,
			Warmup: 200 * time.Millisecond, Duration: time.Second, Drain: 10 * time.Second, Seed: 1,
		},
	})
	var busy time.Duration
	all := truths()
	for _, truth := range all {
		busy += truth.Last.Sub(truth.Scheduled)
	}
	capacity := float64(len(all)) / busy.Seconds()
	for _, s := range r.Steps {
		t.Logf("%.1f/s: %s, %.1f/s came out, in flight grows by %+v, TTFT by %+v; %v", s.Rate, s.Verdict, s.Throughput.Requests, s.InFlight.Slope, s.TTFTSlope, s.Why)
	}
	b := r.Breaking
	switch {
	case b == nil || b.Sustained < 0.85*capacity || b.Sustained > 1.15*capacity || b.Broken > 1.25*capacity || b.Broken <= b.Sustained:
		return fmt.Sprintf("the sweep finds %+v, the server can do %.1f/s", b, capacity)
	case b.Capacity < 0.85*capacity || b.Capacity > 1.15*capacity:
		return fmt.Sprintf("%.1f/s came out of broken steps, the server can do %.1f/s", b.Capacity, capacity)
	}
	return ""
}

// A server that refuses what is too much never has a queue: its errors break the step.
func TestRefusalsBreakASweep(t *testing.T) {
	t.Parallel()
	server, _ := simulate(t, oneSlot(20*time.Millisecond), ollamasim.Options{MaxQueue: 2})
	r := run(t, Config{
		Target: Target{URL: at(t, server, "/api/generate"), Model: "sim", Stream: true},
		Plan:   Plan{Loop: Sweep, Arrivals: Constant, RateFrom: 200, RateTo: 200, Requests: 40, Sizes: oneToken, Duration: 500 * time.Millisecond, Drain: 10 * time.Second},
	})
	if s := r.Steps[0]; len(r.Steps) != 1 || s.Verdict != Broken || s.Failed == 0 || s.Errors[0].Kind != "503" || r.Breaking.Broken != 200 || r.Breaking.Sustained != 0 {
		t.Errorf("%+v, %+v", r.Breaking, s)
	}
}

// growing and level are a slope that surely rises and one that may not.
var growing, level = &Estimate{30, 20, 40}, &Estimate{1, -2, 4}

func TestBothMustGrowForAServerToBeOverrun(t *testing.T) {
	limit, err := ParseThreshold("ttft_mean<1s")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		step   Step
		broken bool
	}{
		"both grow":                       {Step{Rate: 100, Planned: 100, InFlight: InFlight{Slope: growing}, TTFTSlope: growing}, true},
		"only requests in flight grow":    {Step{Rate: 100, Planned: 100, InFlight: InFlight{Slope: growing}, TTFTSlope: level}, false},
		"only latency grows":              {Step{Rate: 100, Planned: 100, InFlight: InFlight{Slope: level}, TTFTSlope: growing}, false},
		"what stays is too little":        {Step{Rate: 1000, Planned: 100, InFlight: InFlight{Slope: growing}, TTFTSlope: growing}, false},
		"one of a hundred failed":         {Step{Rate: 100, Planned: 100, Failed: 1, Errors: []ErrorCount{{Kind: "429"}}}, false},
		"two of a hundred failed":         {Step{Rate: 100, Planned: 100, Failed: 2, Errors: []ErrorCount{{Kind: "429"}}}, true},
		"two of a hundred are unfinished": {Step{Rate: 100, Planned: 100, Unfinished: 2}, true},
		"it was not sent so fast":         {Step{Rate: 1e5, Planned: 100, Window: 1e9, Lag: &Lag{N: 100, P50: 1e8}}, true},
		"it was sent a little late":       {Step{Rate: 1e5, Planned: 100, Window: 1e9, Lag: &Lag{N: 100, P50: 1e7}}, false},
		"a target is missed":              {Step{Rate: 100, Planned: 1, Measures: []Measure{{Name: "TTFT", From: FromSending, N: 1, Mean: 2e9}}}, true},
		"a target is kept":                {Step{Rate: 100, Planned: 1, Measures: []Measure{{Name: "TTFT", From: FromSending, N: 1, Mean: 5e8}}}, false},
	} {
		if why := broken(&test.step, []Threshold{limit}); len(why) > 0 != test.broken {
			t.Errorf("%s: %q", name, why)
		}
	}
}
