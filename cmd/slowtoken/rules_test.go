package main

import (
	"testing"

	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

func TestFailOn(t *testing.T) {
	with := func(verdict string, severities ...rules.Severity) *report.Report {
		r := &report.Report{Result: &rules.Result{}, Targets: []report.TargetResult{{Verdict: verdict}}}
		for i, s := range severities {
			r.Findings = append(r.Findings, rules.Finding{Rank: i + 1, Severity: s})
		}
		return r
	}
	for _, c := range []struct {
		failOn string
		report *report.Report
		want   int
	}{
		{"critical", with(report.VerdictPass, rules.SeverityModerate, rules.SeverityCritical), exitFinding},
		{"critical", with(report.VerdictFail, rules.SeverityModerate), exitOK},
		{"moderate", with(report.VerdictPass, rules.SeverityMinor, rules.SeverityCritical), exitFinding},
		{"moderate", with(report.VerdictPass, rules.SeverityModerate, rules.SeverityMinor), exitFinding},
		{"moderate", with(report.VerdictPass, rules.SeverityMinor), exitOK},
		{"target", with(report.VerdictFail), exitFinding},
		{"target", with(report.VerdictPass, rules.SeverityCritical), exitOK},
	} {
		if got := exitCode(failedOn([]string{c.failOn}, c.report)); got != c.want {
			t.Errorf("--fail-on %s of %v: exit code %d, want %d", c.failOn, c.report.Findings, got, c.want)
		}
	}
}
