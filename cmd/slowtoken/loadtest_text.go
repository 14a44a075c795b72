package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/inference/load"
	"github.com/slowtoken/slowtoken/report"
)

// writeLoadText prints a load test for people: thresholds first, as k6 does.
func writeLoadText(w io.Writer, r *load.Result) error {
	var b bytes.Buffer
	for _, t := range r.Thresholds {
		fmt.Fprintf(&b, "%s\n", thresholdLine(t))
	}
	if bp := r.Breaking; bp != nil {
		fmt.Fprintf(&b, "breaking   %s\n", breakingLine(bp, r.Interrupted))
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	how := "streamed"
	if !r.Target.Stream {
		how = "not streamed"
	}
	fmt.Fprintf(&b, "target     %s, model %s, %s\n", printable(r.Target.URL), printable(r.Target.Model), how)
	fmt.Fprintf(&b, "load       %s\n", planLine(&r.Plan))
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning    %s\n", printable(warning))
	}
	if r.Plan.Loop == load.Sweep {
		writeSteps(&b, r.Steps)
	} else {
		for i := range r.Steps {
			writeStep(&b, &r.Steps[i])
		}
	}
	fmt.Fprintf(&b, "run        %s\n", r.Run)
	_, err := w.Write(b.Bytes())
	return err
}

func thresholdLine(t load.ThresholdResult) string {
	mark := map[string]string{load.Pass: "✓", load.Fail: "✗", load.Unknown: "?"}[t.Verdict]
	line := fmt.Sprintf("%s %-30s", mark, printable(t.Text))
	if t.Value != nil {
		line += " " + thresholdValue(t.Text, *t.Value)
		if t.Low != nil || t.High != nil {
			line += " (" + interval(t.Low, t.High) + ")"
		}
		if t.N > 0 {
			line += ", n " + report.Count(t.N)
		}
	}
	if t.Why != "" {
		line += " unknown: " + t.Why
	}
	return strings.TrimRight(line, " ")
}

// thresholdValue prints a value in the unit of what the threshold limits.
func thresholdValue(text string, x float64) string {
	switch {
	case strings.HasPrefix(text, "errors"), strings.HasPrefix(text, "stalls"):
		return report.Percent(x)
	case strings.HasPrefix(text, "requests_per_second"), strings.HasPrefix(text, "output_tokens_per_second"), strings.HasPrefix(text, "sustained_rate"):
		return perSecond(x)
	}
	return report.Duration(x)
}

// interval prints two times, "?" for an open end, with the unit once if it is one.
func interval(low, high *float64) string {
	end := func(x *float64) string {
		if x == nil {
			return "?"
		}
		return report.Duration(*x)
	}
	from, to := end(low), end(high)
	if number, unit, ok := strings.Cut(from, " "); ok && strings.HasSuffix(to, " "+unit) {
		from = number
	}
	return from + " to " + to
}

func perSecond(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) + "/s" }

func breakingLine(b *load.Breaking, interrupted bool) string {
	switch {
	case b.Broken == 0 && b.Sustained == 0:
		return "no step was run to its end"
	case b.Broken == 0 && interrupted:
		return fmt.Sprintf("not reached: %s is sustained, and then the test was interrupted", perSecond(b.Sustained))
	case b.Broken == 0:
		return fmt.Sprintf("not reached: %s is sustained; sweep further", perSecond(b.Sustained))
	case b.Sustained == 0:
		return fmt.Sprintf("below the slowest rate: %s is too much (%s), %s came out; begin lower", perSecond(b.Broken), b.Why, perSecond(b.Capacity))
	}
	return fmt.Sprintf("%s is sustained, %s is not: %s; at most %s came out", perSecond(b.Sustained), perSecond(b.Broken), b.Why, perSecond(b.Capacity))
}

func planLine(p *load.PlanSummary) string {
	var what string
	seconds := func(ns int64) string { return time.Duration(ns).Round(time.Millisecond).String() }
	switch {
	case p.Loop == load.Closed:
		what = fmt.Sprintf("closed loop, %s, %s of thinking", plural(p.Users, "user"), seconds(p.Think))
	case p.Loop == load.Sweep:
		what = fmt.Sprintf("sweep from %s to %s, %s arrivals", perSecond(p.RateFrom), perSecond(p.RateTo), p.Arrivals)
	case p.Arrivals == load.Replay:
		what = fmt.Sprintf("open loop, replay at %s times its speed", strconv.FormatFloat(p.Rate, 'g', 3, 64))
	case p.Arrivals == load.Ramp:
		what = fmt.Sprintf("open loop, Poisson from %s to %s", perSecond(p.RateFrom), perSecond(p.RateTo))
	default:
		what = fmt.Sprintf("open loop, %s arrivals, %s", p.Arrivals, perSecond(p.Rate))
	}
	if p.Name != string(p.Loop) {
		what = p.Name + ": " + what
	}
	return fmt.Sprintf("%s; %s measured after %s of warm-up; seed %d", what, seconds(p.Duration), seconds(p.Warmup), p.Seed)
}

