package population

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An Estimate is a number with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// A TrueCount estimates how many requests there were from those that samplers kept. Each that was kept with probability
// p stands for 1/p; with independent decisions the sum is unbiased and its variance is estimated by the sum of
// (1-p)/p^2 (Horvitz and Thompson).
type TrueCount struct {
	Seen        int
	UnknownRate int // of those seen, how many were sampled at a rate that nobody knows; they count once

	sum, variance float64
}

// Add counts a request that was kept with the given probability, as [Record.Probability] has it. One that nothing is
// stated of counts once.
func (c *TrueCount) Add(probability float64) {
	c.Seen++
	switch {
	case probability == analyzer.UnknownRate:
		c.UnknownRate++
		probability = 1
	case probability == 0:
		probability = 1
	}
	c.sum += 1 / probability
	c.variance += (1 - probability) / (probability * probability)
}

// Estimate returns the count with its interval, which is never below what was seen. With an unknown rate among them it
// is a lower bound.
func (c *TrueCount) Estimate() Estimate {
	reach := 1.959964 * math.Sqrt(c.variance)
	return Estimate{c.sum, max(float64(c.Seen), c.sum-reach), c.sum + reach}
}

// Proportion returns k of n with its exact 95 % interval (Clopper and Pearson). With n zero it means nothing.
func Proportion(k, n int) Estimate {
	if n == 0 {
		return Estimate{High: 1}
	}
	e := Estimate{Value: float64(k) / float64(n), High: 1}
	if k > 0 {
		e.Low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(0.025)
	}
	if k < n {
		e.High = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(0.975)
	}
	return e
}
