package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/rules"
)

// alertReport is a report of requests of one dialect that missed its targets, with a finding in the queue.
func alertReport(dialect string) *Report {
	return &Report{
		Source:   "traces of " + dialect,
		Dialects: []Dialect{{Name: dialect, Verified: true, Requests: 100}},
		Phases:   []Phase{{Phase: analyzer.Queue, Requests: 100, E2E: 400 * second}},
		Targets: []TargetResult{
			{Name: "ttft-p95", Measure: "TTFT", Statistic: "p95", Limit: 1e9}, {Name: "tpot-mean", Measure: "TPOT", Statistic: "mean", Limit: 50e6},
			{Name: "e2e-p95", Measure: "E2E", Statistic: "p95", Limit: 10e9}, {Name: "e2e-mean", Measure: "E2E", Statistic: "mean", Limit: 5e9},
			{Name: "errors", Measure: "errors", Statistic: "share", Limit: 0.01},
		},
		Result: &rules.Result{Verdict: rules.VerdictBottleneck, Findings: []rules.Finding{{
			Rank: 1, Rule: "queue-saturation", Title: "Requests wait because {{ the engine }} is saturated", Phase: analyzer.Queue,
			Recoverable: &rules.Amount{Value: 3e9}, Recommendation: rules.Recommendation{Summary: "Add a replica"},
		}}},
	}
}

// The rules of every stack are golden files: .ci/alerts lets Prometheus read them, and sees each fire.
func TestAlerts(t *testing.T) {
	for _, m := range stackMetrics {
		r := alertReport(m.dialects[0])
		r.Alerts = alerts(r)
		var b bytes.Buffer
		if err := WriteAlerts(&b, r); err != nil {
			t.Fatal(err)
		}
		golden(t, "alerts/"+m.stack+".yaml", b.Bytes())
	}
}

func TestAlertsOfNoKnownStack(t *testing.T) {
	r := alertReport("openai")
	if r.Alerts = alerts(r); len(r.Alerts) != 0 {
		t.Fatalf("%+v", r.Alerts)
	}
	var b bytes.Buffer
	if err := WriteAlerts(&b, r); err != nil || !bytes.Contains(b.Bytes(), []byte("# None: ")) {
		t.Errorf("%s, %v", b.String(), err)
	}
}

// The dashboard of every stack is a golden file: .ci/alerts lets Prometheus answer each of its queries, and holds it
// against Grafana's own schema.
func TestDashboards(t *testing.T) {
	for _, m := range stackMetrics {
		r := alertReport(m.dialects[0])
		r.Panels = panels(r)
		var b bytes.Buffer
		if err := WriteDashboard(&b, r); err != nil {
			t.Fatal(err)
		}
		golden(t, "dashboards/"+m.stack+".json", b.Bytes())
	}
}

func TestDashboardOfNoKnownStackSaysSo(t *testing.T) {
	r := alertReport("openai")
	r.Panels = panels(r)
	var b bytes.Buffer
	if err := WriteDashboard(&b, r); err != nil || len(r.Panels) != 0 || !bytes.Contains(b.Bytes(), []byte("no stack whose own metrics are known")) {
		t.Errorf("%s, %v", b.String(), err)
	}
}

// What an alert watches is drawn, by the same expression.
func TestWhatAlertsWatchIsDrawn(t *testing.T) {
	for _, m := range stackMetrics {
		r := alertReport(m.dialects[0])
		drawn := ""
		for _, p := range panels(r) {
			for _, q := range p.Queries {
				drawn += q.Expr + "\n"
			}
		}
		for _, a := range alerts(r) {
			value, _, _ := strings.Cut(a.Expr, " > ")
			value = strings.TrimSuffix(strings.TrimPrefix(value, "min_over_time(("), ")[10m:1m])")
			if !strings.Contains(drawn, value+"\n") {
				t.Errorf("%s, %s: %s is not drawn", m.stack, a.Name, value)
			}
		}
	}
}

// Alerts of a metric that counts only totals ask for means only.
func TestAlertsAskOnlyWhatAMetricKnows(t *testing.T) {
	r := alertReport("triton")
	for _, a := range alerts(r) {
		if a.Name == "SlowE2EP95" || a.Name == "SlowTTFTP95" || a.Name == "CacheNearlyFull" {
			t.Errorf("%s: %s", a.Name, a.Expr)
		}
	}
}
