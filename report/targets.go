package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Target is a limit that one statistic of all requests should stay under.
type Target struct {
	Name  string  // "ttft-p95", or "errors"
	Limit float64 // nanoseconds (for TPOT per token), or a share of requests
	// Acceptable is a limit that one can live with; zero for none.
	Acceptable float64
}

// The verdicts on a target.
const (
	VerdictPass    = "pass"
	VerdictFail    = "fail"
	VerdictUnknown = "unknown"
)

// A TargetResult is a target and how the requests stand to it.
type TargetResult struct {
	Name       string   `json:"name"`
	Measure    string   `json:"measure"`   // "TTFT", "TPOT", "E2E" or "errors"
	Statistic  string   `json:"statistic"` // "p50", "p95", "p99", "mean" or "share"
	Unit       string   `json:"unit"`
	Limit      float64  `json:"limit"`
	Acceptable *float64 `json:"acceptable,omitempty"`
	N          int      `json:"n"`
	Value      *float64 `json:"value,omitempty"` // absent without a request that has the measure
	Low        *float64 `json:"low,omitempty"`   // of the 95 % interval; absent while it is open
	High       *float64 `json:"high,omitempty"`
	Verdict    string   `json:"verdict"`
	// Sure says that the whole interval is on one side of the limit.
	Sure bool `json:"sure"`
	// WithinAcceptable says of a failed target with an acceptable limit whether that is kept.
	WithinAcceptable *bool  `json:"within_acceptable,omitempty"`
	Why              string `json:"why,omitempty"` // of an unknown verdict
}

// targetErrors is the target of the share of failed requests.
const targetErrors = "errors"

var targetStatistics = []string{"p50", "p95", "p99", "mean"}

// TargetNames lists every target that can be set, in the order of reports.
func TargetNames() []string {
	var names []string
	for _, m := range []string{"ttft", "tpot", "e2e"} {
		for _, s := range targetStatistics {
			names = append(names, m+"-"+s)
		}
	}
	return append(names, targetErrors)
}

// DefaultTargets are the limits that hold until others are set, as [ParseTarget] reads them.
var DefaultTargets = map[string]string{
	"ttft-p50": "500ms", "ttft-p95": "1s", "ttft-p99": "2s", "tpot-mean": "50ms/100ms", "e2e-p95": "10s", targetErrors: "1%",
}

// Defaults returns [DefaultTargets] in the order of reports.
func Defaults() []Target {
	var list []Target
	for _, name := range TargetNames() {
		if text := DefaultTargets[name]; text != "" {
			if t, err := ParseTarget(name, text); err == nil {
				list = append(list, t)
			}
		}
	}
	return list
}

// ParseTarget reads the limit of a target: a duration such as 500ms, for errors a share such as 1% or 0.01. An
// acceptable limit may stand behind a slash.
func ParseTarget(name, text string) (Target, error) {
	if !slices.Contains(TargetNames(), name) {
		return Target{}, fmt.Errorf("there is no target %q; there are %s", name, strings.Join(TargetNames(), ", "))
	}
	parse := parseLimit
	if name == targetErrors {
		parse = parseShare
	}
	limit, acceptable, both := strings.Cut(text, "/")
	t := Target{Name: name}
	var err error
	if t.Limit, err = parse(limit); err != nil {
		return Target{}, fmt.Errorf("target %s: %w", name, err)
	}
	if !both {
		return t, nil
	}
	if t.Acceptable, err = parse(acceptable); err != nil {
		return Target{}, fmt.Errorf("target %s: %w", name, err)
	}
	if t.Acceptable < t.Limit {
		return Target{}, fmt.Errorf("target %s: %q: what is acceptable cannot be less than the target", name, text)
	}
	return t, nil
}

// parseLimit reads a duration over zero as nanoseconds.
func parseLimit(text string) (float64, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no duration such as 500ms or 1.5s", text)
	}
	return float64(d), nil
}

func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		x /= 100
	}
	if err != nil || math.IsNaN(x) || x <= 0 || x > 1 {
		return 0, fmt.Errorf("%q is no share over 0 such as 1%% or 0.01", text)
	}
	return x, nil
}

