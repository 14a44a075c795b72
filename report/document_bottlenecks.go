package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report/chart"
	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

// longList is how many rows a table of the long form holds before the rest is only counted.
const longList = 20

func (d *draft) bottlenecks() {
	r := d.r
	d.heading(1, "4. Bottleneck analysis")
	if r.Requests.Succeeded == 0 {
		d.missing("No request succeeded in the window.", "widen --since")
		return
	}
	d.heading(2, "Phases and their scores")
	d.phases()
	d.heading(2, "The tail")
	d.tail()
	d.heading(2, "Top operations")
	t := &page.Table{Caption: "Operations by their time on critical paths", Columns: numbers("Operation", "Time", "Share", "Spans", "Traces")}
	for i, op := range r.Operations {
		if i == longList {
			break
		}
		t.Rows = append(t.Rows, page.Cells(op.Service+" "+op.Name, Duration(float64(op.Self)), Percent(op.Share), Count(op.Spans), Count(op.Traces)))
	}
	d.table(t)
	if n := len(r.Operations) - longList; n > 0 {
		d.say("And %s more.", plural(n, "operation"))
	}
	d.heading(2, "Waterfalls")
	d.waterfalls()
	d.heading(2, "What slow requests have in common")
	d.correlations()
	for i := range r.Findings {
		d.finding(&r.Findings[i], 2)
	}
	d.heading(2, "What is fine")
	d.fine()
	d.heading(2, "What could not be seen")
	d.unseen()
}

func (d *draft) phases() {
	r := d.r
	stacks := []chart.Stack{{Label: "TTFT"}, {Label: "E2E"}}
	t := &page.Table{Caption: "Time by phase; a score is the share of the time that could be won back", Columns: numbers("Phase", "Share of TTFT", "Share of E2E", "Score TTFT", "Score E2E", "To be won back", "Floor")}
	t.Columns[6].Numeric = false
	alt := []string{}
	for i := range r.Phases {
		p := &r.Phases[i]
		if p.Requests == 0 {
			if core(p.Phase) {
				t.Rows = append(t.Rows, page.Cells(p.Phase.String(), "not observable here", "not observable here", "", "", "", ""))
			}
			continue
		}
		stacks[0].Parts = append(stacks[0].Parts, chart.Part{Name: p.Phase.String(), Share: p.TTFTShare})
		stacks[1].Parts = append(stacks[1].Parts, chart.Part{Name: p.Phase.String(), Share: p.E2EShare})
		alt = append(alt, fmt.Sprintf("%s %s of TTFT and %s of E2E", p.Phase, Percent(p.TTFTShare), Percent(p.E2EShare)))
		row := page.Cells(p.Phase.String(), Percent(p.TTFTShare), Percent(p.E2EShare), "", "", "", "")
		for k, path := range []population.Path{population.PathTTFT, population.PathE2E} {
			s := d.score(p.Phase, path)
			if s == nil {
				continue
			}
			row[3+k] = scoreCell(s)
			if path == population.PathE2E && s.Value != nil {
				row[5], row[6] = page.Para(page.Text(Duration(s.Recoverable.Value))), page.Para(page.Text(s.FloorSource))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	for i := range r.NotApart {
		n := &r.NotApart[i]
		t.Rows = append(t.Rows, page.Cells(joinPhases(n.Phases, " + ")+", not separable", Percent(n.TTFTShare), Percent(n.E2EShare), "", "", "", ""))
		stacks[0].Parts = append(stacks[0].Parts, chart.Part{Name: "unattributed", Share: n.TTFTShare})
		stacks[1].Parts = append(stacks[1].Parts, chart.Part{Name: "unattributed", Share: n.E2EShare})
	}
	d.add(&page.Figure{Name: "phases", Caption: "Where the time of a request goes, on average", Alt: capital(strings.Join(alt, "; ")) + ".", Picture: chart.Stacks(stacks)})
	d.table(t)
}

func core(p analyzer.Phase) bool {
	for _, c := range analyzer.CorePhases {
		if c == p {
			return true
		}
	}
	return false
}

func (d *draft) score(phase analyzer.Phase, path population.Path) *population.Score {
	for i := range d.r.Scores {
		if s := &d.r.Scores[i]; s.Phase == phase && s.Path == path && s.Cohort == "all" {
			return s
		}
	}
	return nil
}

func scoreCell(s *population.Score) page.Paragraph {
	if s.Value == nil {
		return page.Para(page.Text("none: " + s.Why))
	}
	color := map[string]page.Color{"fine": page.Green, "moderate": page.Yellow, "critical": page.Red}[s.Class]
	if color == "" {
		color = page.Grey
	}
	text := fmt.Sprintf("%.0f", *s.Value)
	if s.Low != nil && s.High != nil {
		text += fmt.Sprintf(" (%.0f to %.0f)", *s.Low, *s.High)
	}
	return page.Para(page.Text(text+" "), page.Status{Word: s.Class, Color: color})
}

func (d *draft) tail() {
	said := false
	for i := range d.r.Tail {
		t := &d.r.Tail[i]
		if t.Body == 0 || t.Tail == 0 || len(t.Parts) == 0 {
			continue
		}
		said = true
		name := fmt.Sprintf("regime %d, %s", t.Regime+1, t.Path)
		pairs := []chart.Pair{}
		table := &page.Table{Caption: fmt.Sprintf("%s: mean of the slowest 5 %% against the faster half", capital(name)), Columns: numbers("Phase", "Difference", "Share")}
		for _, part := range t.Parts {
			label := part.Phase.String()
			if len(part.Covers) > 0 {
				label = joinPhases(part.Covers, " + ")
			}
			table.Rows = append(table.Rows, page.Cells(label, signedDuration(float64(part.NS)), Percent(part.Share)))
		}
		pairs = append(pairs, chart.Pair{Label: t.Path.String(), Before: bare(t.BodyMean), After: bare(t.TailMean)})
		alt := fmt.Sprintf("The slowest requests take %s on average, the faster half %s.", Duration(float64(t.TailMean)), Duration(float64(t.BodyMean)))
		d.add(&page.Figure{Name: fmt.Sprintf("tail-%d-%s", t.Regime+1, strings.ToLower(t.Path.String())), Caption: capital(name) + ": mean of the faster half and of the slowest 5 %", Alt: alt, Picture: chart.Pairs("half", "tail", pairs)})
		if t.TooFew {
			d.say("The tail has %s only: too few to conclude from.", plural(t.Tail, "request"))
		}
		d.table(table)
	}
	if !said {
		d.missing("There is no tail to explain.", "analyze a window with more requests")
	}
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
		d.say("No attribute value stands out.")
	}
	d.table(t)
}

func (d *draft) finding(f *rules.Finding, level int) {
	d.heading(level, "Finding "+rankText(f)+": "+f.Title)
	about := page.Para(severityStatus(f), page.Text(" "+string(f.Class)+"-bound, phase "), page.Mono(f.Phase.String()), page.Text(fmt.Sprintf(", rule %s; %s of %s requests (%s)", f.Rule, Count(f.Who.N), Count(f.Who.Of), Percent(f.Who.Share))))
	if f.Experimental {
		about = append(about, page.Text("; experimental, so it is not ranked"))
	}
	d.add(about)
	d.list("Symptoms", f.Symptoms)
	d.add(page.Para(page.Strong("Root cause: "), page.Text(f.Cause)))
	t := &page.Table{Caption: "Evidence", Columns: []page.Column{{Title: "What is seen"}, {Title: "Value", Numeric: true}, {Title: "n", Numeric: true}, {Title: "Holds"}}}
	for _, e := range f.Evidence {
		holds := page.Status{Word: "yes", Color: page.Green}
		switch {
		case !e.Observed:
			holds = page.Status{Word: "not known", Color: page.Grey}
		case !e.Holds:
			holds = page.Status{Word: "no", Color: page.Yellow}
		}
		n := ""
		if e.N > 0 {
			n = Count(e.N)
		}
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Text(e.Text)), cell(page.Text(e.Value)), cell(page.Text(n)), cell(holds)})
	}
	d.table(t)
	d.add(page.Para(page.Strong("Impact: "), page.Text(fmt.Sprintf("E2E %s, TTFT %s a request; floor: %s. Confidence %.2f = evidence %.2f x sample %.2f x telemetry %.2f.",
		amountText(f.Recoverable), amountText(f.TTFT), f.Floor, f.Confidence.Value, f.Confidence.Evidence, f.Confidence.Sample, f.Confidence.Telemetry))))
	d.exemplars(f)
	for i := range f.Beneath {
		d.add(page.Para(page.Strong("A symptom of it: "), page.Text(f.Beneath[i].Title+". "+f.Beneath[i].Cause)))
	}
}

