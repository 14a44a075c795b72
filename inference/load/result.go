package load

import "time"

// Schema is the form of [Result] as JSON. Fields may be added under it; a field that goes or changes its meaning raises
// the number.
const Schema = "slowtoken.loadtest/1"

// A Result is what a load test has shown. As JSON it looks like this; times are nanoseconds, rates are per second,
// shares are from 0 to 1, and what is not known is absent:
//
//	{"schema": "slowtoken.loadtest/1", "version": "v1", "run": "0198…", "started": "2026-…Z", "ended": "2026-…Z",
//	 "target": {"url": "http://127.0.0.1:11434/api/chat", "api": "ollama-chat", "model": "m", "stream": true},
//	 "plan": {"name": "sweep", "loop": "sweep", "arrivals": "constant", "rate_from": 1, "rate_to": 64,
//	          "warmup": 5e9, "duration": 3e10, "seed": 1, "prompts": [{"name": "short", "share": 0.5, …}]},
//	 "steps": [{"rate": 4, "window": 3e10, "planned": 120, "sent": 120, "succeeded": 119, "failed": 1, …,
//	            "errors": [{"kind": "429", "count": 1, "example": "…"}],
//	            "measures": [{"name": "TTFT", "from": "sending", "unit": "ns", "n": 119, "mean": 3.1e8, "max": …,
//	                          "quantiles": [{"p": 0.95, "value": 4.4e8, "low": 4.1e8, "high": 5.9e8}]}],
//	            "throughput": {"requests": 3.9, "input_tokens": 1200, "output_tokens": 480},
//	            "in_flight": {"mean": 3.2, "max": 9, "slope": {"value": 0.01, "low": -0.02, "high": 0.04}},
//	            "lag": {"n": 120, "p50": 6e4, "p99": 4e5, "max": 6e5},
//	            "verdict": "sustained"}],
//	 "breaking_point": {"sustained": 8, "broken": 8.7, "why": "…", "capacity": 8.3},
//	 "thresholds": [{"text": "ttft_p95<1s", "verdict": "pass", "value": 4.4e8, "n": 119}],
//	 "warnings": ["…"]}
//
// A load without a sweep has one step and no breaking point. Measures are of requests that succeeded and were planned
// (in a closed loop: sent) within the window, which begins after the warm-up.
type Result struct {
	Schema  string `json:"schema"`
	Version string `json:"version"` // of slowtoken
	// Run names this test; its spans carry it as slowtoken.load.run.
	Run         string            `json:"run"`
	Started     time.Time         `json:"started"`
	Ended       time.Time         `json:"ended"`
	Interrupted bool              `json:"interrupted,omitempty"` // the test ended before its plan did
	Target      TargetSummary     `json:"target"`
	Plan        PlanSummary       `json:"plan"`
	Steps       []Step            `json:"steps"`
	Breaking    *Breaking         `json:"breaking_point,omitempty"` // of a sweep
	Thresholds  []ThresholdResult `json:"thresholds"`
	Warnings    []string          `json:"warnings"`
}

// A TargetSummary is who was asked, and how. A URL's user and password are left out.
type TargetSummary struct {
	URL    string `json:"url"`
	API    string `json:"api"`
	Model  string `json:"model"`
	Stream bool   `json:"stream"`
	// Simulated says that no model computed.
	Simulated bool `json:"simulated,omitempty"`
}

// A PlanSummary is the load as it was asked for.
type PlanSummary struct {
	Name       string  `json:"name"` // of a scenario, else the loop
	Loop       Loop    `json:"loop"`
	Arrivals   string  `json:"arrivals,omitempty"` // constant, poisson, gamma, ramp or replay; open loops and sweeps
	Rate       float64 `json:"rate,omitempty"`
	Burstiness float64 `json:"burstiness,omitempty"`
	RateFrom   float64 `json:"rate_from,omitempty"` // of a ramp or a sweep
	RateTo     float64 `json:"rate_to,omitempty"`
	Users      int     `json:"users,omitempty"` // closed loop
	Think      int64   `json:"think,omitempty"`
	Warmup     int64   `json:"warmup"`   // of each step, sent and not measured
	Duration   int64   `json:"duration"` // of each step behind its warm-up; a sweep makes steps of slow rates longer
	Seed       uint64  `json:"seed"`
	Prompts    []Size  `json:"prompts"` // empty for a replay, which has its own
}

