package report

import (
	"sort"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Measure is one latency measure over the successful requests that have it.
type Measure struct {
	Name string `json:"name"`
	// Definition is the benchmark that defines it so; absent for the measures of this program.
	Definition string     `json:"definition,omitempty"`
	Formula    string     `json:"formula"`
	Unit       string     `json:"unit"` // "ns", or "ns/token"
	N          int        `json:"n"`
	Requests   int        `json:"requests,omitempty"` // where N counts gaps between chunks: the requests that have them
	Undefined  int        `json:"undefined"`          // successful requests without it
	Mean       float64    `json:"mean"`
	Quantiles  []Quantile `json:"quantiles"`
}

// A Quantile is a nearest-rank quantile with its distribution-free 95 % interval; an absent end is open. While requests
// were still running at the window's end, values and lower ends are lower bounds and the upper end is open.
type Quantile struct {
	P     float64  `json:"p"`
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
}

// measures computes the measures of this program, then those of a benchmark's definition.
func measures(ok []*population.Record, censored bool, d Definition) []Measure {
	list := []Measure{
		{Name: "TTFT", Unit: "ns", Formula: "first token - start"},
		{Name: "TPOT", Unit: "ns/token", Formula: "(last token - first token) / (n - 1)"},
		{Name: "E2E", Unit: "ns", Formula: "end - start"},
		{Name: "NTPOT", Unit: "ns/token", Formula: "E2E / n"},
	}
	list[0].fill(ok, censored, func(r *population.Record) (float64, bool) {
		ns, ok := r.TTFT()
		return float64(ns), ok
	})
	list[1].fill(ok, censored, (*population.Record).TPOT)
	list[2].fill(ok, censored, func(r *population.Record) (float64, bool) { return float64(r.E2E()), true })
	list[3].fill(ok, censored, (*population.Record).NTPOT)
	for i := range d.Measures {
		defined := &d.Measures[i]
		m := Measure{Name: defined.Name, Definition: d.Name, Unit: defined.Unit, Formula: defined.Formula}
		m.fill(ok, censored, defined.Of)
		list = append(list, m)
	}
	return list
}

// batchSizes computes the batch sizes of requests, or nil when no telemetry states one.
func batchSizes(ok []*population.Record) *Measure {
	m := Measure{Name: "batch size", Unit: "requests", Formula: "mean over the request's batches"}
	m.fill(ok, false, func(r *population.Record) (float64, bool) { return r.BatchSize, r.BatchSize > 0 })
	if m.N == 0 {
		return nil
	}
	return &m
}

// fill computes m from the requests that have a value.
func (m *Measure) fill(ok []*population.Record, censored bool, value func(*population.Record) (float64, bool)) {
	m.Quantiles = []Quantile{}
	values := make([]float64, 0, len(ok))
	var sum float64
	for _, r := range ok {
		v, has := value(r)
		if !has {
			m.Undefined++
			continue
		}
		values = append(values, v)
		sum += v
	}
	if m.N = len(values); m.N == 0 {
		return
	}
	m.Mean = sum / float64(m.N)
	sort.Float64s(values)
	for _, p := range []float64{0.5, 0.95, 0.99} {
		q := population.QuantileOf(values, p)
		out := Quantile{P: p, Value: q.Value}
		if !q.LowOpen {
			out.Low = &q.Low
		}
		if !q.Open && !censored {
			out.High = &q.High
		}
		m.Quantiles = append(m.Quantiles, out)
	}
}
