package report

import (
	"slices"

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

// A Quantile is a nearest-rank quantile with its 95 % interval over blocks of requests that do not
// depend on each other; an absent end is open. While requests
// were still running at the window's end, values and lower ends are lower bounds and the upper end is open.
type Quantile struct {
	P     float64  `json:"p"`
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Open  string   `json:"open,omitempty"` // why there is no interval at all; see [fewBlocks]
}

// fewBlocks is why quantiles of few independent stretches have no interval.
const fewBlocks = "under 5 blocks"

// measures computes the measures of this program, then those of a benchmark's definition. The requests are in so many
// blocks.
func measures(ok []*population.Record, blocks int, censored bool, d Definition) []Measure {
	list := []Measure{
		{Name: "TTFT", Unit: "ns", Formula: "first token - start"},
		{Name: "TPOT", Unit: "ns/token", Formula: "(last token - first token) / (n - 1)"},
		{Name: "E2E", Unit: "ns", Formula: "end - start"},
		{Name: "NTPOT", Unit: "ns/token", Formula: "E2E / n"},
	}
	list[0].fill(ok, blocks, censored, func(r *population.Record) (float64, bool) {
		ns, ok := r.TTFT()
		return float64(ns), ok
	})
	list[1].fill(ok, blocks, censored, (*population.Record).TPOT)
	list[2].fill(ok, blocks, censored, func(r *population.Record) (float64, bool) { return float64(r.E2E()), true })
	list[3].fill(ok, blocks, censored, (*population.Record).NTPOT)
	for i := range d.Measures {
		defined := &d.Measures[i]
		m := Measure{Name: defined.Name, Definition: d.Name, Unit: defined.Unit, Formula: defined.Formula}
		m.fill(ok, blocks, censored, defined.Of)
		list = append(list, m)
	}
	return list
}

// batchSizes computes the batch sizes of requests, or nil when no telemetry states one.
func batchSizes(ok []*population.Record, blocks int) *Measure {
	m := Measure{Name: "batch size", Unit: "requests", Formula: "mean over the request's batches"}
	m.fill(ok, blocks, false, func(r *population.Record) (float64, bool) { return r.BatchSize, r.BatchSize > 0 })
	if m.N == 0 {
		return nil
	}
	return &m
}

// fill computes m from the requests that have a value.
func (m *Measure) fill(ok []*population.Record, blocks int, censored bool, value func(*population.Record) (float64, bool)) {
	m.Quantiles = []Quantile{}
	values := make([]float64, 0, len(ok))
	in := population.Clustered{Blocks: blocks, Of: make([]int32, 0, len(ok))}
	var sum float64
	for _, r := range ok {
		v, has := value(r)
		if !has {
			m.Undefined++
			continue
		}
		values, in.Of = append(values, v), append(in.Of, r.Block)
		sum += v
	}
	if m.N = len(values); m.N == 0 {
		return
	}
	m.Mean = sum / float64(m.N)
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	for _, p := range []float64{0.5, 0.95, 0.99} {
		q := in.Quantile(values, sorted, p)
		out := Quantile{P: p, Value: q.Value}
		if q.FewBlocks {
			out.Open = fewBlocks
		}
		if !q.LowOpen {
			out.Low = &q.Low
		}
		if !q.Open && !censored {
			out.High = &q.High
		}
		m.Quantiles = append(m.Quantiles, out)
	}
}
