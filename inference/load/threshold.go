package load

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Threshold is a limit that a load must keep.
type Threshold struct {
	Text      string // as it was given
	measure   string // of measuredNames
	statistic string // p50, p90, p95, p99, mean, max; "" for numbers that a step has one of
	operator  string // <, <=, > or >=
	limit     float64
}

// Numbers that a step has one of.
const (
	ofErrors   = "errors"
	ofStalls   = "stalls"
	ofRequests = "requests_per_second"
	ofOutput   = "output_tokens_per_second"
	ofRate     = "sustained_rate"
)

var thresholdForm = regexp.MustCompile(`^\s*([a-z0-9_]+?)(?:_(p50|p90|p95|p99|mean|max))?\s*(<=|>=|<|>)\s*(\S+)\s*$`)

// measuredNames are what a threshold can limit that has a distribution.
func measuredNames() (names []string) {
	for _, m := range measured {
		names = append(names, strings.ToLower(m.name))
	}
	return append(names, "ttft_from_plan", "e2e_from_plan", "lag")
}

// ParseThreshold reads a threshold such as ttft_p95<1s, e2e_mean<=2.5s, errors<1%, output_tokens_per_second>100 or
// sustained_rate>=8.
func ParseThreshold(text string) (t Threshold, err error) {
	form := thresholdForm.FindStringSubmatch(text)
	if form == nil {
		return t, fmt.Errorf("threshold %q: want MEASURE_STATISTIC<LIMIT such as ttft_p95<1s, or errors<1%%", text)
	}
	t = Threshold{strings.TrimSpace(text), form[1], form[2], form[3], 0}
	parse := parseTime
	switch t.measure {
	case ofErrors, ofStalls:
		parse = parseShare
	case ofRequests, ofOutput, ofRate:
		parse = parseNumber
	default:
		if !slices.Contains(measuredNames(), t.measure) {
			return t, fmt.Errorf("threshold %q: there is no measure %q; there are %s, and without a statistic %s", text, t.measure,
				strings.Join(measuredNames(), ", "), strings.Join([]string{ofErrors, ofStalls, ofRequests, ofOutput, ofRate}, ", "))
		}
		if t.statistic == "" {
			return t, fmt.Errorf("threshold %q: say which statistic: %s_p50, _p90, _p95, _p99, _mean or _max", text, t.measure)
		}
		t.limit, err = parse(form[4])
		return t, wrapThreshold(text, err)
	}
	if t.statistic != "" {
		return t, fmt.Errorf("threshold %q: %s has no %s; it is one number", text, t.measure, t.statistic)
	}
	t.limit, err = parse(form[4])
	return t, wrapThreshold(text, err)
}

func wrapThreshold(text string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("threshold %q: %w", text, err)
}

func parseTime(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time such as 500ms or 1.5s", text)
	}
	return float64(d), nil
}

func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || math.IsNaN(x) || x < 0 || x > 1 {
		return 0, fmt.Errorf("%q is no share such as 1%% or 0.01", text)
	}
	return x, nil
}

func parseNumber(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return x, nil
}

// ofSteps reports whether a step of a sweep can be judged by it.
func (t *Threshold) ofSteps() bool { return t.measure != ofRate }

func checkThresholds(list []Threshold, loop Loop) error {
	for _, t := range list {
		if t.measure == ofRate && loop != Sweep {
			return fmt.Errorf("threshold %q: only a sweep finds a sustained rate", t.Text)
		}
		if (t.measure == "lag" || strings.HasSuffix(t.measure, "_from_plan")) && loop == Closed {
			return fmt.Errorf("threshold %q: users of a closed loop have no planned times", t.Text)
		}
	}
	return nil
}

// judge judges all thresholds: in a sweep those on steps decide where it breaks, and only those on the sweep are judged.
func judge(list []Threshold, r *Result) []ThresholdResult {
	results := []ThresholdResult{}
	for _, t := range list {
		switch {
		case t.measure == ofRate:
			results = append(results, t.judgeRate(r.Breaking))
		case r.Plan.Loop != Sweep:
			results = append(results, t.judge(&r.Steps[0]))
		}
	}
	return results
}

func (t *Threshold) judgeRate(b *Breaking) ThresholdResult {
	r := ThresholdResult{Text: t.Text, Value: &b.Sustained}
	r.Verdict = t.compare(b.Sustained)
	if b.Broken == 0 && r.Verdict == Fail {
		r.Verdict, r.Why = Unknown, "the sweep ended before the server broke"
	}
	return r
}

func (t *Threshold) compare(x float64) string {
	kept := map[string]bool{"<": x < t.limit, "<=": x <= t.limit, ">": x > t.limit, ">=": x >= t.limit}[t.operator]
	if kept {
		return Pass
	}
	return Fail
}

// judge judges one step.
func (t *Threshold) judge(s *Step) (r ThresholdResult) {
	r = ThresholdResult{Text: t.Text, N: s.Planned, Verdict: Unknown}
	one := func(x float64) ThresholdResult {
		r.Value, r.Verdict = &x, t.compare(x)
		return r
	}
	if s.Planned == 0 {
		r.Why = "no request was measured"
		return r
	}
	switch t.measure {
	case ofErrors:
		return one(float64(s.Failed+s.Unfinished) / float64(s.Planned))
	case ofStalls:
		if r.N = s.Succeeded; r.N == 0 {
			r.Why = "no request succeeded"
			return r
		}
		return one(float64(s.Stalled) / float64(r.N))
	case ofRequests:
		return one(s.Throughput.Requests)
	case ofOutput:
		return one(s.Throughput.OutputTokens)
	case "lag":
		return t.judgeLag(s.Lag, r)
	}
	name, planned := strings.CutSuffix(t.measure, "_from_plan")
	from := FromSending
	if planned {
		from = FromPlan
	}
	i := slices.IndexFunc(s.Measures, func(m Measure) bool { return strings.EqualFold(m.Name, name) && m.From == from })
	if i < 0 || s.Measures[i].N == 0 {
		r.N, r.Why = 0, "no request has the measure"
		return r
	}
	m := &s.Measures[i]
	r.N = m.N
	switch t.statistic {
	case "mean":
		r = one(m.Mean)
	case "max":
		r = one(m.Max)
	default:
		p, _ := strconv.ParseFloat("0."+t.statistic[1:], 64) // thresholdForm lets only numbers through
		j := slices.IndexFunc(m.Quantiles, func(q Quantile) bool { return q.P == p })
		if j < 0 {
			r.Why = fmt.Sprintf("%d values are too few for %s", m.N, t.statistic)
			return r
		}
		r = one(m.Quantiles[j].Value)
		r.Low, r.High = m.Quantiles[j].Low, m.Quantiles[j].High
	}
	if s.censored() && r.Verdict == Pass {
		r.Verdict, r.Why = Unknown, fmt.Sprintf("%d requests were still running at the end, so that this is a lower bound", s.Unfinished)
	}
	return r
}

func (t *Threshold) judgeLag(l *Lag, r ThresholdResult) ThresholdResult {
	if l == nil {
		r.N, r.Why = 0, "no request was sent"
		return r
	}
	known := map[string]float64{"p50": l.P50, "p99": l.P99, "max": l.Max}
	x, ok := known[t.statistic]
	if r.N = l.N; !ok {
		r.Why = "of the lag p50, p99 and max are known"
		return r
	}
	r.Value, r.Verdict = &x, t.compare(x)
	return r
}

// censored reports whether so many requests were cut off that quantiles are lower bounds.
func (s *Step) censored() bool { return float64(s.Unfinished) > censoredShare*float64(s.Planned) }
