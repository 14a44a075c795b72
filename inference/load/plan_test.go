package load

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOneSeedGivesOnePlan(t *testing.T) {
	for _, arrivals := range []string{Constant, Poisson, Gamma, Ramp} {
		p := Plan{Loop: Open, Arrivals: arrivals, Rate: 100, Burstiness: 0.3, RateFrom: 50, RateTo: 150, Sizes: ShortMediumLong, Seed: 5}
		first := slices.Collect(p.shots(0, p.Rate, 20*time.Second))
		if !slices.Equal(first, slices.Collect(p.shots(0, p.Rate, 20*time.Second))) {
			t.Errorf("%s: one seed gave two plans", arrivals)
		}
		p.Seed++
		if slices.Equal(first, slices.Collect(p.shots(0, p.Rate, 20*time.Second))) {
			t.Errorf("%s: two seeds gave one plan", arrivals)
		}
		if n := len(first); n < 1500 || n > 2500 || first[n-1].at >= int64(20*time.Second) {
			t.Errorf("%s: %d requests in 20 s, want about 2000", arrivals, n)
		}
		short := 0
		for _, s := range first {
			if s.prompt == ShortMediumLong[0].Prompt {
				short++
			}
		}
		if share := float64(short) / float64(len(first)); math.Abs(share-0.5) > 0.04 {
			t.Errorf("%s: %.2f of the prompts are short, want 0.5", arrivals, share)
		}
	}
}

// Every step of a sweep has the same work, and already its first twenty requests have it in the right shares.
func TestStepsOfASweepAreTheSameWork(t *testing.T) {
	p := Plan{Loop: Sweep, Arrivals: Constant, RateFrom: 1, RateTo: 100, Sizes: ShortMediumLong, Requests: 100, Seed: 5}
	var work [2][]int
	for i, rate := range []float64{1, 50} {
		for s := range p.shots(i, rate, time.Hour) {
			if work[i] = append(work[i], s.prompt); len(work[i]) == 20 {
				break
			}
		}
	}
	count := map[int]int{}
	for _, prompt := range work[0] {
		count[prompt]++
	}
	if !slices.Equal(work[0], work[1]) || count[32] != 10 || count[256] != 7 || count[1024] != 3 {
		t.Errorf("prompts of %v and %v tokens", work[0], work[1])
	}
}

func TestParseSizes(t *testing.T) {
	got, err := ParseSizes("a=1:10/20, b=3:100/1")
	if want := []Size{{"a", 0.25, 10, 20}, {"b", 0.75, 100, 1}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"", "a", "a=1", "a=1:2", "=1:2/3", "a=0:1/1", "a=NaN:1/1", "a=1:0/1", "a=1:1/-1", "a=1:1/99999999999", "a=1:1/1,"} {
		if _, err := ParseSizes(wrong); err == nil || !strings.Contains(err.Error(), "want NAME=SHARE:PROMPT/OUTPUT") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	good := Plan{Loop: Open, Arrivals: Poisson, Rate: 1, Duration: time.Second, Sizes: oneToken}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Plan){
		"0 users":             func(p *Plan) { p.Loop = Closed },
		"no loop":             func(p *Plan) { p.Loop = "spiral" },
		"a rate of 0":         func(p *Plan) { p.Rate = 0 },
		"a rate of NaN":       func(p *Plan) { p.Rate = math.NaN() },
		"a rate of +Inf":      func(p *Plan) { p.Rate = math.Inf(1) },
		"no arrivals":         func(p *Plan) { p.Arrivals = "pigeons" },
		"a burstiness of 0":   func(p *Plan) { p.Arrivals = Gamma },
		"goes down":           func(p *Plan) { p.Loop, p.RateFrom, p.RateTo, p.Requests = Sweep, 2, 1, 50 },
		"steps of 0 requests": func(p *Plan) { p.Loop, p.RateFrom, p.RateTo = Sweep, 1, 2 },
		"rates of its own":    func(p *Plan) { p.Loop, p.Arrivals = Sweep, Ramp },
		"needs a recorded":    func(p *Plan) { p.Arrivals = Replay },
		"a duration of 0s":    func(p *Plan) { p.Duration = 0 },
		"cannot be negative":  func(p *Plan) { p.Warmup = -1 },
		"one size of prompts": func(p *Plan) { p.Sizes = nil },
	} {
		p := good
		change(&p)
		if err := p.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestThresholds(t *testing.T) {
	half := 0.5
	step := Step{
		Planned: 100, Succeeded: 98, Failed: 2, Stalled: 49, Throughput: Throughput{Requests: 9.5, OutputTokens: 480},
		Measures: []Measure{
			{Name: "TTFT", From: FromSending, N: 98, Mean: 4e8, Max: 2e9, Quantiles: []Quantile{{P: 0.5, Value: 3e8, Low: &half}, {P: 0.95, Value: 9e8}}},
			{Name: "TTFT", From: FromPlan, N: 98, Mean: 5e8},
			{Name: "TPOT", From: FromSending},
		},
		Lag: &Lag{N: 100, P50: 1e5, P99: 6e6, Max: 8e6},
	}
	for text, want := range map[string]string{
		"ttft_p95<1s": Pass, "ttft_p95 <= 900ms": Pass, "ttft_p95<900ms": Fail, "ttft_max<1s": Fail, "ttft_mean>300ms": Pass,
		"ttft_p99<10s": Unknown, "tpot_mean<1s": Unknown, "ttft_from_plan_mean<450ms": Fail, "ttft_p90<10s": Unknown,
		"errors<1%": Fail, "errors<=0.02": Pass, "stalls<=50%": Pass, "requests_per_second>=9.5": Pass, "output_tokens_per_second>500": Fail,
		"lag_p99<5ms": Fail, "lag_max<10ms": Pass, "lag_mean<1s": Unknown,
	} {
		limit, err := ParseThreshold(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if r := limit.judge(&step); r.Verdict != want || (want == Unknown) != (r.Why != "") {
			t.Errorf("%s: %+v, want %s", text, r, want)
		}
	}
	for text, want := range map[string]string{
		"ttft": "want MEASURE_STATISTIC<LIMIT", "ttft_p95=1s": "want MEASURE", "tfft_p95<1s": `no measure "tfft"`, "ttft<1s": "say which statistic",
		"ttft_p95<1": "no time", "errors<2": "no share", "errors_p95<1%": "it is one number", "sustained_rate>x": "no number", "errors<NaN": "no share",
	} {
		if _, err := ParseThreshold(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseThreshold(f *testing.F) {
	f.Add("ttft_p95<1s")
	f.Add("errors<1%")
	f.Add("sustained_rate>=8")
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := ParseThreshold(text)
		if err != nil {
			return
		}
		if math.IsNaN(limit.limit) {
			t.Fatalf("%q has no limit", text)
		}
		again, err := ParseThreshold(limit.Text)
		if err != nil || again != limit {
			t.Fatalf("%q is read as %+v and then as %+v, %v", text, limit, again, err)
		}
	})
}

func FuzzParseSizes(f *testing.F) {
	f.Add("short=50:32/64,long=50:1024/256")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseSizes(text)
		if err != nil {
			return
		}
		var total float64
		for _, s := range list {
			total += s.Share
			if s.Prompt < 1 || s.Output < 1 {
				t.Fatalf("%q has %+v", text, s)
			}
		}
		if math.Abs(total-1) > 1e-9 {
			t.Fatalf("%q: shares add up to %v", text, total)
		}
	})
}
