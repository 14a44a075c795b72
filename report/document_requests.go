package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report/chart"
	"github.com/slowtoken/slowtoken/report/page"
)

func (d *draft) tail() {
	said := false
	for i := range d.r.Tail {
		t := &d.r.Tail[i]
		if t.Body == 0 || t.Tail == 0 || len(t.Parts) == 0 {
			continue
		}
		said = true
		name := fmt.Sprintf("regime %d, %s", t.Regime+1, t.Path)
		slowest := "slowest 5 %"
		if t.Path != population.PathE2E {
			slowest += " by E2E"
		}
		stacks := []chart.Stack{{Label: "faster half", Seconds: float64(t.BodyMean) / 1e9}, {Label: "slowest 5 %", Seconds: float64(t.TailMean) / 1e9}}
		table := &page.Table{Caption: capital(name) + ": mean of the " + slowest + " against the faster half", Columns: numbers("Phase", "Faster half", "Slowest", "Difference", "Share")}
		for _, part := range t.Parts {
			label, fill := part.Phase.String(), part.Phase.String()
			if len(part.Covers) > 0 {
				label = joinPhases(part.Covers, " + ")
			}
			table.Rows = append(table.Rows, page.Cells(label, Duration(float64(part.Body)), Duration(float64(part.Tail)), signedDuration(float64(part.NS)), Percent(part.Share)))
			stacks[0].Parts = append(stacks[0].Parts, chart.Part{Name: fill, Share: share(part.Body, t.BodyMean)})
			stacks[1].Parts = append(stacks[1].Parts, chart.Part{Name: fill, Share: share(part.Tail, t.TailMean)})
		}
		alt := fmt.Sprintf("The slowest requests take %s on average, the faster half %s.", Duration(float64(t.TailMean)), Duration(float64(t.BodyMean)))
		if len(t.Parts) > 0 && t.Difference > 0 {
			alt += fmt.Sprintf(" %s of the difference is %s.", Percent(t.Parts[0].Share), table.Rows[0][0][0].(page.Text))
		}
		d.add(&page.Figure{Name: fmt.Sprintf("tail-%d-%s", t.Regime+1, strings.ToLower(t.Path.String())), Caption: capital(name) + ": the faster half and the " + slowest + ", in their phases, on the same scale", Alt: alt, Picture: chart.Stacks(stacks)})
		if t.TooFew {
			d.say("The tail has %s only: too few to conclude from.", plural(t.Tail, "request"))
		}
		d.table(table)
	}
	if !said {
		d.missing("There is no tail to explain.", "analyze a window with more requests")
	}
}

// incidents tells what happened when.
func (d *draft) incidents() {
	if len(d.r.Incidents) == 0 {
		d.say("None: no short stretch of time holds nearly all slow requests.")
	}
	for i := range d.r.Incidents {
		n := &d.r.Incidents[i]
		text := fmt.Sprintf("On %s UTC, %s arrived within %s.", stamp(time.Unix(0, n.Burst).UTC()), plural(n.Arrivals, "request"), Duration(float64(n.Within)))
		if n.Drain > 0 {
			text += fmt.Sprintf(" It took %s until no more than usual were under way.", Duration(float64(n.Drain)))
		}
		text += fmt.Sprintf(" Of the %s slow requests of regime %d, %s fall into it: without it, p95 of E2E is %s instead of %s.", Count(n.TailOf), n.Regime+1, Count(n.Tail), Duration(float64(n.P95Without)), Duration(float64(n.P95)))
		d.add(page.Para(page.Strong(fmt.Sprintf("Incident %d. ", i+1)), page.Text(text)))
	}
}

