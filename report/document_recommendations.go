package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

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
	d.add(page.Para(page.Strong("Problem:"), page.Text(" "+f.Title+". "+f.Cause)))
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
			title += " of " + rules.StackName(r.Stack)
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
	d.add(&page.Table{Columns: []page.Column{{Title: "Expected, a request"}, {Title: "Effort"}, {Title: "Risk"}, {Title: "Priority"}}, Rows: [][]page.Paragraph{page.Cells(
		"E2E "+amountText(f.Recoverable)+", TTFT "+amountText(f.TTFT), string(r.Effort), string(r.Risk), priorityText(f))}})
	if p := f.Predicted; p != nil && p.Why == "" {
		d.add(page.Para(page.Strong("By replay of the real arrivals:"), page.Text(" E2E p95 goes from "+Duration(p.Before.Value)+" to "+Duration(p.After.Value)+".")))
	}
	d.list("References", r.References)
}

// priorityText prints a rank with what it comes from.
func priorityText(f *rules.Finding) string {
	if f.Rank == 0 {
		return "not ranked"
	}
	return fmt.Sprintf("%d, weight %s", f.Rank, Duration(f.Priority.Value*1e6))
}
