// Package report turns traces into what people are shown.
//
// [Build] reads traces, explains each, and computes a [Report]: everything that any format may show. A format only
// prints it, so that two formats can never disagree.
package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/rules"
)

// Schema names the JSON form of a Report. The number grows with every change that can break a reader.
const Schema = "slowtoken.report/1"

// A Report is an analysis, fully computed. Times are UTC, durations nanoseconds, shares fractions of 1.
type Report struct {
	Schema   string `json:"schema"`
	Source   string `json:"source"` // what was read: files, or a database
	Window   Window `json:"window"`
	Filter   Filter `json:"filter"`
	Traces   int    `json:"traces"`
	Plain    int    `json:"traces_without_requests"`
	Spans    int    `json:"spans"`
	Turns    int    `json:"turns"`
	Requests Counts `json:"requests"`

	Dialects  []Dialect `json:"dialects"`
	Models    []Named   `json:"models"`
	Services  []Named   `json:"services"`
	Instances []Named   `json:"instances"` // capacity domains; the name "" is "treated as one server"
	Measures  []Measure `json:"measures"`
	// BatchSize is how many requests an engine computed together, where its telemetry says so.
	BatchSize *Measure   `json:"batch_size,omitempty"`
	Streaming *Streaming `json:"streaming,omitempty"` // absent where no request has any of its measures
	Phases    []Phase    `json:"phases"`
	NotApart  []NotApart `json:"not_separable"`

	// What the rules say: the verdict, findings in rank order, and what could not be decided. Absent without rules.
	*rules.Result

	// Scores are of every phase, path and cohort; Headroom is of all phases at once. Regimes, tails and incidents are of
	// capacity domains; Abstained is every claim that the data cannot carry.
	Scores       []population.Score       `json:"scores"`
	Headroom     []population.Score       `json:"headroom"`
	Cohorts      []population.Cohort      `json:"cohorts"`
	Regimes      []Regime                 `json:"regimes"`
	Incidents    []Incident               `json:"incidents"`
	Tail         []Tail                   `json:"tail"`
	Correlations []population.Correlation `json:"correlations"`
	Abstained    []population.Abstention  `json:"abstained"`
	Domains      []Domain                 `json:"domains"`

	// Study is what the above is taken from, for whoever goes further.
	Study *population.Study `json:"-"`
	// Cases are what the rules were evaluated on.
	Cases []rules.Case `json:"-"`

	Targets  []TargetResult   `json:"targets"`
	SLO      *SLO             `json:"slo,omitempty"` // absent without objectives
	Sampling Sampling         `json:"sampling"`
	Facts    population.Facts `json:"facts,omitempty"` // as people stated them
	Quality  Quality          `json:"quality"`

	TurnGroups []TurnGroup `json:"turn_groups"` // agents and chains, the most time first
	Operations []Operation `json:"operations"`  // by critical-path time, most first
	PathTime   int64       `json:"path_time_ns"`
	Exemplars  []Exemplar  `json:"exemplars"`
	LeftOut    []Warning   `json:"left_out"` // what was not read, or not in full

	// What the long forms show beside that.
	Header        *Header        `json:"header,omitempty"`
	Architecture  Architecture   `json:"architecture"`
	Distributions []Distribution `json:"distributions"`
	Timeline      *Timeline      `json:"timeline,omitempty"` // absent where requests span no time
	Resources     []Resource     `json:"resources"`          // metrics of engines and machines
	Waterfalls    []Waterfall    `json:"waterfalls"`
	Sizes         []SizeMix      `json:"sizes"`
	Alerts        []Alert        `json:"alerts"`
	Panels        []Panel        `json:"panels"` // of a dashboard
	LoadTest      *LoadTest      `json:"load_test,omitempty"`
	Change        *Comparison    `json:"change,omitempty"`   // since an earlier analysis; absent without one
	Redacted      []Redaction    `json:"redacted,omitempty"` // what was left out of what is shown: see [Redact]

	Sample *population.Sample `json:"sample,omitempty"` // what a later comparison needs: see [population.Sample]
}

