package population

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A Line is the fit of y = Intercept + Slope * x by Theil and Sen: the median of the slopes of all pairs, which a quarter
// of outliers cannot move.
type Line struct {
	N         int      `json:"n"`
	Slope     Estimate `json:"slope"`
	Intercept Estimate `json:"intercept"`
}

// At returns the line's value at x.
func (l *Line) At(x float64) float64 { return l.Intercept.Value + l.Slope.Value*x }

// allPairs is up to how many points every pair is looked at; of more points, as many pairs are drawn.
const allPairs = 700

// theilSen fits a line; ok is false if all x are equal.
//
// The slope's interval is Sen's (Estimates of the regression coefficient based on Kendall's tau, 1968): under the true
// slope Kendall's S has variance n(n-1)(2n+5)/18, which bounds the rank of the slope among those of all pairs. Of drawn
// pairs the same share is taken. The intercept is the median of y - slope * x; its interval is widened by that of the
// slope.
func theilSen(x, y []float64, seed uint64) (l Line, ok bool) {
	slopes := pairSlopes(x, y, seed)
	if len(slopes) == 0 {
		return l, false
	}
	slices.Sort(slopes)
	n := float64(len(x))
	pairs := n * (n - 1) / 2
	reach := 1.959964 * math.Sqrt(n*(n-1)*(2*n+5)/18) / pairs / 2 // as a share of all pairs
	if sampled := float64(len(slopes)); len(x) > allPairs {
		reach = math.Hypot(reach, 1.959964*0.5/math.Sqrt(sampled)) // the median of a sample is itself uncertain
	}
	at := func(share float64) float64 {
		return slopes[min(max(int(math.Floor(share*float64(len(slopes)))), 0), len(slopes)-1)]
	}
	l.N = len(x)
	l.Slope = Estimate{medianOf(slopes), at(0.5 - reach), at(0.5 + reach)}
	l.Intercept = Estimate{
		residual(x, y, l.Slope.Value, 0),
		residual(x, y, l.Slope.High, -1),
		residual(x, y, l.Slope.Low, 1),
	}
	if l.Intercept.Low > l.Intercept.High { // with x below zero a steeper line starts higher
		l.Intercept.Low, l.Intercept.High = residual(x, y, l.Slope.Low, -1), residual(x, y, l.Slope.High, 1)
	}
	return l, true
}

// pairSlopes returns the slopes between points whose x differ.
func pairSlopes(x, y []float64, seed uint64) []float64 {
	slopes := make([]float64, 0, min(len(x), allPairs)*min(len(x), allPairs)/2)
	add := func(i, k int) {
		if x[i] != x[k] {
			slopes = append(slopes, (y[i]-y[k])/(x[i]-x[k]))
		}
	}
	if len(x) <= allPairs {
		for i := range x {
			for k := range i {
				add(i, k)
			}
		}
		return slopes
	}
	r := rand.New(rand.NewPCG(seed, uint64(len(x))))
	for range allPairs * allPairs / 2 {
		add(r.IntN(len(x)), r.IntN(len(x)))
	}
	return slopes
}

// residual returns the median of y - slope*x, or an end of the median's interval: the lower one at side -1, the upper
// one at 1.
func residual(x, y []float64, slope float64, side int) float64 {
	rest := make([]float64, len(x))
	for i := range x {
		rest[i] = y[i] - slope*x[i]
	}
	slices.Sort(rest)
	q := QuantileOf(rest, 0.5)
	switch side {
	case -1:
		return q.Low
	case 1:
		return q.High
	}
	return medianOf(rest)
}

// medianOf returns the median of sorted, the mean of the middle two if they are two.
func medianOf(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
