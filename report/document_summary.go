package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

func (d *draft) header() {
	r := d.r
	t := &page.Table{Columns: []page.Column{{Title: "About"}, {Title: "This report"}}}
	row := func(name, value string) { t.Rows = append(t.Rows, page.Cells(name, value)) }
	if h := r.Header; h != nil {
		if h.Author != "" {
			row("Author", h.Author)
		}
		row("Date", h.Made.UTC().Format("2006-01-02"))
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Text("Status")), cell(page.Status{Word: h.Status, Color: page.Blue})})
	}
	row("Window", r.windowText())
	row("Source", r.Source)
	row("Read", fmt.Sprintf("%s requests in %s traces, %s spans", Count(r.Requests.Total), Count(r.Traces), Count(r.Spans)))
	d.add(t, page.Contents{})
}

func (r *Report) windowText() string {
	if r.Traces == 0 {
		return "no traces"
	}
	return stamp(r.Window.First) + " to " + stamp(r.Window.Last) + " UTC (" + Duration(float64(r.Window.Last.Sub(r.Window.First))) + ")"
}

func (d *draft) summary() {
	r := d.r
	d.heading(1, "Executive summary")
	d.add(&page.Panel{Kind: d.mood(), Title: "In short", Blocks: d.inShort()})
	d.heading(2, "Objectives")
	d.say("Find out where the time of %s inference requests goes, which part of it could be won back, and what to change first.", Count(r.Requests.Total))
	d.heading(2, "Key findings")
	if len(r.Findings) == 0 {
		d.say("No rule fires. %s", d.nearest())
	}
	t := &page.Table{Caption: "Findings, the first to fix at the top", Columns: []page.Column{{Title: "#"}, {Title: "Severity"}, {Title: "Finding"}, {Title: "Phase"}, {Title: "To be won back", Numeric: true}, {Title: "Confidence", Numeric: true}}}
	for i := range r.Findings {
		f := &r.Findings[i]
		t.Rows = append(t.Rows, []page.Paragraph{
			cell(page.Text(rankText(f))), cell(severityStatus(f)), cell(page.Text(f.Title)), cell(page.Mono(f.Phase.String())),
			cell(page.Text(amountText(f.Recoverable))), cell(page.Text(fmt.Sprintf("%.2f", f.Confidence.Value))),
		})
	}
	d.table(t)
	d.heading(2, "Impact against targets")
	d.targets()
	d.heading(2, "Estimated improvement")
	d.estimate()
}

// mood is how the summary is set.
func (d *draft) mood() page.PanelKind {
	switch d.r.Verdict {
	case rules.VerdictBottleneck:
		return page.Warning
	case rules.VerdictHealthy:
		return page.Tip
	}
	return page.Note
}

func (d *draft) inShort() []page.Block {
	r := d.r
	switch {
	case r.Requests.Total == 0:
		return []page.Block{page.Para(page.Text("Nothing was read that could be judged."))}
	case len(r.Findings) > 0 && r.Verdict == rules.VerdictBottleneck:
		f := &r.Findings[0]
		blocks := []page.Block{
			page.Para(page.Strong(f.Title+"."), page.Text(" "+f.Cause)),
			page.Para(page.Text("To be won back: "+amountText(f.Recoverable)+" a request, on average over the "+Count(f.Who.N)+" affected of "+Count(f.Who.Of)+" requests. First change: "), page.Strong(f.Recommendation.Summary), page.Text("."+d.predicted(f))),
		}
		if missed := d.missed(); missed != "" {
			blocks = append(blocks, page.Para(page.Text(missed)))
		}
		return blocks
	case r.Verdict == rules.VerdictHealthy:
		return []page.Block{page.Para(page.Strong("No bottleneck worth your time."), page.Text(" "+d.nearest()))}
	}
	return []page.Block{page.Para(page.Strong("Too little is known to name a bottleneck."), page.Text(" "+capital(strings.TrimPrefix(noCause(r), "not named: "))+". Section 4 says what could not be seen, and what would show it."))}
}

// predicted says what the first change is expected to bring.
func (d *draft) predicted(f *rules.Finding) string {
	if p := f.Predicted; p != nil && p.Why == "" {
		return fmt.Sprintf(" By replay of the real arrivals, E2E p95 goes from %s to %s.", Duration(p.Before.Value), Duration(p.After.Value))
	}
	return ""
}

// targetName names what a target is for.
func targetName(t *TargetResult) string {
	if t.Measure == targetErrors {
		return "the share of errors"
	}
	return t.Measure + " " + t.Statistic
}

