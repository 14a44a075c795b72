package report

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/rules"
)

// ruleInput returns what rules are told of the population of r.
func (r *Report) ruleInput(p *population.Population, o *Options) (in *rules.Input, err error) {
	in = &rules.Input{
		Population: p, Study: r.Study, Window: o.Window, Facts: o.Facts, Verified: map[string]bool{}, Targets: ruleTargets(r.Targets),
	}
	for i := range o.Dialects {
		in.Verified[o.Dialects[i].Name] = o.Dialects[i].Verified
	}
	if o.Metrics != nil {
		if in.Metrics, err = o.Metrics(population.Window{Since: p.First, Until: p.Last}); err != nil {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
	}
	return in, nil
}

// diagnose lets the rules name causes.
func (r *Report) diagnose(p *population.Population, o *Options) error {
	r.Resources = []Resource{}
	r.Result = &rules.Result{Findings: []rules.Finding{}, Telemetry: []rules.Finding{}, Skipped: []rules.Skipped{}, Withheld: []rules.Withheld{}, Unnamed: []rules.Unnamed{}}
	if o.Rules == nil || r.Requests.Total == 0 {
		return nil
	}
	in, err := r.ruleInput(p, o)
	if err != nil {
		return err
	}
	r.Resources = resources(in.Metrics)
	r.Cases = rules.Cases(in)
	r.Result = o.Rules.Evaluate(r.Cases)
	r.predict(p, o)
	for _, list := range [][]rules.Finding{r.Findings, r.Telemetry} {
		linkFindings(list, o.TraceLink)
	}
	return nil
}

// predict tries the change that the first finding advises.
func (r *Report) predict(p *population.Population, o *Options) {
	if len(r.Findings) == 0 || r.Findings[0].Rank != 1 || r.Findings[0].Predict == nil {
		return
	}
	f := &r.Findings[0]
	list, err := p.WhatIf(r.Study, *f.Predict, population.StudyOptions{Window: o.Window, Facts: o.Facts})
	if err != nil {
		f.Predicted = &rules.Predicted{Why: err.Error()}
		return
	}
	for i, d := range r.decoding() {
		if i >= len(list) || d.Domain.Label() != f.Domain {
			continue
		}
		for _, e := range list[i].Effects {
			if e.Path == population.PathE2E && e.P == 0.95 {
				f.Predicted = &rules.Predicted{Before: rules.Amount{Value: e.Before}, After: rules.Amount{Value: e.After}}
				if e.Interval != nil {
					f.Predicted.After.Low, f.Predicted.After.High = &e.Interval.Low, &e.Interval.High
				}
				return
			}
		}
		f.Predicted = &rules.Predicted{Why: "the replay cannot tell"}
		if a := list[i].Abstained; len(a) > 0 {
			f.Predicted.Why = a[0].Why
		}
	}
}

// decoding lists the domains that decode, as what-ifs do.
func (r *Report) decoding() (list []*population.DomainStudy) {
	for _, d := range r.Study.Domains {
		if !d.Domain.PrefillOnly {
			list = append(list, d)
		}
	}
	return list
}

// quantiles are those of the statistics of targets; a mean is none.
var quantiles = map[string]float64{"p50": 0.5, "p95": 0.95, "p99": 0.99}

// ruleTargets says how the targets stand in the words of rules.
func ruleTargets(list []TargetResult) (t rules.Targets) {
	for i := range list {
		target := &list[i]
		t.Known = true
		missed := target.Verdict == VerdictFail
		t.Missed = t.Missed || missed
		switch target.Measure {
		case "TTFT":
			t.TTFT = t.TTFT || missed
			if missed {
				t.MissedTTFT = append(t.MissedTTFT, rules.Limit{P: quantiles[target.Statistic], Value: target.Limit})
			}
			if target.Statistic == "p95" {
				t.TTFTP95 = target.Limit
			}
		case "TPOT":
			t.TPOT = t.TPOT || missed
			t.TPOTLimit = target.Limit
			if target.Acceptable != nil {
				t.TPOTLimit = *target.Acceptable
			}
		case "E2E":
			t.E2E = t.E2E || missed
			if target.Statistic == "p95" {
				t.E2EP95 = target.Limit
			}
		}
	}
	return t
}

func linkFindings(list []rules.Finding, template string) {
	if template == "" {
		return
	}
	for i := range list {
		f := &list[i]
		for j := range f.Who.Exemplars {
			e := &f.Who.Exemplars[j]
			e.Link = traceLink(template, e.TraceID.String(), e.SpanID.String(), time.Unix(0, e.Start), e.E2E)
		}
		linkFindings(f.Beneath, template)
	}
}

// traceLink fills in the template of [Options.TraceLink] for one request.
func traceLink(template, traceID, spanID string, start time.Time, e2e int64) string {
	return strings.NewReplacer(
		"{trace_id}", url.QueryEscape(traceID),
		"{span_id}", url.QueryEscape(spanID),
		"{from_ms}", strconv.FormatInt(start.Add(-linkMargin).UnixMilli(), 10),
		"{to_ms}", strconv.FormatInt(start.Add(time.Duration(e2e)).Add(linkMargin).UnixMilli(), 10),
	).Replace(template)
}
