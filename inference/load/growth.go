package load

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// samples is how often a step's requests in flight are counted.
const samples = 100

// inFlight counts the requests that run, evenly through the window.
func inFlight(all []*outcome, from, until int64) (f InFlight) {
	var sent, ended []int64
	for _, o := range all {
		if o.failed != errorDropped {
			sent, ended = append(sent, o.sent), append(ended, o.ended)
		}
	}
	slices.Sort(sent)
	slices.Sort(ended)
	x, y := make([]float64, samples), make([]float64, samples)
	for i := range samples {
		at := from + int64(float64(until-from)*(float64(i)+0.5)/samples)
		begun, _ := slices.BinarySearch(sent, at+1)
		over, _ := slices.BinarySearch(ended, at+1)
		x[i], y[i] = float64(at)/1e9, float64(begun-over)
		f.Mean += y[i] / samples
		f.Max = max(f.Max, begun-over)
	}
	f.Slope = slope(x, y)
	return f
}

// latencySlope is how TTFT, or E2E where no answer is streamed, grows with the time of sending.
func latencySlope(good []*outcome) *Estimate {
	first := slices.ContainsFunc(good, func(o *outcome) bool { return o.first() > 0 })
	var x, y []float64
	for _, o := range good {
		to := o.first()
		if !first {
			to = o.last()
		}
		if to > 0 {
			x, y = append(x, float64(o.sent)/1e9), append(y, float64(to-o.sent))
		}
	}
	return slope(x, y)
}

// fewForSlope is the fewest points that a slope is fitted to.
const fewForSlope = 10

// slope fits a line by least squares and returns its slope with Student's 95 % interval; nil for few points, or at one x.
func slope(x, y []float64) *Estimate {
	n := float64(len(x))
	if len(x) < fewForSlope {
		return nil
	}
	spread := stat.Variance(x, nil)
	squares := spread * (n - 1)
	if squares == 0 {
		return nil
	}
	intercept, b := stat.LinearRegression(x, y, nil, false)
	var rest float64
	for i := range x {
		d := y[i] - intercept - b*x[i]
		rest += d * d
	}
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 2}.Quantile(0.975) * math.Sqrt(rest/(n-2)/squares)
	return &Estimate{b, b - half, b + half}
}
