package population

import (
	"fmt"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Sizes say how service times follow from the sizes of requests in one domain. Times are nanoseconds.
type Sizes struct {
	Prefill *Line `json:"prefill_on_prompt_tokens"` // nil without enough of them

	TPOT          Estimate `json:"decode_step_ns"` // without foreign prefill; zero where unknown
	TPOTN         int      `json:"decode_step_n"`  // requests that TPOT is the median of
	TPOTContended bool     `json:"decode_step_contended,omitempty"`

	R            *Estimate    `json:"prompt_tokens_per_step"`   // prefilled in the time of one decode step; nil while unknown
	CachedTokens *Estimate    `json:"unreported_cached_tokens"` // of every prompt; nil unless significantly above 0
	Abstained    []Abstention `json:"abstained,omitempty"`
}

const (
	minSizes       = 20 // requests that a size regression needs
	minUncontended = 20 // requests that decode alone
)

// Sizes returns the size regressions of those members of d. One seed has one result.
func (p *Population) Sizes(d *Domain, members []int32, seed uint64) Sizes {
	var s Sizes
	p.fitPrefill(&s, members, seed)
	p.fitStep(&s, d, members)
	if s.Prefill == nil || s.TPOT.Value <= 0 {
		return s
	}
	slope := s.Prefill.Slope
	if slope.Low <= 0 {
		s.Abstained = append(s.Abstained, Abstention{
			What: "prompt tokens a step", Why: "prefill does not grow with the prompt beyond doubt",
		})
		return s
	}
	s.R = &Estimate{s.TPOT.Value / slope.Value, s.TPOT.Low / slope.High, s.TPOT.High / slope.Low}
	if c := s.Prefill.Intercept; c.High < 0 {
		s.CachedTokens = &Estimate{-c.Value / slope.Value, -c.High / slope.High, -c.Low / slope.Low}
	}
	return s
}

// fitPrefill fits prefill on the tokens of the prompt that no stated cache held.
func (p *Population) fitPrefill(s *Sizes, members []int32, seed uint64) {
	var x, y []float64
	for _, m := range members {
		r := &p.Records[m]
		// What else lies between the queue and the first token, of a gateway above all, is not prefill.
		if prefill := r.observed(analyzer.Prefill, PathTTFT); prefill > 0 && r.Joined != 0 && r.Leg == analyzer.LegNone && r.InputTokens > 0 && r.Outcome == analyzer.Succeeded {
			x, y = append(x, float64(r.uncached())), append(y, float64(prefill))
		}
	}
	if len(x) < minSizes {
		s.Abstained = append(s.Abstained, Abstention{
			What: "prefill on prompt tokens", Why: fmt.Sprintf("%d requests state prefill and prompt tokens, want %d", len(x), minSizes),
			Remedy: "trace the engine, with usage",
		})
		return
	}
	line, ok := theilSen(x, y, seed)
	if !ok {
		s.Abstained = append(s.Abstained, Abstention{What: "prefill on prompt tokens", Why: "all prompts are of one size"})
		return
	}
	s.Prefill = &line
}

// fitStep finds the time of a decode step: the median TPOT of requests whose decode overlaps no other's prefill.
func (p *Population) fitStep(s *Sizes, d *Domain, members []int32) {
	if d.PrefillOnly {
		return
	}
	var starts, ends []int64 // of prefills here
	for _, m := range slices.Concat(d.Before, members) {
		r := p.record(m)
		if wait, prefill, _, ok := r.served(); ok && !r.disaggregated(p) {
			starts, ends = append(starts, r.Joined+wait), append(ends, r.Joined+wait+prefill)
		}
	}
	slices.Sort(starts)
	slices.Sort(ends)
	var all, alone []float64
	for _, m := range members {
		r := &p.Records[m]
		tpot, ok := r.TPOT()
		if !ok || r.OutputTokens < 2 {
			continue
		}
		all = append(all, tpot)
		if below(starts, r.LastToken) == below(ends, r.FirstToken+1) {
			alone = append(alone, tpot)
		}
	}
	if len(alone) < minUncontended {
		s.TPOTContended = len(all) > 0
		alone = all
	}
	if s.TPOTN = len(alone); s.TPOTN == 0 {
		s.Abstained = append(s.Abstained, Abstention{
			What: "the time of a decode step", Why: "no request of two or more tokens states the time of its first and last one",
			Remedy: "trace the engine, with usage",
		})
		return
	}
	slices.Sort(alone)
	q := QuantileOf(alone, 0.5)
	s.TPOT = Estimate{q.Value, q.Low, q.High}
}

// below returns how many of sorted are under t.
func below(sorted []int64, t int64) int {
	i, _ := slices.BinarySearch(sorted, t)
	return i
}
