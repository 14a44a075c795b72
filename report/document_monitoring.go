package report

import (
	"strings"

	"github.com/slowtoken/slowtoken/report/page"
	"github.com/slowtoken/slowtoken/rules"
)

func (d *draft) monitoring() {
	d.heading(1, "8. Monitoring and alerts")
	d.say("Watch the targets of this report. Repeat the analysis after every major change, weekly, and in depth once a month.")
	d.add(&page.Code{Language: "sh", Text: "slowtoken analyze --since 1h --fail-on target      # exit status 3 when a target is missed\nslowtoken compare before.json now.json --fail-on 'regression>5%'"})
	d.heading(2, "Alert rules")
	if len(d.r.Alerts) == 0 {
		d.missing("There are no rules for Prometheus: "+strings.TrimSuffix(noAlerts, ".")+".", "send traces of one of these, or set a target for what it measures")
	} else {
		t := &page.Table{Caption: "Over the metrics that the stack itself exports", Columns: []page.Column{{Title: "Alert"}, {Title: "Severity"}, {Title: "Fires when"}, {Title: "Threshold from"}, {Title: "What to do"}}}
		for i := range d.r.Alerts {
			a := &d.r.Alerts[i]
			color := page.Yellow
			if a.Severity == "critical" {
				color = page.Red
			}
			t.Rows = append(t.Rows, []page.Paragraph{cell(page.Mono(a.Name)), cell(page.Status{Word: a.Severity, Color: color}), cell(page.Text(strings.TrimSuffix(a.Summary, ".") + ", for " + a.For + ".")), cell(page.Text(a.Because)), cell(page.Text(a.Action))})
		}
		d.table(t)
		var b strings.Builder
		if err := WriteAlerts(&b, d.r); err == nil { // a Builder takes everything
			d.add(&page.Expand{Title: "The rules as a file for Prometheus", Blocks: []page.Block{&page.Code{Language: "yaml", Text: b.String()}}})
		}
	}
	d.heading(2, "Dashboard")
	d.dashboard()
}

// dashboard lists what to draw over time, by the stack's own names.
func (d *draft) dashboard() {
	if len(d.r.Panels) == 0 {
		d.missing("The stack's own metrics are not known.", "send traces of the inference server itself")
		return
	}
	for _, m := range stackMetrics {
		if m.seen(d.r) {
			d.add(page.Para(page.Text("The metrics of "+rules.StackName(m.stack)+" are documented at "), page.Link{Text: m.doc, URL: m.doc}, page.Text(".")))
		}
	}
	t := &page.Table{Caption: "What to draw over time", Columns: []page.Column{{Title: "Panel"}, {Title: "Metric"}, {Title: "Watch for"}, {Title: "Limits"}}}
	for i := range d.r.Panels {
		p := &d.r.Panels[i]
		limits := page.Paragraph{}
		for k := range p.Limits {
			text := p.Limits[k].text(p.Unit)
			if k > 0 {
				text = ", " + text
			}
			limits = append(limits, page.Text(text))
		}
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Text(p.Title)), cell(page.Mono(p.Metric)), cell(page.Text(p.Watch)), limits})
	}
	d.table(t)
	d.add(page.Para(page.Text("As a dashboard for Grafana: "), page.Mono("slowtoken report --dashboard FILE"), page.Text(".")))
}
