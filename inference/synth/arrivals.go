package synth

import (
	"iter"
	"math"
)

// A load is the rate of arrivals from a time on.
type load struct {
	from int64   // nanoseconds since the start
	rate float64 // requests per second
}

// poisson yields the arrival times of a Poisson process whose rate follows loads, from 0 until end, in nanoseconds.
// Loads are sorted by from; the first is from 0. Every rate is above zero.
func poisson(r random, loads []load, end int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i, l := range loads {
			until := end
			if i+1 < len(loads) {
				until = loads[i+1].from
			}
			// The process has no memory, so each load can begin with a fresh gap.
			for t := l.from + r.exponential(1e9/l.rate); t < until; t += r.exponential(1e9 / l.rate) {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// scattered yields n arrival times in [0, span): a Poisson process of which it is known that n arrivals came. The times
// are the order statistics of n uniform draws, made one by one, so that they need no memory.
func scattered(r random, n int, span int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		var t float64
		for left := n; left > 0; left-- {
			t += (1 - t) * (1 - math.Pow(1-r.Float64(), 1/float64(left)))
			if !yield(min(int64(t*float64(span)), span-1)) {
				return
			}
		}
	}
}