func writeStep(b *bytes.Buffer, s *load.Step) {
	fmt.Fprintf(b, "requests   %s: %s ok, %s failed, %s unfinished", report.Count(s.Planned), report.Count(s.Succeeded), report.Count(s.Failed), report.Count(s.Unfinished))
	if s.Warmup > 0 {
		fmt.Fprintf(b, "; %s more outside the window", report.Count(s.Warmup))
	}
	b.WriteByte('\n')
	for _, e := range s.Errors {
		fmt.Fprintf(b, "error      %s x %s: %s\n", report.Count(e.Count), e.Kind, printable(e.Example))
	}
	if s.Planned == 0 {
		return
	}
	fmt.Fprintf(b, "tokens     %.0f of prompt (%.0f planned) and %.0f of answer a request\n", s.Input, s.Asked, s.Output)
	fmt.Fprintf(b, "came out   %.3g requests, %.0f output tokens and %.0f prompt tokens a second\n",
		s.Throughput.Requests, s.Throughput.OutputTokens, s.Throughput.InputTokens)
	fmt.Fprintf(b, "in flight  %.1f on average, at most %d\n", s.InFlight.Mean, s.InFlight.Max)
	if l := s.Lag; l != nil {
		fmt.Fprintf(b, "schedule   lag p50 %s, p99 %s, at most %s\n", report.Duration(l.P50), report.Duration(l.P99), report.Duration(l.Max))
	}
	if s.Stalled > 0 {
		fmt.Fprintf(b, "stalled    %s of %s answers\n", report.Count(s.Stalled), report.Count(s.Succeeded))
	}
	writeMeasures(b, s.Measures)
}

// writeMeasures prints a table of measures: those from sending, then those from the plan. TTFO without reasoning is TTFT,
// and ITL with a token a chunk is ICL: they are left out when they say nothing more.
func writeMeasures(b *bytes.Buffer, all []load.Measure) {
	var rows []load.Measure
	for _, from := range []string{load.FromSending, load.FromPlan} {
		for _, m := range all {
			if m.From == from && m.N > 0 {
				rows = append(rows, m)
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "%-17s %7s  %-28s %-28s %-28s %s\n", "latency", "n", "p50 (95 % interval)", "p95", "p99", "mean")
	same := map[string]string{"TTFO": "TTFT", "ITL": "ICL"}
	for _, m := range rows {
		if i := slices.IndexFunc(rows, func(o load.Measure) bool { return o.Name == same[m.Name] && o.From == m.From }); i >= 0 && rows[i].N == m.N && rows[i].Mean == m.Mean {
			continue
		}
		name := m.Name
		if m.From == load.FromPlan {
			name += " from plan"
		}
		fmt.Fprintf(b, "  %-15s %7s ", name, report.Count(m.N))
		for _, p := range []float64{0.5, 0.95, 0.99} {
			fmt.Fprintf(b, " %-28s", quantileCell(&m, p))
		}
		fmt.Fprintf(b, " %s\n", report.Duration(m.Mean))
	}
}

func quantileCell(m *load.Measure, p float64) string {
	for _, q := range m.Quantiles {
		if q.P == p {
			return report.Duration(q.Value) + " (" + interval(q.Low, q.High) + ")"
		}
	}
	return "too few"
}

// writeSteps prints a sweep as a table.
func writeSteps(b *bytes.Buffer, steps []load.Step) {
	fmt.Fprintf(b, "%9s  %8s  %9s  %11s  %9s  %9s  %9s  %9s  %s\n", "rate", "requests", "came out", "tokens out", "in flight", "TTFT p50", "TTFT p95", "lag p99", "verdict")
	for i := range steps {
		s := &steps[i]
		lag := "-"
		if s.Lag != nil {
			lag = report.Duration(s.Lag.P99)
		}
		verdict := string(s.Verdict)
		if len(s.Why) > 0 {
			verdict += ": " + strings.Join(s.Why, "; ")
		}
		fmt.Fprintf(b, "%9s  %8s  %9s  %11s  %9.1f  %9s  %9s  %9s  %s\n", perSecond(s.Rate), report.Count(s.Planned), perSecond(s.Throughput.Requests),
			perSecond(s.Throughput.OutputTokens), s.InFlight.Mean, quantileOf(s, 0.5), quantileOf(s, 0.95), lag, printable(verdict))
	}
}

// quantileOf prints a quantile of TTFT, or of E2E where answers are not streamed.
func quantileOf(s *load.Step, p float64) string {
	for _, name := range []string{"TTFT", "E2E"} {
		for _, m := range s.Measures {
			if m.Name != name || m.From != load.FromSending || m.N == 0 {
				continue
			}
			for _, q := range m.Quantiles {
				if q.P == p {
					return report.Duration(q.Value)
				}
			}
			return "-"
		}
	}
	return "-"
}

// progressLine says how far a load is, on one line of a terminal.
func progressLine(p load.Progress) string {
	what := perSecond(p.Rate)
	if p.Users > 0 {
		what = plural(p.Users, "user")
	}
	line := fmt.Sprintf("step %d, %s  %s of %s  %d sent, %d done, %d failed, %d in flight", p.Step+1, what,
		min(p.Elapsed, p.Length).Round(time.Second), p.Length.Round(time.Second), p.Sent, p.Done, p.Failed, p.InFlight)
	if p.TTFT > 0 {
		line += "  TTFT p50 " + report.Duration(float64(p.TTFT))
	}
	if p.Users == 0 {
		line += "  lag p99 " + report.Duration(float64(p.LagP99))
	}
	return line
}
