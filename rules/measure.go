package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// An Input is what rules are told of.
type Input struct {
	Population *population.Population
	Study      *population.Study
	Window     population.Window
	Facts      population.Facts
	Targets    Targets
	Metrics    []analyzer.MetricPoint // of engines and accelerators; may be empty
	Verified   map[string]bool        // names of dialects that were tested against the real stack
}

// Targets say how the requests stand to the limits that people set.
type Targets struct {
	Known           bool // there is any
	Missed          bool
	TTFT, TPOT, E2E bool    // one of that measure is missed
	TPOTLimit       float64 // the acceptable mean, in nanoseconds; 0 for none
	TTFTP95, E2EP95 float64 // targets of the 95th percentile, in nanoseconds; 0 for none
	MissedTTFT      []Limit // the targets of TTFT that are missed
}

// A Limit is what a statistic of all requests should stay under.
type Limit struct {
	P     float64 // the quantile; 0 for the mean
	Value float64 // nanoseconds
}

// A view is the requests of one case, with what is asked of them again and again.
type view struct {
	*Input
	domain  *population.DomainStudy
	regime  *population.RegimeStudy // nil for all of the domain's time
	members []*population.Record    // that start in it, by start
	latency []*population.Record    // those among them that latency measures hold
	tail    []*population.Record
	since   int64
	until   int64
	m       Measures
	way     *population.Serial // of members to the engine; nil where too few show it
}

// Cases turns an analysis into what rules are evaluated on: each regime of each capacity domain, and each domain as a
// whole. Domains that only prefill for others are left out: their requests are cases of those that decode them.
func Cases(in *Input) []Case {
	var cases []Case
	metrics := measureMetrics(in)
	var regimes [][]*view
	var wholes []*view
	for _, d := range in.Study.Domains {
		if !d.Domain.PrefillOnly {
			list, whole := viewsOf(in, d)
			regimes, wholes = append(regimes, list), append(wholes, whole)
		}
	}
	fleet, limits := measureFleet(in, wholes), measureLimits(in.Targets, wholes)
	for k, whole := range wholes {
		backlog := measureBacklog(whole)
		for i, v := range regimes[k] {
			cases = append(cases, v.toCase(i+1, metrics, fleet[k], backlog, limits))
		}
		cases = append(cases, whole.toCase(0, metrics, fleet[k], backlog, limits))
	}
	return cases
}

// viewsOf returns the views of a domain's regimes, and of all of its time.
func viewsOf(in *Input, d *population.DomainStudy) (list []*view, whole *view) {
	whole = &view{Input: in, domain: d}
	for _, regime := range d.Regimes {
		v := &view{Input: in, domain: d, regime: regime, since: regime.Since, until: regime.Until}
		v.members, v.latency, v.tail = v.records(regime.Members), v.records(regime.Latency), v.records(regime.Tail)
		whole.members, whole.latency, whole.tail = append(whole.members, v.members...), append(whole.latency, v.latency...), append(whole.tail, v.tail...)
		list = append(list, v)
	}
	if n := len(d.Regimes); n > 0 {
		whole.since, whole.until = d.Regimes[0].Since, d.Regimes[n-1].Until
	}
	return list, whole
}

func (v *view) records(indices []int32) []*population.Record {
	list := make([]*population.Record, len(indices))
	for i, at := range indices {
		list[i] = &v.Population.Records[at]
	}
	return list
}

func (v *view) toCase(regime int, shared ...Measures) Case {
	v.m = Measures{}
	for _, list := range shared {
		for name, m := range list {
			v.m[name] = m
		}
	}
	v.measureLoad()
	v.measureLatency()
	v.measureStated()
	v.measurePhases()
	v.measureScores()
	v.measureQueue()
	v.measureCulprit()
	v.measureSizes()
	v.measureSteps()
	v.measureDecode()
	v.measureClock()
	v.measureGaps()
	v.measureGapInterference()
	v.measureCaches()
	v.measureHardware()
	v.measureMeanPrompt()
	v.measurePrefix()
	v.measureBus()
	v.measureSerial()
	v.measureInner()
	v.measureHops()
	v.measureBystanders()
	v.measureTelemetry()
	for key, value := range v.Facts {
		v.m[factPrefix+key] = factMeasure(v.Facts, key, value)
	}
	return Case{Place: Place{v.domain.Domain.Label(), regime, v.since, v.until}, Measures: v.m, Cohort: v.cohort}
}