// missed names the targets that are missed.
func (d *draft) missed() string {
	list := []string{}
	for i := range d.r.Targets {
		t := &d.r.Targets[i]
		if t.Verdict != VerdictFail || t.Value == nil {
			continue
		}
		value, limit := Duration(*t.Value), Duration(t.Limit)
		if t.Statistic == "share" {
			value, limit = Percent(*t.Value), Percent(t.Limit)
		}
		list = append(list, fmt.Sprintf("%s (%s, limit %s)", targetName(t), value, limit))
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s missed: %s.", len(list), plural(len(d.r.Targets), "target"), strings.Join(list, ", "))
}

// nearest says how far the nearest rule is from firing.
func (d *draft) nearest() string {
	n := d.r.Nearest
	if n == nil {
		return ""
	}
	return fmt.Sprintf("The nearest rule is %s: %s is %s, and it would fire at %s.", n.Title, n.Condition, n.Value, n.Limit)
}

func rankText(f *rules.Finding) string {
	if f.Rank == 0 {
		return "not ranked"
	}
	return fmt.Sprint(f.Rank)
}

func severityStatus(f *rules.Finding) page.Status {
	colors := map[rules.Severity]page.Color{rules.SeverityCritical: page.Red, rules.SeverityModerate: page.Yellow, rules.SeverityMinor: page.Green}
	color, ok := colors[f.Severity]
	if !ok {
		color = page.Grey
	}
	return page.Status{Word: string(f.Severity), Color: color}
}

func amountText(a *rules.Amount) string {
	if a == nil {
		return "not known"
	}
	text := Duration(a.Value)
	if a.Low != nil && a.High != nil {
		text += " (" + interval(a.Low, a.High) + ")"
	}
	return text
}

func (d *draft) targets() {
	t := &page.Table{Caption: "Targets", Columns: []page.Column{{Title: "Target"}, {Title: "Limit", Numeric: true}, {Title: "Measured", Numeric: true}, {Title: "95 % interval", Numeric: true}, {Title: "n", Numeric: true}, {Title: "Verdict"}}}
	for i := range d.r.Targets {
		target := &d.r.Targets[i]
		print := func(v float64) string {
			if target.Statistic == "share" {
				return Percent(v)
			}
			return Duration(v)
		}
		measured, between := "not known", "open"
		if target.Statistic == "mean" {
			between = "not computed"
		}
		if target.Value != nil {
			measured = print(*target.Value)
		}
		switch {
		case target.Low != nil && target.High != nil:
			between = print(*target.Low) + " to " + print(*target.High)
		case target.Low != nil:
			between = print(*target.Low) + " to ?"
		}
		t.Rows = append(t.Rows, []page.Paragraph{
			cell(page.Text(targetName(target))), cell(page.Text(print(target.Limit))), cell(page.Text(measured)),
			cell(page.Text(between)), cell(page.Text(Count(target.N))), verdictCell(target),
		})
	}
	if len(t.Rows) == 0 {
		d.missing("No target is set.", "state one, such as --target ttft-p95=1s")
	}
	d.table(t)
	if s := d.r.SLO; s != nil {
		d.say("Of %s requests, %s kept every objective (%s to %s with those of which it is not known): %.3g good requests a second of %.3g.",
			Count(s.Total), Count(s.Attained), Percent(s.Attainment), Percent(s.AttainmentHigh), s.Goodput, s.Throughput)
	}
}

func verdictCell(t *TargetResult) page.Paragraph {
	color := map[string]page.Color{VerdictPass: page.Green, VerdictFail: page.Red}[t.Verdict]
	if color == "" {
		color = page.Grey
	}
	out := page.Para(page.Status{Word: t.Verdict, Color: color})
	if t.Low != nil && t.High != nil && !t.Sure && t.Verdict != VerdictUnknown {
		out = append(out, page.Text(" (not certain: the limit lies within the interval)"))
	}
	if t.Why != "" {
		out = append(out, page.Text(" "+t.Why))
	}
	return out
}

// estimate says what the findings together could bring.
func (d *draft) estimate() {
	said := false
	for i := range d.r.Headroom {
		h := &d.r.Headroom[i]
		if h.Cohort != "all" || h.Value == nil {
			continue
		}
		text := fmt.Sprintf("With every phase at its floor, %s would be %.0f %% shorter", h.Path, *h.Value)
		if h.Low != nil && h.High != nil {
			text += fmt.Sprintf(" (%.0f to %.0f %%)", *h.Low, *h.High)
		}
		text += ": " + Duration(h.Recoverable.Value) + " a request."
		if h.NoFeedback {
			text += " That others would wait less is not in it, since the engine could not be replayed."
		}
		d.say("%s", text)
		said = true
	}
	if !said {
		why := "What could be won back is not known."
		for _, a := range d.r.Abstained {
			if strings.HasPrefix(a.What, "headroom") {
				why = capital(a.Why) + "."
			}
		}
		d.missing(why, "see what could not be seen, in section 4")
	}
}
