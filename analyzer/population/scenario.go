package population

import (
	"errors"
	"fmt"
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Scenario is what a what-if asks: the real requests again, with this changed.
type Scenario struct {
	Scale       map[analyzer.Phase]float64 `json:"scale,omitempty"`        // factors of how long phases take
	Rate        float64                    `json:"rate,omitempty"`         // factor of how fast requests arrive; 0 is as they did
	Slots       int                        `json:"slots,omitempty"`        // of the stage that requests wait for; 0 is as observed
	ChunkBudget int64                      `json:"chunk_budget,omitempty"` // tokens a step; 0 is as observed
}

// The outer bounds of factors: beyond them a model of today says nothing of what would be.
const (
	minFactor = 0.01
	maxFactor = 100
)

// Check refuses what no replay can answer.
func (c *Scenario) Check() error {
	if len(c.Scale) == 0 && c.Rate == 0 && c.Slots == 0 && c.ChunkBudget == 0 {
		return errors.New("nothing is changed")
	}
	for _, phase := range c.phases() {
		switch phase {
		case analyzer.Queue:
			return errors.New("queue is what comes out, not what can be set: scale the phases that requests wait for, the slots or the rate")
		case analyzer.Unattributed:
			return errors.New("unattributed time cannot be scaled: nobody knows what it is")
		}
		if k := c.Scale[phase]; !(k >= 0 && k <= maxFactor) {
			return fmt.Errorf("%s is scaled by %g: want a factor from 0 to %d", phase, k, maxFactor)
		}
	}
	if c.Rate != 0 && !(c.Rate >= minFactor && c.Rate <= maxFactor) {
		return fmt.Errorf("the rate is scaled by %g: want a factor from %g to %d", c.Rate, minFactor, maxFactor)
	}
	if c.Slots < 0 {
		return fmt.Errorf("%d slots: want at least 1", c.Slots)
	}
	if c.ChunkBudget < 0 {
		return fmt.Errorf("a chunk budget of %d tokens: want at least 1", c.ChunkBudget)
	}
	return nil
}

// phases returns what Scale names, in report order.
func (c *Scenario) phases() []analyzer.Phase {
	var list []analyzer.Phase
	for _, phase := range analyzer.Phases {
		if _, ok := c.Scale[phase]; ok {
			list = append(list, phase)
		}
	}
	return list
}

// served are the phases that hold a slot before the first token; decode holds one after it.
var servedPhases = analyzer.SetOf(analyzer.Prefill, analyzer.GPUTransfer, analyzer.ModelLoad)

// shifts are what the change takes from one request, in nanoseconds: before it joins the queue, while it is prefilled and
// decoded, and after its last token.
type shifts struct{ before, prefill, decode, after int64 }

// of returns what c takes from r, which was prefilled and decoded for so long.
func (c *Scenario) of(r *Record, prefill, decode int64) (s shifts) {
	for _, t := range r.Phases() {
		k, ok := c.Scale[t.Phase]
		if !ok || t.Covers != 0 && t.Phase == analyzer.Unattributed {
			continue
		}
		less := func(ns int64) int64 { return int64(math.Round((1 - k) * float64(ns))) }
		first, rest := t.TTFT, t.E2E-t.TTFT
		switch {
		case servedPhases.Has(t.Phase):
			s.prefill += less(first)
			s.after += less(rest)
		case t.Phase == analyzer.Decode:
			s.before += less(first)
			s.decode += less(rest)
		default:
			s.before += less(first)
			s.after += less(rest)
		}
	}
	s.prefill, s.decode = min(s.prefill, prefill), min(s.decode, decode)
	return s
}