// turns shows agents and chains, then kinds of requests.
func (d *draft) turns() {
	t := &page.Table{Caption: "Turns of agents and chains: what their own time is spent on", Columns: numbers("Turn", "Turns", "Requests each", "p50", "p95", "Inference", "Tools", "Orchestration")}
	for i := range d.r.TurnGroups {
		g := &d.r.TurnGroups[i]
		if i == longList {
			d.say("%s of %s kinds of turns are listed.", Count(longList), Count(len(d.r.TurnGroups)))
			break
		}
		t.Rows = append(t.Rows, page.Cells(label(g.Service, g.Name), Count(g.Turns), fmt.Sprintf("%.3g", g.Requests), Duration(float64(g.P50)), Duration(float64(g.P95)),
			Percent(share(g.Inference, g.Mean)), Percent(share(g.Tool, g.Mean)), Percent(share(g.Orchestration, g.Mean))))
	}
	if len(t.Rows) == 0 {
		d.say("No agent or chain is seen: every request stands for itself.")
	}
	d.table(t)
	t = &page.Table{Caption: "Requests by kind", Columns: numbers("Requests", "n", "TTFT of a typical one", "E2E of it", "E2E of the slowest")}
	for i := range d.r.Cohorts {
		c := &d.r.Cohorts[i]
		if c.Typical == nil || c.Worst == nil || len(t.Rows) == longList {
			continue
		}
		ttft := "not known"
		if c.Typical.TTFT > 0 {
			ttft = Duration(float64(c.Typical.TTFT))
		}
		t.Rows = append(t.Rows, page.Cells(c.Name, Count(c.N), ttft, Duration(float64(c.Typical.E2E)), Duration(float64(c.Worst.E2E))))
	}
	d.table(t)
}

// bare is a value of which no interval is told.
func bare(ns int64) chart.Interval {
	return chart.Interval{Value: float64(ns) / 1e9, Low: math.NaN(), High: math.NaN()}
}

func (d *draft) waterfalls() {
	if len(d.r.Waterfalls) == 0 {
		d.missing("The traces themselves are not part of this report.", "make it with slowtoken report from the traces, or draw one with slowtoken trace ID")
	}
	for i := range d.r.Waterfalls {
		w := &d.r.Waterfalls[i]
		rows := []chart.Row{}
		for _, s := range w.Rows {
			row := chart.Row{Label: s.Label, Depth: s.Depth, From: float64(s.Start) / 1e9, To: float64(s.End) / 1e9}
			for _, p := range s.Pieces {
				row.Pieces = append(row.Pieces, chart.Piece{Name: p.Phase.String(), From: float64(p.Start) / 1e9, To: float64(p.End) / 1e9})
			}
			rows = append(rows, row)
		}
		alt := fmt.Sprintf("Trace %s takes %s; its largest phase is %s.", w.TraceID, Duration(float64(w.Length)), joinPhases(w.Largest, " + "))
		d.add(&page.Figure{Name: "waterfall-" + w.What, Caption: capital(w.What) + " request, trace " + w.TraceID + "; filled is the critical path", Alt: alt, Picture: chart.Waterfall(float64(w.Length)/1e9, rows)})
		if w.More > 0 {
			d.say("%s more are not drawn.", capital(plural(w.More, "span")))
		}
	}
}

func (d *draft) correlations() {
	t := &page.Table{Caption: "Attribute values that are over-represented where a phase is slow", Columns: numbers("Phase", "Attribute and value", "Requests", "Lift", "Cliff's delta", "Mean difference", "p, corrected")}
	t.Columns[1].Numeric = false
	for i := range d.r.Correlations {
		if i == longList {
			break
		}
		c := &d.r.Correlations[i]
		t.Rows = append(t.Rows, page.Cells(c.Phase.String(), c.Attribute+" = "+c.Value, Count(c.N), fmt.Sprintf("%.2g", c.Lift), fmt.Sprintf("%.2f", c.Delta), signedDuration(c.Mean), fmt.Sprintf("%.2g", c.P)))
	}
	if len(t.Rows) == 0 {
		d.say("%s", d.noCorrelation())
	}
	d.table(t)
}

// noCorrelation says that no attribute stands out, or why that was not looked at.
func (d *draft) noCorrelation() string {
	for _, a := range d.r.Abstained {
		if a.What == population.AbstainedCorrelation {
			return "Not looked at: " + a.Why + "."
		}
	}
	return "No attribute value stands out."
}
