package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report/chart"
	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// domainName names a capacity domain; one without a name is all that no instance is known of.
func domainName(name string) string {
	if name == "" {
		return "treated as one server"
	}
	return name
}

func (d *draft) architecture() {
	a := &d.r.Architecture
	d.heading(1, "1. System architecture")
	if len(a.Services) == 0 {
		d.missing("No span was read.", "analyze a window that has traces")
		return
	}
	d.say("As the traces show it: services, and who calls whom.")
	d.add(&page.Code{Text: diagram(a)})
	t := &page.Table{Caption: "Services", Columns: []page.Column{{Title: "Service"}, {Title: "Spans", Numeric: true}, {Title: "What its resources state"}}}
	for i, s := range a.Services {
		if i == longList {
			d.say("%s of %s services are listed.", Count(longList), Count(len(a.Services)))
			break
		}
		facts := []string{}
		for _, key := range slices.Sorted(maps.Keys(s.Facts)) {
			facts = append(facts, key+" = "+strings.Join(s.Facts[key], ", "))
		}
		if len(facts) == 0 {
			facts = []string{"nothing: set service.version and host attributes on the resource to see stack and hardware here"}
		}
		t.Rows = append(t.Rows, page.Cells(serviceName(s.Name), Count(s.Spans), strings.Join(facts, "; ")))
	}
	d.table(t)
	t = &page.Table{Caption: "Models", Columns: numbers("Model", "Requests")}
	for _, m := range d.r.Models {
		name := m.Name
		if name == "" {
			name = "not stated"
		}
		t.Rows = append(t.Rows, page.Cells(name, Count(m.Requests)))
	}
	d.table(t)
}

func serviceName(name string) string {
	if name == "" {
		return "without a service.name"
	}
	return name
}

// diagram draws calls as a tree of services: each below the one that calls it most, others named beside.
func diagram(a *Architecture) string {
	called := map[string][]CallView{}
	parent := map[string]string{}
	for _, c := range a.Calls { // by spans, most first
		called[c.From] = append(called[c.From], c)
		if _, has := parent[c.To]; !has && c.From != c.To {
			parent[c.To] = c.From
		}
	}
	var b strings.Builder
	drawn := map[string]bool{}
	var draw func(name, indent string, spans int)
	draw = func(name, indent string, spans int) {
		mark := ""
		if indent != "" {
			mark = indent[:len(indent)-3] + "└─ "
		}
		count := ""
		if spans > 0 {
			count = "  (" + plural(spans, "call") + ")"
		}
		again := ""
		if drawn[name] {
			again = ", as above"
		}
		fmt.Fprintf(&b, "%s%s%s%s\n", mark, printable(serviceName(name), 60), count, again)
		if drawn[name] {
			return
		}
		drawn[name] = true
		for _, c := range called[name] {
			draw(c.To, indent+"   ", c.Spans)
		}
	}
	for _, s := range a.Services {
		if _, has := parent[s.Name]; !has {
			draw(s.Name, "", 0)
		}
	}
	for _, s := range a.Services { // what calls in circles only
		if !drawn[s.Name] {
			draw(s.Name, "", 0)
		}
	}
	return b.String()
}

func (d *draft) recommendations() {
	d.heading(1, "6. Recommendations")
	said := false
	for _, tier := range []struct {
		tier  rules.Tier
		title string
	}{{rules.TierQuick, "Quick wins"}, {rules.TierMedium, "Medium term"}, {rules.TierLong, "Long term"}} {
		d.heading(2, tier.title)
		before := len(d.p.Blocks)
		for i := range d.r.Findings {
			if f := &d.r.Findings[i]; f.Tier == tier.tier {
				d.recommendation(f)
				said = true
			}
		}
		if len(d.p.Blocks) == before {
			d.say("None.")
		}
	}
	if !said && d.r.Verdict == rules.VerdictUntold {
		d.missing("Too little is known to recommend a change.", "see what could not be seen, in section 4")
	}
	if len(d.r.Telemetry) > 0 {
		d.heading(2, "Telemetry")
		for i := range d.r.Telemetry {
			d.recommendation(&d.r.Telemetry[i])
		}
	}
}

