// Package arrival draws when requests arrive. A [Process] plans all times before the first request is sent, so that a
// slow server cannot slow the load down (open loop). Times are nanoseconds since the load began; one seed gives one plan.
package arrival

import (
	"iter"
	"math"
	"math/rand/v2"
)

// A Process yields arrival times in ascending order, in nanoseconds since the load began. It is endless: the caller
// stops at its number of requests or at its time.
type Process func(*rand.Rand) iter.Seq[int64]

// Constant has one arrival every 1/rate seconds, the first one after that time.
func Constant(rate float64) Process {
	return func(*rand.Rand) iter.Seq[int64] {
		return gaps(func() float64 { return 1e9 / rate })
	}
}

// Poisson has exponential gaps with rate arrivals a second.
func Poisson(rate float64) Process {
	return func(r *rand.Rand) iter.Seq[int64] {
		return gaps(func() float64 { return r.ExpFloat64() * 1e9 / rate })
	}
}

// Gamma has gamma-distributed gaps, as vLLM's benchmark draws them: burstiness is the shape; 1 is Poisson, less comes in
// bursts (the coefficient of variation is 1/sqrt(burstiness)), more is evener.
func Gamma(rate, burstiness float64) Process {
	return func(r *rand.Rand) iter.Seq[int64] {
		return gaps(func() float64 { return gamma(r, burstiness) * 1e9 / (rate * burstiness) })
	}
}

func gaps(draw func() float64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for at := draw(); yield(int64(at)); at += draw() {
		}
	}
}

// gamma draws from the gamma distribution with the given shape and scale 1.
//
// Source: G. Marsaglia and W. W. Tsang, A Simple Method for Generating Gamma Variables, ACM TOMS 26(3), 2000; a shape
// below 1 by their remark in section 6.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(1-r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// Varying is a Poisson process whose rate at a time, in arrivals a second, is rate(ns); it never exceeds peak.
//
// Source: P. A. W. Lewis and G. S. Shedler, Simulation of nonhomogeneous Poisson processes by thinning, 1979.
func Varying(peak float64, rate func(ns int64) float64) Process {
	return func(r *rand.Rand) iter.Seq[int64] {
		return func(yield func(int64) bool) {
			for at := range Poisson(peak)(r) {
				if r.Float64()*peak < rate(at) && !yield(at) {
					return
				}
			}
		}
	}
}

// Ramp is a Poisson process whose rate grows from one rate to another over length nanoseconds and then stays.
func Ramp(from, to float64, length int64) Process {
	return Varying(max(from, to), func(ns int64) float64 {
		return from + (to-from)*min(1, float64(ns)/float64(length))
	})
}

// Diurnal is a Poisson process whose rate swings around mean by the share swing, as a sine with the period in
// nanoseconds, from the trough upwards.
func Diurnal(mean, swing float64, period int64) Process {
	return Varying(mean*(1+swing), func(ns int64) float64 {
		return mean * (1 - swing*math.Cos(2*math.Pi*float64(ns)/float64(period)))
	})
}

// Bursts is a Poisson process with rate arrivals a second, and size arrivals within spread nanoseconds at every period.
func Bursts(rate float64, size int, period, spread int64) Process {
	return func(r *rand.Rand) iter.Seq[int64] {
		return func(yield func(int64) bool) {
			next := period
			for at := range Poisson(rate)(r) {
				for ; next <= at; next += period {
					for i := range size {
						if !yield(next + int64(i)*spread/int64(size)) {
							return
						}
					}
				}
				// Steady arrivals within a burst keep the order by moving behind it.
				if last := next - period + spread; next > period && at < last {
					at = last
				}
				if !yield(at) {
					return
				}
			}
		}
	}
}
