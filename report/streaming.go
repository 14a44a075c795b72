package report

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Streaming is what the times of single chunks of output say of the successful requests.
type Streaming struct {
	// Measures are TTFO and fluidity of the requests that have them, and ICL and ITL of all gaps between chunks together,
	// of which N is the number. The gaps of one request are not independent: their quantiles have no interval.
	Measures []Measure `json:"measures"`
	Stalls   Stalls    `json:"stalls"`

	// What a token had to keep to count for fluidity, in nanoseconds: the objectives, else 1 s and 50 ms.
	TTFTLimit int64 `json:"fluidity_ttft_limit_ns"`
	TPOTLimit int64 `json:"fluidity_tpot_limit_ns"`
}

// Stalls are the gaps between chunks over max(5 x the request's median gap, 100 ms).
type Stalls struct {
	Stalls   int `json:"stalls"`
	Requests int `json:"requests"` // that have one or more
}

// The limits of fluidity where no objective is set.
const (
	fluidityTTFT = 1_000_000_000
	fluidityTPOT = 50_000_000
)

// streaming computes what is known of single chunks, or nil if that is nothing.
func streaming(ok []*population.Record, blocks int, censored bool, o population.Objectives) *Streaming {
	s := &Streaming{TTFTLimit: cmp.Or(o.TTFT, fluidityTTFT), TPOTLimit: cmp.Or(o.TPOT, fluidityTPOT)}
	ttfo := Measure{Name: "TTFO", Unit: "ns", Formula: "first token that is not reasoning - start"}
	ttfo.fill(ok, blocks, censored, func(r *population.Record) (float64, bool) {
		ns, has := r.TTFO()
		return float64(ns), has
	})
	fluidity := Measure{Name: "fluidity", Unit: "share of tokens", Formula: "tokens on time, with slack carried over / n"}
	var gaps []int64
	fluidity.fill(ok, blocks, censored, func(r *population.Record) (float64, bool) {
		ttft, known := r.TTFT()
		if !known || r.ITL() == nil {
			return 0, false
		}
		gaps = r.AppendICL(gaps[:0])
		return analyzer.Fluidity(ttft, gaps, s.TTFTLimit, s.TPOTLimit), true
	})
	icl := Measure{Name: "ICL", Unit: "ns", Formula: "time from one chunk to the next"}
	icl.pool(ok, (*population.Record).ICL)
	itl := Measure{Name: "ITL", Unit: "ns/token", Formula: "ICL / tokens of the later chunk, which is 1"}
	itl.pool(ok, (*population.Record).ITL)
	if ttfo.N+icl.N == 0 {
		return nil
	}
	for _, r := range ok {
		gaps = r.AppendICL(gaps[:0])
		if n := analyzer.SumUp(gaps).Stalls; n > 0 {
			s.Stalls.Stalls += n
			s.Stalls.Requests++
		}
	}
	s.Measures = []Measure{ttfo, icl, itl, fluidity}
	return s
}

// pool computes m from all gaps between chunks of the requests that have it.
func (m *Measure) pool(ok []*population.Record, of func(*population.Record) []uint32) {
	m.Quantiles = []Quantile{}
	for _, r := range ok {
		if n := len(of(r)); n > 0 {
			m.N += n
			m.Requests++
		}
	}
	if m.Undefined = len(ok) - m.Requests; m.N == 0 {
		return
	}
	micros := make([]uint32, 0, m.N) // there can be hundreds for each request
	var sum uint64
	for _, r := range ok {
		micros = append(micros, of(r)...)
	}
	for _, us := range micros {
		sum += uint64(us)
	}
	m.Mean = 1000 * float64(sum) / float64(m.N)
	slices.Sort(micros)
	for _, p := range []float64{0.5, 0.95, 0.99} {
		m.Quantiles = append(m.Quantiles, Quantile{P: p, Value: 1000 * float64(micros[population.NearestRank(m.N, p)])})
	}
}
