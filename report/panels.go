package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Panel is a picture of a dashboard over metrics that the stack itself exports.
type Panel struct {
	Title   string  `json:"title"`
	Stack   string  `json:"stack"`
	Metric  string  `json:"metric"` // that is drawn, as the stack calls it
	Watch   string  `json:"watch"`  // what to look for
	Unit    Unit    `json:"unit"`
	Queries []Query `json:"queries"`
	Limits  []Limit `json:"limits"` // from the targets, the lowest first
}

// A Query is a line of a panel, in Prometheus's language.
type Query struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
}

// A Limit is a line that is not to be crossed, in the panel's unit.
type Limit struct {
	Target string  `json:"target"`
	Value  float64 `json:"value"`
}

// A Unit is what a panel's values are in.
type Unit string

// The units of panels.
const (
	UnitSeconds  Unit = "seconds"
	UnitRequests Unit = "requests"
	UnitShare    Unit = "share"
	UnitRate     Unit = "per second"
)

// panels returns what to draw of every stack that the requests came from: the metrics that [alerts] watch, the same
// ranges, the same limits.
func panels(r *Report) []Panel {
	list := []Panel{}
	for _, m := range stackMetrics {
		if m.seen(r) {
			list = append(list, m.panels(r.Targets)...)
		}
	}
	return list
}

// panels returns those of one stack; what it does not export is not drawn.
func (m *metricNames) panels(targets []TargetResult) []Panel {
	list := []Panel{}
	add := func(p Panel) {
		if p.Metric == "" || len(p.Queries) == 0 {
			return
		}
		p.Stack = m.stack
		if p.Limits == nil {
			p.Limits = []Limit{}
		}
		list = append(list, p)
	}
	times := func(title, measure, watch string, h *histogram) {
		p := Panel{Title: title, Metric: h.name + h.sum, Watch: watch, Unit: UnitSeconds}
		for _, statistic := range []string{"p50", "p95", "p99", "mean"} {
			if expr := h.value(statistic); expr != "" {
				p.Queries = append(p.Queries, Query{statistic, expr})
			}
		}
		for i := range targets {
			if t := &targets[i]; t.Measure == measure && slices.ContainsFunc(p.Queries, func(q Query) bool { return q.Name == t.Statistic }) {
				p.Limits = append(p.Limits, Limit{t.Name, t.Limit / 1e9})
			}
		}
		slices.SortStableFunc(p.Limits, func(a, b Limit) int { return cmp.Compare(a.Value, b.Value) })
		add(p)
	}
	times("Time to first token", "TTFT", "its p95 against the target", &m.ttft)
	times("Time per output token", "TPOT", "its mean against the target", &m.tpot)
	times("End to end", "E2E", "its p95 against the target", &m.e2e)
	times("Wait in the queue", "", "waits that grow with load", &m.queue)
	times("Prefill", "", "prompts that grow, or a cache that no longer hits", &m.prefill)
	one := func(title, watch, metric, expr string, unit Unit, limits ...Limit) {
		if metric != "" {
			add(Panel{Title: title, Metric: metric, Watch: watch, Unit: unit, Queries: []Query{{strings.ToLower(title), expr}}, Limits: limits})
		}
	}
	one("Requests waiting", "a queue that does not empty", unsummed(m.waiting), m.waiting, UnitRequests)
	one("Key-value cache in use", "over 90 %", m.cache, fmt.Sprintf("max(%s)", m.cache), UnitShare, Limit{"nearly full", 0.9})
	one("Preemptions", "any that repeat", m.preempted, fmt.Sprintf("sum(rate(%s[%s]))", m.preempted, alertRange), UnitRate)
	var limits []Limit
	for i := range targets {
		if t := &targets[i]; t.Measure == "errors" {
			limits = append(limits, Limit{t.Name, t.Limit})
		}
	}
	one("Failed requests", "their share against the error target", counted(m.failed), m.failedShare(), UnitShare, limits...)
	return list
}

// counted returns the metric that a rate is of.
func counted(rate string) string {
	_, metric, _ := strings.Cut(rate, "rate(")
	return metric[:strings.IndexFunc(metric+"[", func(r rune) bool { return r == '{' || r == '[' })]
}

// unsummed returns a metric without the sum around it.
func unsummed(expr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(expr, "sum("), ")")
}
