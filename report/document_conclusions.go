package report

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

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
	d.heading(2, "Configuration")
	d.configuration()
	d.heading(2, "Left out")
	d.leftOut()
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

// configuration shows what is known of how the engine is set.
func (d *draft) configuration() {
	t := &page.Table{Caption: "As people stated it", Columns: []page.Column{{Title: "Setting"}, {Title: "Value"}}}
	for _, key := range sorted(d.r.Facts) {
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Mono(key)), cell(page.Text(d.r.Facts[key]))})
	}
	if len(t.Rows) == 0 {
		d.missing("Nothing is stated about the engine's configuration.", "state what is known with --fact KEY=VALUE, or in a file with --facts")
	}
	d.table(t)
}

// leftOut says what the reader does not see of what was there.
func (d *draft) leftOut() {
	t := &page.Table{Caption: "Secrets, personal data and content that this report does not show", Columns: []page.Column{{Title: "What"}, {Title: "Where"}, {Title: "Times", Numeric: true}}}
	for _, x := range d.r.Redacted {
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Text(x.What)), cell(page.Mono(x.Where)), cell(page.Text(Count(x.Count)))})
	}
	if len(t.Rows) == 0 {
		d.say("Prompts and completions are never part of a report. Nothing in it looked like a secret or like personal data, or it was made with --include-content.")
		return
	}
	d.table(t)
	d.say("Equal values have equal numbers. slowtoken report --include-content shows them.")
}
