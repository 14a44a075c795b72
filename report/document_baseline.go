package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/report/chart"
	"github.com/slowtoken/slowtoken/report/page"
)

func (d *draft) method() {
	r := d.r
	d.heading(1, "2. Methodology and test configuration")
	t := &page.Table{Columns: []page.Column{{Title: "Item"}, {Title: "Value"}}}
	row := func(name, value string) { t.Rows = append(t.Rows, page.Cells(name, value)) }
	row("Window", r.windowText())
	row("Source", r.Source)
	row("Requests", fmt.Sprintf("%s: %s succeeded, %s failed, %s cancelled, %s still running", Count(r.Requests.Total), Count(r.Requests.Succeeded), Count(r.Requests.Failed), Count(r.Requests.Cancelled), Count(r.Requests.Running)))
	filter := []string{}
	if r.Filter.Service != "" {
		filter = append(filter, "service "+r.Filter.Service)
	}
	if r.Filter.Model != "" {
		filter = append(filter, "model "+r.Filter.Model)
	}
	for _, key := range sorted(r.Filter.Where) {
		filter = append(filter, key+" = "+r.Filter.Where[key])
	}
	if len(filter) == 0 {
		filter = []string{"none"}
	}
	row("Filter", strings.Join(filter, ", "))
	row("Sampling", samplingText(&r.Sampling))
	for _, dialect := range r.Dialects {
		state := "experimental: written from documentation, not tested against recordings of the real stack"
		if dialect.Verified {
			state = "verified against recordings of the real stack"
		}
		row("Dialect", fmt.Sprintf("%s, %s requests, %s", dialect.Name, Count(dialect.Requests), state))
	}
	for _, key := range sorted(r.Facts) {
		row("Stated", key+" = "+r.Facts[key])
	}
	d.table(t)

	d.heading(2, "Request mix")
	t = &page.Table{Caption: "Tokens of the requests that say", Columns: numbers("Tokens of", "n", "mean", "p5", "p50", "p95", "max")}
	for _, m := range r.Sizes {
		t.Rows = append(t.Rows, page.Cells("the "+m.What, Count(m.N), fmt.Sprintf("%.4g", m.Mean), Count(int(m.P5)), Count(int(m.P50)), Count(int(m.P95)), Count(int(m.Max))))
	}
	if len(t.Rows) == 0 {
		d.missing("No request says how many tokens it has.", "send gen_ai.usage.input_tokens and gen_ai.usage.output_tokens")
	}
	d.table(t)

	d.heading(2, "Definitions")
	d.say("TTFT is the time from a request's start to its first token, E2E that to its end, TPOT the time per output token after the first, NTPOT E2E over all output tokens. Latency measures hold successful requests. Percentiles are nearest-rank; intervals are distribution-free, 95 %%, and open (?) where the sample is too small.")
	d.say("The critical path tiles each request exactly: at every instant one span, the last-finishing one. Timing cannot prove that one operation depended on another; the assumption is that a parent waits for its last child.")

	d.heading(2, "Regimes")
	t = &page.Table{Caption: "Stretches of steady load", Columns: append([]page.Column{{Title: "Capacity domain"}, {Title: "From"}}, numbers("Until", "Requests", "Arrivals /s", "In flight", "Blocks")...)}
	for _, g := range r.Regimes {
		t.Rows = append(t.Rows, page.Cells(domainName(g.Domain), stamp(g.Since)[:len("2006-01-02 15:04:05")], stamp(g.Until)[:len("2006-01-02 15:04:05")], Count(g.Requests), fmt.Sprintf("%.3g", g.Arrivals), fmt.Sprintf("%.3g", g.InFlight), Count(g.Blocks)))
	}
	if len(t.Rows) == 0 {
		d.missing("There are too few requests to tell stretches of steady load apart.", "analyze a longer window")
	}
	d.table(t)

	d.heading(2, "Telemetry quality")
	d.quality()
}

func (d *draft) quality() {
	r := d.r
	t := &page.Table{Caption: "Doubts about the telemetry", Columns: []page.Column{{Title: "Doubt"}, {Title: "Requests", Numeric: true}, {Title: "Share", Numeric: true}, {Title: "Means"}, {Title: "Remedy"}}}
	for i := range r.Quality.Doubts {
		q := &r.Quality.Doubts[i]
		t.Rows = append(t.Rows, []page.Paragraph{cell(page.Mono(q.Name)), cell(page.Text(Count(q.Requests))), cell(page.Text(Percent(q.Share))), cell(page.Text(q.Meaning)), cell(page.Text(q.Remedy))})
	}
	if len(t.Rows) == 0 {
		d.say("Nothing in the telemetry contradicts itself or is known to be missing.")
	}
	d.table(t)
	for _, w := range r.LeftOut {
		d.say("Left out: %s, %s. %s", w.Name, Count(w.Count), capital(w.Meaning))
	}
}

