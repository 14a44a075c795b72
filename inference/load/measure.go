package load

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// measured are the numbers of one request, or none: times from sending.
var measured = []struct {
	name, unit string
	of         func(o *outcome) []float64
}{
	{"TTFT", "ns", func(o *outcome) []float64 { return since(o.sent, o.first()) }},
	{"TTFO", "ns", func(o *outcome) []float64 {
		if !o.streamed {
			return nil
		}
		return since(o.sent, o.answered)
	}},
	{"TPOT", "ns/token", func(o *outcome) []float64 {
		if n := o.tokens(); o.streamed && n >= 2 && len(o.chunks) > 0 {
			return []float64{float64(o.last()-o.chunks[0]) / float64(n-1)}
		}
		return nil
	}},
	{"ICL", "ns", func(o *outcome) []float64 { return floats(o.gaps()) }},
	{"ITL", "ns", func(o *outcome) []float64 {
		if o.output != len(o.chunks) {
			return nil
		}
		return floats(o.gaps())
	}},
	{"E2E", "ns", func(o *outcome) []float64 { return since(o.sent, o.last()) }},
	{"NTPOT", "ns/token", func(o *outcome) []float64 {
		if n := o.tokens(); n > 0 && o.last() > 0 {
			return []float64{float64(o.last()-o.sent) / float64(n)}
		}
		return nil
	}},
	{"TTLB", "ns", func(o *outcome) []float64 { return since(o.sent, o.ended) }},
}

// first is when the first token came; 0 if that was not seen.
func (o *outcome) first() int64 {
	if !o.streamed || len(o.chunks) == 0 {
		return 0
	}
	return o.chunks[0]
}

// last is when the last token came; 0 for an answer without any.
func (o *outcome) last() int64 {
	if len(o.chunks) == 0 {
		return 0
	}
	return o.chunks[len(o.chunks)-1]
}

func since(from, to int64) []float64 {
	if to == 0 {
		return nil
	}
	return []float64{float64(to - from)}
}

func floats(list []int64) []float64 {
	out := make([]float64, len(list))
	for i, x := range list {
		out[i] = float64(x)
	}
	return out
}

// quantiles are those that measures have.
var quantiles = []float64{0.5, 0.9, 0.95, 0.99}

// measures computes every measure of successful requests; in an open loop TTFT and E2E from the plan, too.
func measures(good []*outcome, planned, censored bool) (list []Measure) {
	for _, m := range measured {
		list = append(list, measure(m.name, FromSending, m.unit, good, censored, m.of))
		if planned && (m.name == "TTFT" || m.name == "E2E") {
			list = append(list, measure(m.name, FromPlan, m.unit, good, censored, func(o *outcome) []float64 {
				values := m.of(o)
				for i := range values {
					values[i] += float64(o.sent - o.at)
				}
				return values
			}))
		}
	}
	return list
}

func measure(name, from, unit string, good []*outcome, censored bool, of func(*outcome) []float64) Measure {
	m := Measure{Name: name, From: from, Unit: unit, Quantiles: []Quantile{}}
	var all []float64
	for _, o := range good {
		values := of(o)
		if len(values) == 0 {
			m.Undefined++
		}
		all = append(all, values...)
	}
	if m.N = len(all); m.N == 0 {
		return m
	}
	slices.Sort(all)
	for _, x := range all {
		m.Mean += x / float64(m.N)
	}
	m.Max = all[m.N-1]
	for _, p := range quantiles {
		if float64(m.N)*(1-p) < 1-1e-9 {
			continue
		}
		q := population.QuantileOf(all, p)
		out := Quantile{P: p, Value: q.Value}
		if !q.LowOpen {
			out.Low = &q.Low
		}
		if !q.Open && !censored {
			out.High = &q.High
		}
		m.Quantiles = append(m.Quantiles, out)
	}
	return m
}
