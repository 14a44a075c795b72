package report

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

func textMeasures(p *answer, r *Report) {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%-10s %7s   %-26s %-26s %s\n", "latency", "n", "p50 (95 % interval)", "p95", "p99")
	defined := []string{}
	for _, m := range r.Measures {
		if m.Definition != "" {
			defined = append(defined, definedText(&m))
		}
		if m.Definition != "" || m.Name == "NTPOT" {
			continue
		}
		var row strings.Builder
		fmt.Fprintf(&row, "  %-8s %7s  ", m.Name, Count(m.N))
		if m.N == 0 {
			row.WriteString(" not observable here")
		}
		for _, q := range m.Quantiles {
			fmt.Fprintf(&row, " %-26s", quantile(q, r.Requests.Censored))
		}
		fmt.Fprintln(b, strings.TrimRight(row.String(), " "))
	}
	p.add(rankKept, b.String())
	if len(defined) > 0 {
		p.addLine(rankDefinition, fmt.Sprintf("  as %s defines them, p50 / p95: %s", r.Measures[len(r.Measures)-1].Definition, strings.Join(defined, "; ")))
	}
}

func definedText(m *Measure) string {
	if m.N == 0 {
		return m.Name + " not observable"
	}
	return fmt.Sprintf("%s %s / %s", m.Name, Duration(m.Quantiles[0].Value), Duration(m.Quantiles[1].Value))
}

// textTargets names the targets by how they stand.
func textTargets(b *bytes.Buffer, r *Report) {
	var groups []string
	for _, v := range []struct{ verdict, word string }{{VerdictFail, "missed"}, {VerdictPass, "met"}, {VerdictUnknown, "unknown"}} {
		var names []string
		last := ""
		for i := range r.Targets {
			t := &r.Targets[i]
			if t.Verdict != v.verdict {
				continue
			}
			name := t.Measure + " " + t.Statistic
			if t.Measure == last {
				name = t.Statistic
			} else if t.Measure == targetErrors {
				name = targetErrors
			}
			last = t.Measure
			names = append(names, name+" < "+limitText(t))
		}
		if len(names) > 0 {
			groups = append(groups, v.word+": "+strings.Join(names, ", "))
		}
	}
	if len(groups) > 0 {
		fmt.Fprintf(b, "targets    %s\n", printable(strings.Join(groups, "; "), maxTextWidth-11))
	}
}

func limitText(t *TargetResult) string {
	if t.Unit == "share" {
		return strconv.FormatFloat(100*t.Limit, 'g', 3, 64) + " %"
	}
	return shortDuration(t.Limit)
}

// shortDuration prints a limit as a person would write it.
func shortDuration(ns float64) string {
	number, unit, _ := strings.Cut(Duration(ns), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + " " + unit
}

// textSLO says how many requests kept their objectives.
func textSLO(b *bytes.Buffer, r *Report) {
	s := r.SLO
	if s == nil {
		return
	}
	var objectives []string
	for _, o := range s.Objectives {
		objectives = append(objectives, o.Measure+" "+shortDuration(float64(o.Limit)))
	}
	fmt.Fprintf(b, "slo        %s: %s attained (%s of %s)", strings.Join(objectives, ", "), Percent(s.Attainment), Count(s.Attained), Count(s.Total))
	if s.Unknown > 0 {
		fmt.Fprintf(b, ", %s unknown", Count(s.Unknown))
	}
	if s.Running > 0 {
		fmt.Fprintf(b, ", %s running", Count(s.Running))
	}
	fmt.Fprintf(b, "; goodput %s of %s req/s\n", rate(s.Goodput), rate(s.Throughput))
}

// rate prints requests a second, which may be few, with three digits.
func rate(rps float64) string {
	if rps >= 100 {
		return fmt.Sprintf("%.0f", rps)
	}
	return strconv.FormatFloat(rps, 'g', 3, 64)
}

// quantile prints a value and its interval; "at least" stands where the sample is too small for an upper end.
func quantile(q Quantile, censored bool) string {
	value := Duration(q.Value)
	if censored {
		value = ">= " + value
	}
	switch {
	case q.Low == nil && q.Open != "":
		return value + " (" + q.Open + ")"
	case q.Low == nil:
		return value + " (n too small)"
	case q.High == nil:
		return fmt.Sprintf("%s (%s to ?)", value, Duration(*q.Low))
	}
	low, high := Duration(*q.Low), Duration(*q.High)
	lowNumber, lowUnit, _ := strings.Cut(low, " ")
	if _, highUnit, _ := strings.Cut(high, " "); lowUnit == highUnit {
		low = lowNumber
	}
	return fmt.Sprintf("%s (%s to %s)", value, low, high)
}

// samplingText says which share of the requests is there to be seen, and how many there were.
func samplingText(s *Sampling) string {
	text := s.Basis
	switch {
	case s.Suspected:
		return text + ", though many traces are in parts: perhaps sampled; --fact sampling=none or a share such as 0.1 settles it"
	case s.Complete:
		return "none, " + text
	case s.Lowest == s.Highest:
		text = fmt.Sprintf("%s kept, %s", Percent(s.Lowest), text)
	default:
		text = fmt.Sprintf("%s to %s kept, %s", Percent(s.Lowest), Percent(s.Highest), text)
	}
	e := s.Estimated
	if s.LowerBound {
		return fmt.Sprintf("%s; some at an unknown rate: at least %s requests in truth", text, Count(int(math.Round(e.Value))))
	}
	return fmt.Sprintf("%s: about %s requests in truth (%s to %s)", text, Count(int(math.Round(e.Value))),
		Count(int(math.Round(e.Low))), Count(int(math.Round(e.High))))
}