// A Window is the range of time that a report speaks of.
type Window struct {
	Since *time.Time `json:"since,omitempty"` // as asked for; absent: open
	Until *time.Time `json:"until,omitempty"`
	First time.Time  `json:"first"` // start of the earliest trace read
	Last  time.Time  `json:"last"`  // end of the latest trace read
}

// A Filter is what the requests were narrowed to.
type Filter struct {
	Service string            `json:"service,omitempty"`
	Model   string            `json:"model,omitempty"`
	Where   map[string]string `json:"where,omitempty"`
}

// Counts say how requests ended. Latency measures hold the successful ones only.
type Counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	// Running requests started in the window and had not ended at its end.
	Running int `json:"running"`
	// Censored says that more than 1 % were running, so that percentiles are lower bounds.
	Censored bool `json:"censored"`
	// Before requests started before the window and reach into it. They count for what is waited for, and in nothing else.
	Before int `json:"before,omitempty"`
}

// A Dialect is a way in which the traces read speak of inference.
type Dialect struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"` // tested against recordings of the real stack
	Requests int    `json:"requests"`
}

// A Named counts the requests that share a name.
type Named struct {
	Name     string `json:"name"`
	Requests int    `json:"requests"`
}

// An Operation is a span name of a service and its time on the critical paths.
type Operation struct {
	Service string  `json:"service"`
	Name    string  `json:"name"`
	Self    int64   `json:"self_ns"`
	Share   float64 `json:"share"` // of all critical paths
	Spans   int     `json:"spans"`
	Traces  int     `json:"traces"`
	Slowest string  `json:"slowest_trace"`
}

