package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// show prints all that a report says, and why the rules that should be named, and those that are, fire or do not.
func show(r *result, rep *report.Report, set *rules.Set) (string, error) {
	var p page
	p.line("=== %s as %s: %d requests", r.name(), r.dialect, r.requests)
	p.line("label %v, costs %.0f %% of E2E and %.0f %% of TTFT; carried: %v", r.labels(), 100*r.cost.e2e, 100*r.cost.ttft, r.observable())
	for _, key := range slices.Sorted(maps.Keys(rep.Facts)) {
		p.line("fact    %s = %s", key, rep.Facts[key])
	}
	for _, t := range rep.Targets {
		p.line("target  %s %s: %s, %s", t.Name, limitText(t.Unit, t.Limit), valueText(t.Unit, t.Value), t.Verdict)
	}
	if err := report.WriteText(&p, rep); err != nil {
		return "", err
	}
	shown := append(slices.Clone(r.labels()), r.answer.named...)
	for i := range rep.Findings {
		p.finding("finding", &rep.Findings[i])
	}
	for i := range rep.Telemetry {
		p.finding("about telemetry", &rep.Telemetry[i])
	}
	for _, w := range rep.Withheld {
		p.line("withheld %s in regime %d: %s (%s)", w.Rule, w.Regime, w.Why, w.By)
	}
	for _, u := range rep.Unnamed {
		p.line("unnamed %s in regime %d: %s %s", u.Phase, u.Regime, u.Rule, u.Why)
	}
	for _, s := range rep.Skipped {
		var needs []string
		for _, n := range s.Needs {
			needs = append(needs, strings.TrimSpace(n.Variable+" "+n.Why))
		}
		p.line("skipped %s: needs %s", s.Rule, strings.Join(needs, "; "))
	}
	for i := range rep.Scores {
		if s := &rep.Scores[i]; s.Cohort == "all" && s.Value != nil {
			p.line("score   %-5s %-13s %5.1f, share %4.1f %%, floor: %s", s.Path, s.Phase, *s.Value, 100*s.Share, s.FloorSource)
		}
	}
	slices.Sort(shown)
	for _, id := range slices.Compact(shown) {
		for _, x := range set.Explain(id, rep.Cases) {
			p.explanation(&x)
		}
	}
	return p.String(), nil
}

func (p *page) finding(kind string, f *rules.Finding) {
	p.line("%s %d: %s, %s, of %s in regime %d: %s", kind, f.Rank, f.Rule, f.Severity, f.Phase, f.Regime, f.Cause)
	if f.Recoverable != nil {
		p.line("    recoverable %s of E2E, %d of %d requests, confidence %.2f, priority %.1f ms", report.Duration(f.Recoverable.Value), f.Who.N, f.Who.Of, f.Confidence.Value, f.Priority.Value)
	}
	for _, e := range f.Evidence {
		p.line("    %s: %s (%s) holds %v", e.Text, e.Value, e.Measure, e.Holds)
	}
	for i := range f.Beneath {
		p.finding("    beneath", &f.Beneath[i])
	}
}

func (p *page) explanation(x *rules.Explanation) {
	p.line("why %s, regime %d of %q: fires %v, decided %v", x.Rule, x.Regime, x.Domain, x.Fires, x.Decided)
	for _, c := range x.Conditions {
		p.line("    %-9s %s    %s", c.Value, c.Text, c.Sides)
	}
	for _, v := range x.Variables {
		p.line("      %s = %s", v.Name, strings.TrimSpace(v.Value+" "+interval(v.Low, v.High)))
	}
}

func interval(low, high string) string {
	if low == "" {
		return ""
	}
	return fmt.Sprintf("(%s to %s)", low, high)
}

func limitText(unit string, limit float64) string { return valueText(unit, &limit) }

func valueText(unit string, value *float64) string {
	switch {
	case value == nil:
		return "not known"
	case unit == "ns" || strings.HasPrefix(unit, "ns"):
		return report.Duration(*value)
	}
	return fmt.Sprintf("%.3g %s", *value, unit)
}