func factMeasure(f population.Facts, key, value string) Measure {
	known, ok := population.FactNamed(key)
	switch {
	case ok && known.IsBool():
		return truth(value == "true")
	case ok && known.IsNumber():
		x, _ := f.Number(key)
		return number(x, 0)
	}
	return text(value)
}

// mostExemplars is how many requests stand for a cohort.
const mostExemplars = 3

// longWait is from where on a wait counts, in nanoseconds.
const longWait = 10e6

// cohort returns the requests that a finding about a phase concerns.
func (v *view) cohort(who Affected, phase analyzer.Phase) Cohort {
	list := slices.Clone(v.chosen(who, phase))
	c := Cohort{N: len(list), Of: len(v.members), Unverified: len(list) > 0}
	weigh := func(r *population.Record) int64 {
		if ns := phaseTime(r, phase, population.PathE2E); ns > 0 {
			return ns
		}
		return r.E2E()
	}
	slices.SortStableFunc(list, func(a, b *population.Record) int { return cmp.Compare(weigh(b), weigh(a)) })
	inferred, shown := 0, 0
	for i, r := range list {
		if i < mostExemplars {
			ttft, _ := r.TTFT()
			c.Exemplars = append(c.Exemplars, Exemplar{Exemplar: population.Exemplar{TraceID: r.TraceID, SpanID: r.SpanID, Start: r.Start, E2E: r.E2E(), TTFT: ttft}})
		}
		if r.Doubts.Touches().Has(phase) {
			c.Doubtful++
		}
		if v.Verified[v.Population.Text(r.Dialect)] {
			c.Unverified = false
		}
		for _, t := range r.Phases() {
			if t.Phase == phase {
				shown++
				if t.Inferred {
					inferred++
				}
			}
		}
	}
	c.Inferred = shown > 0 && inferred == shown
	if who == AffectedIncident || who == AffectedWaited || who == AffectedTail {
		for i := range v.domain.Incidents {
			if in := &v.domain.Incidents[i]; in.Since >= v.since && in.Since < v.until {
				c.Arrivals = max(c.Arrivals, in.Arrivals)
			}
		}
	}
	return c
}

func (v *view) chosen(who Affected, phase analyzer.Phase) []*population.Record {
	keep := func(list []*population.Record, f func(*population.Record) bool) (out []*population.Record) {
		for _, r := range list {
			if f(r) {
				out = append(out, r)
			}
		}
		return out
	}
	at := func(name string) float64 { return v.m[name].Number }
	switch who {
	case AffectedTail:
		return v.tail
	case AffectedPhase:
		return keep(v.latency, func(r *population.Record) bool { return phaseTime(r, phase, population.PathE2E) > 0 })
	case AffectedWaited:
		return keep(v.latency, func(r *population.Record) bool { return phaseTime(r, analyzer.Queue, population.PathE2E) > longWait })
	case AffectedLong:
		return keep(v.latency, func(r *population.Record) bool { return float64(r.OutputTokens) >= at("output_tokens_p75") })
	case AffectedPrompts:
		if !v.m["input_tokens_p50"].Known { // where prompts are not stated, the time that they take stands for their length
			return v.longPrefills()
		}
		return keep(v.latency, func(r *population.Record) bool { return float64(r.InputTokens) >= at("input_tokens_p50") })
	case AffectedRetried:
		return keep(v.members, func(r *population.Record) bool {
			return r.Retried || phaseTime(r, analyzer.Retry, population.PathE2E) > 0 || r.Outcome == analyzer.Failed
		})
	case AffectedIncident:
		var list []*population.Record
		for i := range v.domain.Incidents {
			if in := &v.domain.Incidents[i]; in.Since >= v.since && in.Since < v.until {
				list = append(list, v.records(in.Members)...)
			}
		}
		return list
	case AffectedDoubtful:
		return keep(v.members, func(r *population.Record) bool { return r.Doubts != 0 })
	}
	return v.latency
}

// phaseTime returns the nanoseconds of a path that are stated as one phase alone.
func phaseTime(r *population.Record, phase analyzer.Phase, path population.Path) (ns int64) {
	for _, t := range r.Phases() {
		if t.Phase == phase && t.Covers == 0 {
			ns += t.On(path)
		}
	}
	return ns
}