// An Exemplar is a request to look at.
type Exemplar struct {
	What    string    `json:"what"` // "p50", "p95", "p99" or "slowest", by E2E
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`
	Start   time.Time `json:"start"`
	E2E     int64     `json:"e2e_ns"`
	TTFT    int64     `json:"ttft_ns,omitempty"`
	// Largest is the phase that takes most of it; several where they cannot be told apart.
	Largest []analyzer.Phase `json:"largest"`
	Share   float64          `json:"largest_share"`
	Link    string           `json:"link,omitempty"` // to look at it, when it is known where the trace is
}

// A Warning is a doubt, or something left out, with how often it was met.
type Warning struct {
	Name    string `json:"name"`
	Count   int    `json:"count"`
	Meaning string `json:"meaning,omitempty"`
}

// summarize computes a report from a population.
func summarize(p *population.Population, o Options) (*Report, error) {
	r := &Report{
		Schema: Schema, Source: o.Source,
		Window: Window{Since: utc(o.Window.Since), Until: utc(o.Window.Until)},
		Filter: filterOf(o.Filter),
		Traces: p.Traces, Plain: p.Plain, Spans: p.Spans, Turns: p.Turns,
		PathTime: p.PathTime,
		LeftOut:  []Warning{},
		Facts:    o.Facts,
	}
	if o.LeftOut != nil {
		r.LeftOut = append(r.LeftOut, o.LeftOut()...)
	}
	if p.Traces > 0 {
		r.Window.First, r.Window.Last = time.Unix(0, p.First).UTC(), time.Unix(0, p.Last).UTC()
	}
	ok := r.count(p, o.Window)
	r.Dialects = dialects(p, o.Dialects)
	r.Models = names(p, func(rec *population.Record) uint32 { return rec.Model })
	r.Services = names(p, func(rec *population.Record) uint32 { return rec.Service })
	r.Instances = names(p, func(rec *population.Record) uint32 { return rec.Instance })
	r.Measures = measures(ok, p.Blocks, r.Requests.Censored, o.Definition)
	r.BatchSize = batchSizes(ok, p.Blocks)
	r.Streaming = streaming(ok, p.Blocks, r.Requests.Censored, o.Objectives)
	r.Phases, r.NotApart = phases(ok)
	r.Targets = targets(o.Targets, r.Measures, r.Requests, errorShare(p, o.Window))
	r.Sampling = sampling(p, &o)
	r.SLO = slo(p, r, o)
	r.Quality = quality(p, r.Phases)
	r.study(p, &o)
	if err := r.diagnose(p, &o); err != nil {
		return nil, err
	}
	r.TurnGroups = turnGroups(p, o.TraceLink)
	r.Operations = operations(p)
	r.Exemplars = exemplars(ok)
	link(r.Exemplars, o.TraceLink)
	r.Architecture, r.Distributions, r.Timeline, r.Waterfalls = architecture(p), distributions(ok), timeline(p), []Waterfall{}
	if o.Traces != nil {
		var err error
		if r.Waterfalls, err = waterfalls(r.Exemplars, o.Dialects, o.Traces); err != nil {
			return nil, err
		}
	}
	r.Sizes, r.Alerts, r.Panels = sizeMix(ok), alerts(r), panels(r)
	r.Sample = p.Sample(savedRequests, o.Window.Until)
	return r, nil
}

func utc(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := time.Unix(0, ns).UTC()
	return &t
}

func filterOf(f population.Filter) Filter {
	out := Filter{Service: f.Service, Model: f.Model}
	for _, w := range f.Where {
		if out.Where == nil {
			out.Where = map[string]string{}
		}
		out.Where[w.Key] = w.Value
	}
	return out
}

// count counts outcomes and returns the requests that latency measures hold: those that succeeded inside the window.
func (r *Report) count(p *population.Population, w population.Window) []*population.Record {
	ok := []*population.Record{}
	c := &r.Requests
	c.Before = len(p.Before)
	for i := range p.Records {
		rec := &p.Records[i]
		c.Total++
		switch {
		case rec.Running(w.Until):
			c.Running++
		case rec.Outcome == analyzer.Failed:
			c.Failed++
		case rec.Outcome == analyzer.Cancelled:
			c.Cancelled++
		default:
			c.Succeeded++
			ok = append(ok, rec)
		}
	}
	c.Censored = c.Running*100 > c.Total
	return ok
}

func names(p *population.Population, code func(*population.Record) uint32) []Named {
	counts := map[uint32]int{}
	for i := range p.Records {
		counts[code(&p.Records[i])]++
	}
	list := make([]Named, 0, len(counts))
	for c, n := range counts {
		list = append(list, Named{p.Text(c), n})
	}
	slices.SortFunc(list, func(a, b Named) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func dialects(p *population.Population, known []analyzer.Dialect) []Dialect {
	list := []Dialect{}
	for _, n := range names(p, func(rec *population.Record) uint32 { return rec.Dialect }) {
		i := slices.IndexFunc(known, func(d analyzer.Dialect) bool { return d.Name == n.Name })
		list = append(list, Dialect{Name: n.Name, Verified: i >= 0 && known[i].Verified, Requests: n.Requests})
	}
	return list
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func operations(p *population.Population) []Operation {
	list := make([]Operation, len(p.Operations))
	for i, op := range p.Operations {
		list[i] = Operation{
			Service: op.Service, Name: op.Name, Self: op.Self, Share: share(op.Self, p.PathTime),
			Spans: op.Spans, Traces: op.Traces, Slowest: op.Slowest.String(),
		}
	}
	return list
}

func exemplars(ok []*population.Record) []Exemplar {
	if len(ok) == 0 {
		return []Exemplar{}
	}
	byE2E := slices.Clone(ok)
	slices.SortStableFunc(byE2E, func(a, b *population.Record) int { return cmp.Compare(a.E2E(), b.E2E()) })
	at := func(what string, i int) Exemplar {
		r := byE2E[i]
		e := Exemplar{What: what, TraceID: r.TraceID.String(), SpanID: r.SpanID.String(), Start: time.Unix(0, r.Start).UTC(), E2E: r.E2E()}
		if ns, has := r.TTFT(); has {
			e.TTFT = ns
		}
		most := int64(math.MinInt64)
		for _, pt := range r.Phases() {
			if pt.E2E > most {
				most, e.Largest = pt.E2E, []analyzer.Phase{pt.Phase}
				if pt.Covers != 0 {
					e.Largest = pt.Covers.Phases()
				}
			}
		}
		e.Share = share(max(most, 0), r.E2E())
		return e
	}
	n := len(byE2E)
	return []Exemplar{
		at("p50", population.NearestRank(n, 0.5)),
		at("p95", population.NearestRank(n, 0.95)),
		at("p99", population.NearestRank(n, 0.99)),
		at("slowest", n-1),
	}
}