func (d *draft) exemplars(f *rules.Finding) {
	if len(f.Who.Exemplars) == 0 {
		return
	}
	line := page.Para(page.Strong("To look at: "))
	for i, e := range f.Who.Exemplars {
		if i > 0 {
			line = append(line, page.Text(", "))
		}
		line = append(line, page.Link{Text: e.TraceID.String(), URL: e.Link}, page.Text(" ("+Duration(float64(e.E2E))+")"))
	}
	d.add(line)
}

func (d *draft) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	l := &page.List{}
	for _, item := range items {
		l.Items = append(l.Items, page.Para(page.Text(item)))
	}
	d.add(page.Para(page.Strong(title+":")), l)
}

func (d *draft) fine() {
	list := &page.List{}
	for i := range d.r.Scores {
		s := &d.r.Scores[i]
		if s.Cohort == "all" && s.Path == population.PathE2E && s.Class == "fine" {
			list.Items = append(list.Items, page.Para(page.Mono(s.Phase.String()), page.Text(fmt.Sprintf(" has a score of %.0f: %s a request could be won back.", *s.Value, Duration(s.Recoverable.Value)))))
		}
	}
	for i := range d.r.Targets {
		if t := &d.r.Targets[i]; t.Verdict == VerdictPass && t.Sure {
			list.Items = append(list.Items, page.Para(page.Text("The target of "+t.Measure+" "+t.Statistic+" is met.")))
		}
	}
	if len(list.Items) == 0 {
		d.say("Nothing could be shown to be at its floor.")
		return
	}
	d.add(list)
}

func (d *draft) unseen() {
	t := &page.Table{Caption: "What could not be said, and what would show it", Columns: []page.Column{{Title: "What"}, {Title: "Why"}, {Title: "What would show it"}}}
	for i, a := range d.r.Abstained {
		if i == longList {
			d.say("%s of %s claims that could not be made are listed.", Count(longList), Count(len(d.r.Abstained)))
			break
		}
		t.Rows = append(t.Rows, page.Cells(a.What, a.Why, a.Remedy))
	}
	d.table(t)
	if len(d.r.Skipped) > 0 {
		inner := &page.List{}
		for _, s := range d.r.Skipped {
			needs := []string{}
			for _, n := range s.Needs {
				needs = append(needs, n.Variable+" ("+n.Remedy+")")
			}
			inner.Items = append(inner.Items, page.Para(page.Text(s.Title+": needs "+strings.Join(needs, ", "))))
		}
		d.add(&page.Expand{Title: plural(len(d.r.Skipped), "rule") + " could not be decided for lack of data", Blocks: []page.Block{inner}})
	}
}
