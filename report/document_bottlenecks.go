package report

import (
	"fmt"
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
	d.heading(2, "Queueing, and who made whom wait")
	d.queueing()
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
	d.heading(2, "Incidents")
	d.incidents()
	d.heading(2, "Turns and requests")
	d.turns()
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
	t := &page.Table{Caption: "Time by phase; a score is the share of the time that could be won back", Columns: numbers("Phase", "Share of TTFT", "Share of E2E", "Score TTFT", "Score E2E", "To be won back")}
	floors := &page.List{}
	alt := []string{}
	for i := range r.Phases {
		p := &r.Phases[i]
		if p.Requests == 0 {
			if core(p.Phase) {
				t.Rows = append(t.Rows, page.Cells(p.Phase.String(), "", "not observable here", "", "", ""))
			}
			continue
		}
		stacks[0].Parts = append(stacks[0].Parts, chart.Part{Name: p.Phase.String(), Share: p.TTFTShare})
		stacks[1].Parts = append(stacks[1].Parts, chart.Part{Name: p.Phase.String(), Share: p.E2EShare})
		alt = append(alt, fmt.Sprintf("%s %s of TTFT and %s of E2E", p.Phase, Percent(p.TTFTShare), Percent(p.E2EShare)))
		row := page.Cells(p.Phase.String(), Percent(p.TTFTShare), Percent(p.E2EShare), "", "", "")
		for k, path := range []population.Path{population.PathTTFT, population.PathE2E} {
			s := d.score(p.Phase, path)
			if s == nil {
				continue
			}
			row[3+k] = scoreCell(s)
			switch {
			case s.Value == nil:
				floors.Items = append(floors.Items, page.Para(page.Mono(p.Phase.String()), page.Text(fmt.Sprintf(" has no score for %s: %s.", path, s.Why))))
			case path == population.PathE2E:
				row[5] = page.Para(page.Text(wonBack(s.Recoverable.Value)))
				floors.Items = append(floors.Items, page.Para(page.Mono(p.Phase.String()), page.Text(" is held against "+floorText(s.FloorSource)+".")))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	for i := range r.NotApart {
		n := &r.NotApart[i]
		t.Rows = append(t.Rows, page.Cells(joinPhases(n.Phases, " + ")+", not separable", Percent(n.TTFTShare), Percent(n.E2EShare), "", "", ""))
		stacks[0].Parts = append(stacks[0].Parts, chart.Part{Name: "unattributed", Share: n.TTFTShare})
		stacks[1].Parts = append(stacks[1].Parts, chart.Part{Name: "unattributed", Share: n.E2EShare})
	}
	d.add(&page.Figure{Name: "phases", Caption: "Where the time of a request goes, on average", Alt: capital(strings.Join(alt, "; ")) + ".", Picture: chart.Stacks(stacks)})
	d.table(t)
	if len(floors.Items) > 0 {
		d.add(&page.Expand{Title: "What the scores are held against", Blocks: []page.Block{floors}})
	}
}

// wonBack prints time that could be won back; what is below zero is noise around nothing.
func wonBack(ns float64) string {
	if ns <= 0 {
		return "nothing"
	}
	return Duration(ns)
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
		return page.Para(page.Text("none"))
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
			each := wonBack(s.Recoverable.Value)
			if s.Recoverable.Value > 0 {
				each += " a request"
			}
			list.Items = append(list.Items, page.Para(page.Mono(s.Phase.String()), page.Text(fmt.Sprintf(" has a score of %.0f: %s could be won back.", *s.Value, each))))
		}
	}
	for i := range d.r.Targets {
		if t := &d.r.Targets[i]; t.Verdict == VerdictPass && t.Sure {
			list.Items = append(list.Items, page.Para(page.Text("The target for "+targetName(t)+" is met.")))
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
			inner.Items = append(inner.Items, page.Para(page.Text(s.Title+": needs "+needsText(s.Needs)+".")))
		}
		d.add(&page.Expand{Title: plural(len(d.r.Skipped), "rule") + " could not be decided for lack of data", Blocks: []page.Block{inner}})
	}
}

// needsText lists what a rule lacks; several that one remedy brings share it.
func needsText(needs []rules.Need) string {
	parts := []string{}
	for i := 0; i < len(needs); {
		names := []string{}
		remedy := needs[i].Remedy
		for ; i < len(needs) && needs[i].Remedy == remedy; i++ {
			names = append(names, needs[i].Variable)
		}
		parts = append(parts, strings.Join(names, ", ")+" ("+remedy+")")
	}
	return strings.Join(parts, ", ")
}

// floorText says what a score is held against as a part of a sentence.
func floorText(source string) string {
	switch source {
	case population.FloorBaseline:
		return "a saved analysis: its 10 % quantile line on size"
	case population.FloorPhysics:
		return "the roofline of the device and the model"
	case population.FloorTokens:
		return "what r says that prefill would take with a larger budget of tokens"
	case population.FloorQuantile:
		return "the 10 % quantile line on size, of the same server"
	case population.FloorWaste:
		return "0: it is waste"
	case population.FloorStated:
		return "the round trip that was stated"
	case population.FloorOverhead:
		return "0: it makes no tokens"
	case population.FloorCapacity:
		return "a replay with more capacity"
	case population.FloorInTurn:
		return "a replay in which every request goes to the next free replica"
	case population.FloorCalm:
		return "waits of 5 % of E2E"
	}
	return source
}
