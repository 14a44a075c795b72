package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// facts are what the operator of this server knows, the same in all runs but for the number of servers; targets what this service promises: about three
// times what a request takes alone.
var (
	facts   = population.Facts{"replicas": "1", "sampling": "none", "engine": "ollama", "shared_prefix_tokens": "150"}
	targets = map[string]string{"ttft-p50": "150ms", "ttft-p95": "300ms", "ttft-p99": "600ms", "tpot-mean": "5ms/10ms", "e2e-p95": "500ms", "errors": "1%"}
)

// An answer is what a report names.
type answer struct {
	Verdict   string    `json:"verdict"`
	Named     []string  `json:"named"`               // rules of findings that matter, in the report's order
	Minor     []string  `json:"minor,omitempty"`     // rules that hold and are not worth anybody's time
	Telemetry []string  `json:"telemetry,omitempty"` // what is wrong with the telemetry, by rule
	Judgement judgement `json:"judgement"`
}

// A judgement of an answer.
type judgement string

const (
	right     judgement = "right"
	wrong     judgement = "wrong"     // another cause is named first
	silent    judgement = "silent"    // none is named
	abstained judgement = "abstained" // none is named, where this telemetry cannot carry the phase of the fault
)

// answerOf lets the analyzer read spans of so many servers.
func answerOf(spans []analyzer.Span, servers int, set *rules.Set) (a answer, err error) {
	known := maps.Clone(facts)
	known["replicas"] = strconv.Itoa(servers)
	o := report.Options{Source: "run", Dialects: dialect.All, Rules: set, Facts: known}
	for _, name := range report.TargetNames() {
		if targets[name] == "" {
			continue
		}
		t, err := report.ParseTarget(name, targets[name])
		if err != nil {
			return a, err
		}
		o.Targets = append(o.Targets, t)
	}
	r, err := report.Build(traces(spans), o)
	if err != nil {
		return a, err
	}
	a.Verdict, a.Named = r.Verdict, []string{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Severity == rules.SeverityMinor {
			a.Minor = append(a.Minor, f.Rule)
		} else {
			a.Named = append(a.Named, f.Rule)
		}
	}
	for i := range r.Telemetry {
		a.Telemetry = append(a.Telemetry, r.Telemetry[i].Rule)
	}
	return a, nil
}

// traces yields spans as traces.
func traces(spans []analyzer.Span) func(func(*analyzer.Trace, error) bool) {
	return func(yield func(*analyzer.Trace, error) bool) {
		for t := range analyzer.GroupByTrace(slices.Clone(spans)) {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// judge holds an answer against the label of the fault; without one, nothing is to be named.
func judge(f *faultCase, a *answer, carried bool) judgement {
	switch {
	case len(a.Named) == 0 && len(f.label.Rules) == 0:
		return right
	case len(a.Named) == 0 && !carried:
		return abstained
	case len(a.Named) == 0:
		return silent
	case slices.Contains(f.label.Rules, a.Named[0]):
		return right
	}
	return wrong
}

// carriedBySpans reports whether the spans of gateway and application together can tell the phase of the fault from all
// others. Where the queue is in Ollama, they cannot: it states neither waiting nor tokenizing.
func carriedBySpans(f *faultCase, where string) bool {
	return where == inGateway || f.label.Phase != analyzer.Queue
}

// carriedByClient reports whether the caller's own telemetry can: it knows its attempts, and nothing of what comes before
// or after the first chunk. Registered before any run.
func carriedByClient(f *faultCase) bool {
	return f.label.Phase == analyzer.Retry || f.label.Phase == analyzer.Client || len(f.label.Rules) == 0
}
