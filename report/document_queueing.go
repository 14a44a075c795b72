package report

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report/page"
)

// queueing says of every capacity domain how its requests wait, what fits its sizes, and who made whom wait.
func (d *draft) queueing() {
	t := &page.Table{Caption: "Waiting, by capacity domain", Columns: numbers("Domain", "Verdict", "Mean wait", "Replayed", "Slots", "Used", "Arrivals")}
	t.Columns[1].Numeric = false
	sizes := &page.Table{Caption: "What goes with size", Columns: numbers("Domain", "Decode step", "r, tokens", "Hidden cache", "MFU", "MBU")}
	for i := range d.r.Domains {
		m := &d.r.Domains[i]
		q := &m.Queueing
		row := []string{domainName(m.Name), q.Verdict, Duration(q.MeanWait), "", "", "", fmt.Sprintf("%.3g/s", q.Arrivals)}
		if q.Slots > 0 {
			row[3] = Duration(q.ReplayedWait)
			row[4], row[5] = fmt.Sprintf("%d, %s", q.Slots, q.Binding), Percent(q.Utilisation)
			row[6] = fmt.Sprintf("%.3g of %.3g/s", q.Arrivals, q.Saturation)
		}
		t.Rows = append(t.Rows, page.Cells(row...))
		s := page.Cells(domainName(m.Name), "not known", estimated(m.Sizes.R, ""), estimated(m.Sizes.CachedTokens, ""), "not known", "not known")
		if m.Sizes.TPOT.Value > 0 {
			s[1] = page.Para(page.Text(Duration(m.Sizes.TPOT.Value)))
		}
		if h := m.Roofline; h != nil {
			s[4], s[5] = page.Para(page.Text(used(h.MFU))), page.Para(page.Text(used(h.MBU)))
		}
		sizes.Rows = append(sizes.Rows, s)
	}
	d.table(t)
	d.say("Slots are those of prefill, of decode, or of both together; arrivals stand beside the most that they can serve.")
	d.table(sizes)
	d.say("r is how many prompt tokens are prefilled in the time of one decode step; the hidden cache is how many tokens of each prompt are cached though nobody reports it; MFU is that of prefill, MBU that of decode.")
	for i := range d.r.Domains {
		d.blame(&d.r.Domains[i])
	}
}

// stageText says in which stages a limit holds requests.
func stageText(stage string) string {
	if stage == "both" {
		return "prefill and decode together"
	}
	return stage
}

func estimated(e *population.Estimate, unit string) string {
	if e == nil {
		return "not known"
	}
	return fmt.Sprintf("%.0f%s (%.0f to %.0f)", e.Value, unit, e.Low, e.High)
}

func used(u *Utilization) string {
	switch {
	case u == nil:
		return ""
	case u.Impossible:
		return Percent(u.Value) + ": speculation, or another model or device"
	case u.Low != nil && u.High != nil:
		return fmt.Sprintf("%s (%s to %s)", Percent(u.Value), Percent(*u.Low), Percent(*u.High))
	}
	return Percent(u.Value)
}

// blame names those whom others waited for.
func (d *draft) blame(m *Domain) {
	b := m.Blame
	if b == nil || b.Waited == 0 || len(b.Culprits) == 0 {
		return
	}
	t := &page.Table{Caption: "Whom others waited for, in " + domainName(m.Name), Columns: numbers("Trace", "Prompt tokens", "Held", "Share", "Replayed")}
	for i := range b.Culprits {
		c := &b.Culprits[i]
		tokens := ""
		if c.Tokens >= 0 {
			tokens = Count(int(c.Tokens))
		}
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Mono(c.TraceID.String())), cell(page.Text(tokens)), cell(page.Text(Duration(float64(c.Held)))), cell(page.Text(Percent(c.Share))), cell(page.Text(Percent(c.Without.Share)))})
	}
	d.table(t)
	d.say("Held is how long others waited for a request, share its part of all waiting, replayed by how much they would wait less without it. Waiting is shared among those in %s by their %s: %s in all, %s of it while nobody was in service, and %s for requests that are not listed.",
		stageText(b.Stage), b.Resource, Duration(float64(b.Waited)), Duration(float64(b.Nobody)), Duration(float64(b.Others)))
	if len(b.Longest) == 0 {
		return
	}
	w := &b.Longest[0]
	text := fmt.Sprintf("The longest wait was that of trace %s: %s", w.TraceID, Duration(float64(w.Waited)))
	for i := range w.For {
		sep := ", of which "
		if i > 0 {
			sep = ", "
		}
		text += fmt.Sprintf("%s%s for trace %s", sep, Duration(float64(w.For[i].Held)), w.For[i].TraceID)
	}
	d.say("%s.", text)
}
