package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report/chart"
	"github.com/slowtoken/slowtoken/report/page"
)

func (d *draft) loadTests() {
	d.heading(1, "5. Load test results")
	l := d.r.LoadTest
	if l == nil {
		d.missing("No load test is part of this report.", "run slowtoken loadtest, save its result as JSON, and make this report with --loadtest FILE")
		return
	}
	d.say("%s, of %s, begun %s UTC (%s).", capital(l.Name), l.Target, stamp(l.Started), l.Source)
	if len(l.Mix) > 0 {
		d.list("Request mix", l.Mix)
	}
	t := &page.Table{Caption: "Load by load", Columns: numbers("Load", "For", "Sent", "Failed", "Done /s", "Tokens /s", "TTFT p50", "TTFT p95", "E2E p95", "Verdict")}
	t.Columns[9].Numeric = false
	time := func(ns *float64) string {
		if ns == nil {
			return "not known"
		}
		return Duration(*ns)
	}
	why := []string{}
	for i := range l.Steps {
		s := &l.Steps[i]
		row := page.Cells(s.Load, Duration(float64(s.Duration)), Count(s.Sent), Count(s.Failed), fmt.Sprintf("%.3g", s.Requests), fmt.Sprintf("%.4g", s.Tokens), time(s.TTFT50), time(s.TTFT95), time(s.E2E95), "")
		switch s.Sustained {
		case "sustained":
			row[9] = cell(page.Status{Word: s.Sustained, Color: page.Green})
		case "broken":
			row[9] = cell(page.Status{Word: s.Sustained, Color: page.Red})
			for _, w := range s.Why {
				why = append(why, s.Load+": "+w)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	d.table(t)
	d.heading(2, "Breaking point")
	if l.Breaking != "" {
		d.add(page.Para(page.Strong(l.Breaking)))
	} else {
		d.missing("The test did not look for it.", "run slowtoken loadtest as a sweep of rising rates")
	}
	d.list("Why loads broke", why)
	d.list("What the load generator warns of", l.Warnings)
}

func (d *draft) improvements() {
	d.heading(1, "7. Improvements, before and after")
	d.heading(2, "Before and after")
	if d.r.Change == nil {
		d.missing("There is nothing to compare with.", "save today's analysis (slowtoken analyze -o json --out before.json) and make the next report with --before before.json")
	} else {
		d.change(d.r.Change)
	}
	d.heading(2, "Cost and benefit")
	d.costs()
}

// costs holds what each change takes against what it brings to the requests of this report.
func (d *draft) costs() {
	t := &page.Table{Caption: "What each change takes, and what it brings", Columns: []page.Column{{Title: "Change"}, {Title: "Effort"}, {Title: "Risk"}, {Title: "Requests", Numeric: true}, {Title: "Each wins", Numeric: true}, {Title: "All together", Numeric: true}, {Title: "E2E p95", Numeric: true}}}
	for i := range d.r.Findings {
		f := &d.r.Findings[i]
		each, all, p95 := "not known", "not known", "not tried"
		if f.Recoverable != nil {
			each, all = wonBack(f.Recoverable.Value), wonBack(f.Recoverable.Value*float64(f.Who.N))
		}
		if p := f.Predicted; p != nil && p.Why == "" {
			p95 = Duration(p.Before.Value) + " to " + Duration(p.After.Value)
		}
		t.Rows = append(t.Rows, page.Cells(capital(f.Recommendation.Summary), string(f.Recommendation.Effort), string(f.Recommendation.Risk), Count(f.Who.N), each, all, p95))
	}
	if len(t.Rows) == 0 {
		d.say("No change is recommended, so there is nothing to weigh.")
		return
	}
	d.table(t)
	d.say("Each finding is held against its floor by itself: what they win together is the estimated improvement of the summary. E2E p95 is what a replay of the real arrivals predicts for the change.")
}

// change shows a comparison with an earlier analysis.
func (d *draft) change(c *Comparison) {
	d.say("Before: %s. After: %s.", c.Sources[0], c.Sources[1])
	for _, line := range c.verdict() {
		d.say("%s.", capital(strings.TrimSuffix(line, ".")))
	}
	t := &page.Table{Caption: "Before and after; ~ is a difference that can be chance", Columns: numbers("Measure", "Before", "After", "Change, 95 % interval", "p, corrected")}
	pairs := []chart.Pair{}
	for _, list := range [][]population.Change{c.Workload, c.Measures, c.Phases} {
		for i := range list {
			ch := &list[i]
			name := ch.Name + " " + ch.Stat
			if ch.Path != nil {
				name = ch.Name + ", of " + ch.Path.String()
			}
			if ch.Why != "" {
				continue
			}
			t.Rows = append(t.Rows, page.Cells(name, figure(ch.Before, ch.Unit), figure(ch.After, ch.Unit), changeText(&ch.Difference, ch.Unit), pText(ch.P)))
			if ch.Unit == "ns" && ch.Stat == "p95" && ch.Path == nil {
				pairs = append(pairs, chart.Pair{Label: name, Before: bare(int64(ch.Before)), After: bare(int64(ch.After))})
			}
		}
	}
	alt := []string{}
	for _, p := range pairs {
		alt = append(alt, fmt.Sprintf("%s was %s and is %s", p.Label, Duration(p.Before.Value*1e9), Duration(p.After.Value*1e9)))
	}
	if len(pairs) > 0 {
		d.add(&page.Figure{Name: "before-after", Caption: "Latency before and after", Alt: capital(strings.Join(alt, "; ")) + ".", Picture: chart.Pairs("before", "after", pairs)})
	}
	d.table(t)
}