func (d *draft) recommendation(f *rules.Finding) {
	r := &f.Recommendation
	d.heading(3, capital(r.Summary))
	d.add(page.Para(page.Strong("Problem: "), page.Text(f.Title+". "+f.Cause)))
	if len(r.Steps) > 0 {
		l := &page.List{Ordered: true}
		for _, step := range r.Steps {
			l.Items = append(l.Items, page.Para(page.Text(step)))
		}
		d.add(page.Para(page.Strong("Solution:")), l)
	}
	if len(r.Settings) > 0 {
		title := "Settings"
		if r.Stack != "" {
			title += " of " + r.Stack
		}
		l := &page.List{}
		for _, s := range r.Settings {
			l.Items = append(l.Items, page.Para(page.Mono(s)))
		}
		d.add(page.Para(page.Strong(title+":")), l)
	}
	if r.Before != "" || r.After != "" {
		d.add(&page.Table{Caption: "Before and after", Columns: []page.Column{{Title: "Before"}, {Title: "After"}}, Rows: [][]page.Paragraph{{cell(page.Mono(r.Before)), cell(page.Mono(r.After))}}})
	}
	d.add(&page.Table{Columns: []page.Column{{Title: "Expected"}, {Title: "Effort"}, {Title: "Risk"}, {Title: "Priority"}}, Rows: [][]page.Paragraph{page.Cells(
		"E2E "+amountText(f.Recoverable)+", TTFT "+amountText(f.TTFT), string(r.Effort), string(r.Risk), fmt.Sprintf("%.3g", f.Priority.Value))}})
	d.list("References", r.References)
}

func (d *draft) loadTests() {
	d.heading(1, "5. Load test results")
	d.missing("The requests of this report were not made by a load test.", "run slowtoken loadtest, whose summary names the breaking point")
}

func (d *draft) improvements() {
	d.heading(1, "7. Improvements, before and after")
	if d.r.Change == nil {
		d.missing("There is nothing to compare with.", "save today's analysis (slowtoken analyze -o json --out before.json) and make the next report with --before before.json")
		return
	}
	d.change(d.r.Change)
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

func (d *draft) monitoring() {
	d.heading(1, "8. Monitoring and alerts")
	d.say("Watch the targets of this report. Repeat the analysis after every major change, weekly, and in depth once a month.")
	d.add(&page.Code{Language: "sh", Text: "slowtoken analyze --since 1h --fail-on target      # exit status 3 when a target is missed\nslowtoken compare before.json now.json --fail-on 'regression>5%'"})
}

func (d *draft) conclusions() {
	d.heading(1, "9. Conclusions and next steps")
	r := d.r
	switch r.Verdict {
	case rules.VerdictBottleneck:
		d.say("%s. %s", r.Findings[0].Title, r.Findings[0].Cause)
	case rules.VerdictHealthy:
		d.say("No bottleneck is worth the time it would take to remove. %s", d.nearest())
	default:
		d.say("The telemetry does not carry a verdict yet.")
	}
	for _, step := range []struct {
		title string
		tier  rules.Tier
	}{{"Now", rules.TierQuick}, {"Next", rules.TierMedium}, {"Later", rules.TierLong}} {
		tasks := &page.Tasks{}
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Tier == step.tier {
				tasks.Items = append(tasks.Items, page.Para(page.Text(capital(f.Recommendation.Summary))))
			}
		}
		if step.tier == rules.TierQuick {
			for i := range r.Telemetry {
				tasks.Items = append(tasks.Items, page.Para(page.Text(capital(r.Telemetry[i].Recommendation.Summary))))
			}
		}
		if step.tier == rules.TierMedium && r.Verdict == rules.VerdictBottleneck {
			tasks.Items = append(tasks.Items, page.Para(page.Text("Compare with this analysis once the first change is made")))
		}
		if len(tasks.Items) > 0 {
			d.heading(2, step.title)
			d.add(tasks)
		}
	}
}

func (d *draft) appendices() {
	r := d.r
	d.heading(1, "10. Appendices")
	d.heading(2, "Exemplars")
	t := &page.Table{Caption: "Requests to look at", Columns: []page.Column{{Title: "Which"}, {Title: "Trace"}, {Title: "E2E", Numeric: true}, {Title: "TTFT", Numeric: true}, {Title: "Largest phase"}}}
	for i := range r.Exemplars {
		e := &r.Exemplars[i]
		ttft := "not known"
		if e.TTFT > 0 {
			ttft = Duration(float64(e.TTFT))
		}
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Text(e.What)), cell(page.Link{Text: e.TraceID, URL: e.Link}), cell(page.Text(Duration(float64(e.E2E)))), cell(page.Text(ttft)), cell(page.Text(joinPhases(e.Largest, " + ") + " " + Percent(e.Share)))})
	}
	if len(t.Rows) == 0 {
		d.missing("No request succeeded.", "widen --since")
	}
	d.table(t)
	if r.Header != nil && len(r.Header.Commands) > 0 {
		d.heading(2, "Commands")
		d.say("These make the same report again from the same data.")
		d.add(&page.Code{Language: "sh", Text: strings.Join(r.Header.Commands, "\n")})
	}
	d.heading(2, "References")
	refs := []string{}
	for i := range r.Findings {
		refs = append(refs, r.Findings[i].Recommendation.References...)
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	if len(refs) == 0 {
		d.say("None beside the definitions in section 2.")
		return
	}
	list := &page.List{}
	for _, ref := range refs {
		list.Items = append(list.Items, page.Para(page.Text(ref)))
	}
	d.add(list)
}