// targets judges the measures. What could still turn either way is unknown: a value under its limit whose interval is
// open above, because there are too few requests or some were still running, and one over it that one request makes.
func targets(list []Target, measures []Measure, c Counts, errors failing) []TargetResult {
	results := []TargetResult{}
	for _, t := range list {
		if t.Name == targetErrors {
			results = append(results, judgeErrors(t, errors))
			continue
		}
		measure, statistic, _ := strings.Cut(t.Name, "-")
		i := slices.IndexFunc(measures, func(m Measure) bool { return m.Definition == "" && strings.EqualFold(m.Name, measure) })
		if i < 0 {
			continue
		}
		results = append(results, judgeMeasure(t, statistic, &measures[i], c.Censored))
	}
	return results
}

// fewForMean is the fewest requests whose mean is judged, fewForMiss the fewest beyond a quantile that miss its limit.
const (
	fewForMean = 30
	fewForMiss = 5
)

func judgeMeasure(t Target, statistic string, m *Measure, censored bool) TargetResult {
	r := TargetResult{Name: t.Name, Measure: m.Name, Statistic: statistic, Unit: m.Unit, Limit: t.Limit, N: m.N}
	enough := m.N >= fewForMean && !censored
	if m.N == 0 {
		r.judge(t, false)
		r.Why = "no request has the measure"
		return r
	}
	r.Value = &m.Mean
	if statistic != "mean" {
		q := m.Quantiles[slices.IndexFunc(m.Quantiles, func(q Quantile) bool { return fmt.Sprintf("p%.0f", 100*q.P) == statistic })]
		r.Value, r.Low, r.High = &q.Value, q.Low, q.High
		// That the window's own value is over the limit takes no more than requests enough to make it.
		enough = q.High != nil || q.Value >= t.Limit && float64(m.N)*(1-q.P) >= fewForMiss
	}
	r.judge(t, enough)
	if r.Verdict == VerdictUnknown {
		r.Why = "too few requests to tell"
		if m.Quantiles[0].Open != "" && statistic != "mean" {
			r.Why = "too few independent stretches to tell: " + m.Quantiles[0].Open
		}
		if censored {
			r.Why = "requests still running at the window's end may be slower"
		}
	}
	return r
}

// A failing is the share of failed requests among those that ended.
type failing struct {
	ended int
	population.Estimate
	interval bool // there is one
}

func errorShare(p *population.Population, w population.Window) failing {
	in := population.Clustered{Blocks: p.Blocks}
	var failed []bool
	for i := range p.Records {
		if r := &p.Records[i]; !r.Running(w.Until) {
			in.Of, failed = append(in.Of, r.Block), append(failed, r.Outcome == analyzer.Failed)
		}
	}
	f := failing{ended: len(failed)}
	f.Estimate, f.interval = in.Proportion(func(i int) bool { return failed[i] })
	return f
}

// judgeErrors judges the share of failed requests.
func judgeErrors(t Target, f failing) TargetResult {
	r := TargetResult{Name: t.Name, Measure: targetErrors, Statistic: "share", Unit: "share", Limit: t.Limit, N: f.ended}
	if f.ended == 0 {
		r.judge(t, false)
		r.Why = "no request ended"
		return r
	}
	r.Value = &f.Value
	if f.interval {
		r.Low, r.High = &f.Low, &f.High
	}
	r.judge(t, float64(f.ended)*t.Limit >= 1) // else one error alone would miss it
	if r.Verdict == VerdictUnknown {
		r.Why = "too few requests to tell"
	}
	return r
}

// judge sets the verdict from value and interval; enough says that there are enough requests to go by the value alone.
func (r *TargetResult) judge(t Target, enough bool) {
	r.Verdict = VerdictUnknown
	if t.Acceptable != 0 {
		r.Acceptable = &t.Acceptable
	}
	if r.Value == nil {
		return
	}
	over := *r.Value >= t.Limit
	if over {
		r.Sure = r.Low != nil && *r.Low >= t.Limit
	} else {
		r.Sure = r.High != nil && *r.High < t.Limit
	}
	switch {
	case !r.Sure && !enough:
	case over:
		r.Verdict = VerdictFail
		if t.Acceptable != 0 {
			within := *r.Value < t.Acceptable
			r.WithinAcceptable = &within
		}
	default:
		r.Verdict = VerdictPass
	}
}
