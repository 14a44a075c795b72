package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/rules"
)

// An Alert is a rule for Prometheus over metrics that the stack itself exports.
type Alert struct {
	Name     string `json:"alert"`
	Stack    string `json:"stack"`
	Expr     string `json:"expr"`
	For      string `json:"for"`
	Severity string `json:"severity"` // "warning" or "critical"
	Summary  string `json:"summary"`
	Action   string `json:"action"`    // what to do when it fires
	Because  string `json:"threshold"` // where its threshold comes from
}

// The rates of alerts are over alertRange, and an alert fires once it held for alertFor.
const (
	alertRange = "5m"
	alertFor   = "10m"
)

// alerts returns the rules for every stack that the requests came from: limits from the targets, and one for each of
// the causes that findings name and that the stack's metrics show.
func alerts(r *Report) []Alert {
	list := []Alert{}
	for _, m := range stackMetrics {
		if !m.seen(r) {
			continue
		}
		a := &alertList{m: m}
		for i := range r.Targets {
			a.target(&r.Targets[i])
		}
		a.saturation(r)
		a.finding(r)
		list = append(list, a.list...)
	}
	return list
}

// seen reports whether requests of the stack are in the report.
func (m *metricNames) seen(r *Report) bool {
	for i := range r.Dialects {
		for _, name := range m.dialects {
			if r.Dialects[i].Name == name && r.Dialects[i].Requests > 0 {
				return true
			}
		}
	}
	return false
}

type alertList struct {
	m    *metricNames
	list []Alert
}

func (a *alertList) add(alert Alert) {
	if alert.Expr == "" {
		return
	}
	alert.Stack = a.m.stack
	if alert.For == "" {
		alert.For = alertFor
	}
	a.list = append(a.list, alert)
}

// target turns a limit on a statistic into the same limit on the stack's own metric of it.
func (a *alertList) target(t *TargetResult) {
	severity := "warning"
	if t.Statistic == "p99" || t.Statistic == "share" {
		severity = "critical"
	}
	alert := Alert{
		Name: "Slow" + t.Measure + strings.ToUpper(t.Statistic[:1]) + t.Statistic[1:], Severity: severity,
		Because: "target " + t.Name, Action: "Run slowtoken analyze --since 1h: it names the phase that takes the time, and why.",
	}
	seconds := strconv.FormatFloat(t.Limit/1e9, 'g', -1, 64)
	switch t.Measure {
	case "TTFT":
		alert.Expr = a.m.ttft.statistic(t.Statistic, seconds)
	case "TPOT":
		alert.Expr = a.m.tpot.statistic(t.Statistic, seconds)
	case "E2E":
		alert.Expr = a.m.e2e.statistic(t.Statistic, seconds)
	case "errors":
		alert.Name, alert.For = "FailedRequests", "5m"
		alert.Action = "Look at the errors of the requests: slowtoken analyze --since 1h counts how they ended."
		if failed := a.m.failedShare(); failed != "" {
			alert.Expr = failed + " > " + strconv.FormatFloat(t.Limit, 'g', -1, 64)
		}
		alert.Summary = fmt.Sprintf("Over %s of the requests fail.", Percent(t.Limit))
		a.add(alert)
		return
	}
	alert.Summary = fmt.Sprintf("%s %s is over its limit of %s.", t.Measure, t.Statistic, Duration(t.Limit))
	a.add(alert)
}

// saturation warns before targets are missed: requests wait, or the key-value cache is full.
func (a *alertList) saturation(r *Report) {
	limit := 0.5
	because := "half of the default limit of TTFT p95"
	for i := range r.Targets {
		if t := &r.Targets[i]; t.Measure == "TTFT" && t.Statistic == "p95" {
			limit, because = t.Limit/2e9, "half of target "+t.Name
		}
	}
	a.add(Alert{
		Name: "RequestsWait", Severity: "warning", Expr: a.m.queue.statistic("mean", strconv.FormatFloat(limit, 'g', -1, 64)), Because: because,
		Summary: fmt.Sprintf("Requests wait over %s on average before they are computed.", Duration(limit*1e9)),
		Action:  "slowtoken analyze --since 1h says whether load explains the waits, and whether slots, tokens or replicas are short.",
	})
	if a.m.waiting != "" {
		a.add(Alert{
			Name: "QueueNeverEmpty", Severity: "warning", For: "15m", Expr: fmt.Sprintf("min_over_time((%s)[10m:1m]) > 0", a.m.waiting), Because: "a queue that does not empty grows",
			Summary: "Somebody has been waiting at every instant of the last 10 minutes.",
			Action:  "More requests arrive than are served: add replicas, or slowtoken whatif --slots N to try a higher limit.",
		})
	}
	if a.m.cache != "" {
		a.add(Alert{
			Name: "CacheNearlyFull", Severity: "warning", Expr: fmt.Sprintf("max(%s) > 0.9", a.m.cache), Because: "above 90 %, engines preempt or hold requests back",
			Summary: "The key-value cache is over 90 % full.",
			Action:  "Allow the engine more memory, a smaller element type for the cache, or fewer requests at once.",
		})
	}
	if a.m.preempted != "" {
		a.add(Alert{
			Name: "RequestsPreempted", Severity: "warning", Expr: fmt.Sprintf("sum(rate(%s[%s])) > 0.05", a.m.preempted, alertRange), Because: "three preemptions a minute",
			Summary: "Requests are preempted and computed again.",
			Action:  "The key-value cache is too small for the requests at once: lower their number, or give the cache more memory.",
		})
	}
}