// A Step is one rate, or one number of users, for a while.
type Step struct {
	Rate   float64 `json:"rate,omitempty"`  // planned requests a second; of a ramp or a replay on average; open loop
	Users  int     `json:"users,omitempty"` // closed loop
	Window int64   `json:"window"`          // that is measured
	Since  int64   `json:"since"`           // its begin, in nanoseconds since the Unix epoch

	// Of the window:
	Planned    int          `json:"planned"`
	Sent       int          `json:"sent"`
	Succeeded  int          `json:"succeeded"`
	Failed     int          `json:"failed"`     // dropped ones too
	Unfinished int          `json:"unfinished"` // still ran when waiting for answers ended
	Dropped    int          `json:"dropped"`    // were never sent: too many were running
	Errors     []ErrorCount `json:"errors"`     // of the failed ones by kind, most frequent first

	Warmup      int     `json:"warmup"`       // requests of the warm-up, in none of the other numbers
	NotStreamed int     `json:"not_streamed"` // answers in one piece although a stream was asked for
	Uncounted   int     `json:"uncounted"`    // answers without token counts; their chunks count as tokens
	Stalled     int     `json:"stalled"`      // answers with a gap over 5 times their median gap and 100 ms
	Input       float64 `json:"input"`        // mean prompt tokens of those that succeeded, as the server counts them
	Asked       float64 `json:"asked"`        // mean prompt tokens that they were to have
	Output      float64 `json:"output"`       // mean tokens of their answers

	Measures   []Measure  `json:"measures"`
	Throughput Throughput `json:"throughput"`
	InFlight   InFlight   `json:"in_flight"`
	// TTFTSlope is how TTFT, or E2E where answers are not streamed, grows with the time of sending: ns per second.
	TTFTSlope *Estimate `json:"ttft_slope,omitempty"`
	Lag       *Lag      `json:"lag,omitempty"` // open loop
	Verdict   Verdict   `json:"verdict,omitempty"`
	Why       []string  `json:"why,omitempty"` // it is broken
}

// A Verdict says how a step of a sweep ended.
type Verdict string

// The verdicts.
const (
	Sustained Verdict = "sustained"
	Broken    Verdict = "broken"
)

// An ErrorCount is how often one kind of error came: an HTTP status, or one of the kinds in errors.go.
type ErrorCount struct {
	Kind    string `json:"kind"`
	Count   int    `json:"count"`
	Example string `json:"example"`
}

// A Measure is the distribution of one number over the requests that have it.
type Measure struct {
	Name      string     `json:"name"` // TTFT, TTFO, TPOT, ICL, ITL, E2E, NTPOT or TTLB
	From      string     `json:"from"` // "sending", or "plan"
	Unit      string     `json:"unit"` // "ns", or "ns/token"
	N         int        `json:"n"`
	Undefined int        `json:"undefined"` // successful requests without it
	Mean      float64    `json:"mean"`
	Max       float64    `json:"max"`
	Quantiles []Quantile `json:"quantiles"` // those for which n (1 - p) is at least 1
}

// Values of Measure.From.
const (
	FromSending = "sending"
	FromPlan    = "plan"
)

// A Quantile is a nearest-rank quantile with its distribution-free 95 % interval; an absent end is open.
type Quantile struct {
	P     float64  `json:"p"`
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
}

// An Estimate is a value with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Throughput is what came out within the window, whenever it was asked for, per second.
type Throughput struct {
	Requests     float64 `json:"requests"` // that succeeded
	InputTokens  float64 `json:"input_tokens"`
	OutputTokens float64 `json:"output_tokens"`
}

// InFlight is how many requests were running.
type InFlight struct {
	Mean  float64   `json:"mean"`
	Max   int       `json:"max"`
	Slope *Estimate `json:"slope,omitempty"` // per second; absent for a step of under ten sampled times
}

// Lag is how much later than planned requests were sent, in ns. It is the load generator's own fault.
type Lag struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Breaking is where a sweep found the server's limit, in requests a second.
type Breaking struct {
	Sustained float64 `json:"sustained,omitempty"` // the highest rate that was sustained; absent if none was
	Broken    float64 `json:"broken,omitempty"`    // the lowest rate that was not; absent if none broke
	Why       string  `json:"why,omitempty"`       // it broke
	// Capacity is the most requests a second that came out of a step that broke.
	Capacity float64 `json:"capacity,omitempty"`
}

// A ThresholdResult is a threshold and how the load stands to it.
type ThresholdResult struct {
	Text    string   `json:"text"`
	Verdict string   `json:"verdict"` // pass, fail or unknown
	N       int      `json:"n"`
	Value   *float64 `json:"value,omitempty"`
	Low     *float64 `json:"low,omitempty"`
	High    *float64 `json:"high,omitempty"`
	Why     string   `json:"why,omitempty"` // it is unknown
}

// Verdicts on thresholds.
const (
	Pass    = "pass"
	Fail    = "fail"
	Unknown = "unknown"
)

// Missed reports whether a threshold failed, or could not be judged.
func (r *Result) Missed() bool {
	for _, t := range r.Thresholds {
		if t.Verdict != Pass {
			return true
		}
	}
	return false
}