func (d *draft) baseline() {
	r := d.r
	d.heading(1, "3. Baseline performance")
	if r.Requests.Succeeded == 0 {
		d.missing("No request succeeded in the window.", "widen --since, or look at section 2 for what was left out")
		return
	}
	t := &page.Table{Caption: "Latency", Columns: numbers("Measure", "n", "mean", "p50", "p95", "p99", "p95, 95 % interval")}
	for i := range r.Measures {
		m := &r.Measures[i]
		if m.N == 0 {
			continue
		}
		row := []string{strings.TrimSpace(m.Name + " " + m.Definition), Count(m.N), Duration(m.Mean), "", "", "", ""}
		for _, q := range m.Quantiles {
			switch q.P {
			case .5:
				row[3] = Duration(q.Value)
			case .95:
				row[4], row[6] = Duration(q.Value), interval(q.Low, q.High)
			case .99:
				row[5] = Duration(q.Value)
			}
		}
		t.Rows = append(t.Rows, page.Cells(row...))
	}
	d.table(t)
	d.heading(2, "Distributions")
	d.cdf()
	d.heading(2, "Over time")
	d.timeline()
	d.heading(2, "Resource use")
	d.resources()
}

func (d *draft) cdf() {
	curves := []chart.Curve{}
	said := []string{}
	for i := range d.r.Distributions {
		dist := &d.r.Distributions[i]
		limit := 0.0
		for j := range d.r.Targets {
			if t := &d.r.Targets[j]; t.Measure == dist.Measure && t.Statistic == "p95" {
				limit = t.Limit / 1e9
			}
		}
		values := make([]float64, len(dist.Values))
		for k, ns := range dist.Values {
			values[k] = float64(ns) / 1e9
		}
		curves = append(curves, chart.Curve{Label: dist.Measure, Sorted: values, Limit: limit})
		if p50, p95, known := d.middleAndTail(dist.Measure); known {
			said = append(said, fmt.Sprintf("half of the requests have %s of at most %s, 95 %% at most %s", article(dist.Measure), Duration(p50), Duration(p95)))
		}
	}
	d.add(&page.Figure{Name: "latency-distribution", Caption: "Share of requests by latency, on a logarithmic scale", Alt: capital(strings.Join(said, "; ")) + ".", Picture: chart.CDF(curves)})
}

// middleAndTail returns p50 and p95 of a measure, as the table above the curves shows them.
func (d *draft) middleAndTail(name string) (p50, p95 float64, known bool) {
	for i := range d.r.Measures {
		m := &d.r.Measures[i]
		if m.Name != name || m.Definition != "" || m.N == 0 {
			continue
		}
		for _, q := range m.Quantiles {
			switch q.P {
			case .5:
				p50 = q.Value
			case .95:
				p95 = q.Value
			}
		}
		return p50, p95, true
	}
	return 0, 0, false
}

// article returns the name of a measure with the article that goes with it as it is spoken.
func article(measure string) string {
	if measure == "E2E" {
		return "an " + measure
	}
	return "a " + measure
}

func (d *draft) timeline() {
	t := d.r.Timeline
	if t == nil {
		d.missing("The requests span no time.", "analyze a longer window")
		return
	}
	start := t.Since.UnixNano()
	at := func(ns int64) float64 { return float64(ns-start) / 1e9 }
	picture := chart.Timeline{Length: float64(t.Bin) * float64(len(t.Arrivals)) / 1e9, InFlight: t.InFlight}
	for _, n := range t.Arrivals {
		picture.Arrivals = append(picture.Arrivals, float64(n))
	}
	first := ""
	for _, g := range d.r.Regimes {
		if first == "" {
			first = g.Domain
		}
		if g.Domain == first {
			picture.Regimes = append(picture.Regimes, chart.Stretch{From: at(g.Since.UnixNano()), To: at(g.Until.UnixNano()), Label: fmt.Sprintf("%.3g requests/s", g.Arrivals)})
		}
	}
	alt := fmt.Sprintf("%s requests over %s", Count(d.r.Requests.Total), Duration(picture.Length*1e9))
	for i := range d.r.Incidents {
		n := &d.r.Incidents[i]
		label := fmt.Sprintf("%s arrivals within %s", Count(n.Arrivals), Duration(float64(n.Within)))
		picture.Incident = append(picture.Incident, chart.Stretch{From: at(n.Since), To: at(n.Until), Label: label})
		alt += "; an incident at " + clock(n.Burst) + " UTC: " + label
	}
	caption := "Arrivals and requests under way"
	if len(picture.Regimes) > 1 {
		caption += "; dashed lines part regimes"
	}
	if len(picture.Incident) > 0 {
		caption += "; hatched bars are incidents"
	}
	d.add(&page.Figure{Name: "timeline", Caption: caption, Alt: alt + ".", Picture: picture.Draw()})
}

func (d *draft) resources() {
	t := &page.Table{Caption: "Metrics of engines and accelerators in the window", Columns: numbers("Metric", "Points", "mean", "min", "max")}
	for _, m := range d.r.Resources {
		name := m.Name
		if m.Of != "" {
			name += " of " + m.Of
		}
		unit := ""
		if m.Unit != "" && m.Unit != "1" {
			unit = " " + m.Unit
		}
		t.Rows = append(t.Rows, page.Cells(name, Count(m.Points), fmt.Sprintf("%.4g%s", m.Mean, unit), fmt.Sprintf("%.4g%s", m.Min, unit), fmt.Sprintf("%.4g%s", m.Max, unit)))
	}
	if len(t.Rows) == 0 {
		d.missing("No metrics are stored for this window.", "send the engine's metrics over OTLP to slowtoken serve beside its traces")
	}
	d.table(t)
}