// finding watches what the first finding named, at half of what it costs today, so that it is heard of when it comes
// back.
func (a *alertList) finding(r *Report) {
	if r.Verdict != rules.VerdictBottleneck || len(r.Findings) == 0 || r.Findings[0].Recoverable == nil {
		return
	}
	f := &r.Findings[0]
	h := &histogram{}
	switch f.Phase {
	case analyzer.Queue:
		h = &a.m.queue
	case analyzer.Prefill:
		h = &a.m.prefill
	case analyzer.Decode:
		h = &a.m.tpot
	}
	today, n := 0.0, 0
	for i := range r.Phases {
		if p := &r.Phases[i]; p.Phase == f.Phase && p.Requests > 0 {
			today, n = float64(p.E2E)/float64(p.Requests), p.Requests
		}
	}
	if f.Phase == analyzer.Decode {
		for i := range r.Measures {
			if m := &r.Measures[i]; m.Name == "TPOT" && m.N > 0 {
				today, n = m.Mean, m.N
			}
		}
	}
	if n == 0 || today <= 0 {
		return
	}
	limit, err := strconv.ParseFloat(strconv.FormatFloat(today/2e9, 'g', 3, 64), 64)
	if err != nil || limit <= 0 {
		return
	}
	a.add(Alert{
		Name: "Again" + camel(f.Rule), Severity: "warning", Expr: h.statistic("mean", strconv.FormatFloat(limit, 'g', -1, 64)),
		Because: fmt.Sprintf("half of the %s that it is today, over %s requests", Duration(today), Count(n)),
		Summary: fmt.Sprintf("%s, again: %s takes over half of what it took when it was found.", f.Title, f.Phase),
		Action:  f.Recommendation.Summary + ".",
	})
}

func camel(id string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(id, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		b.WriteString(capital(part))
	}
	return b.String()
}

// WriteAlerts prints the alerts of r as a file of rules for Prometheus. Without any it says why in a comment.
func WriteAlerts(w io.Writer, r *Report) error {
	type rule struct {
		Alert       string            `yaml:"alert"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`
	}
	type group struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	file := struct {
		Groups []group `yaml:"groups"`
	}{Groups: []group{}}
	for i := range r.Alerts {
		a := &r.Alerts[i]
		name := "slowtoken-" + a.Stack
		if n := len(file.Groups); n == 0 || file.Groups[n-1].Name != name {
			file.Groups = append(file.Groups, group{Name: name})
		}
		g := &file.Groups[len(file.Groups)-1]
		g.Rules = append(g.Rules, rule{a.Name, a.Expr, a.For, map[string]string{"severity": a.Severity},
			map[string]string{"summary": noTemplate(a.Summary), "action": noTemplate(a.Action), "threshold": noTemplate(a.Because)}})
	}
	about := "# Rules for Prometheus, from a report of " + strings.Map(visibleOrBlank, r.Source) + ", " + r.Window.Last.Format(time.DateOnly) + ".\n"
	if len(file.Groups) == 0 {
		about += "# None: " + noAlerts + "\n"
	}
	if _, err := io.WriteString(w, about); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(file); err != nil {
		return err
	}
	return e.Close()
}

// noAlerts says why a report has no alerts.
const noAlerts = "the requests came from no stack whose own metrics are known: vLLM, SGLang, TGI, Triton, or Ollama behind slowtoken gateway."

// noTemplate keeps Prometheus from taking text for a template.
func noTemplate(s string) string { return strings.ReplaceAll(s, "{{", "{ {") }

func visibleOrBlank(r rune) rune {
	if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
		return ' '
	}
	return r
}
