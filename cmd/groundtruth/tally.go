package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// A share is k of n.
type share struct{ k, n int }

func (s *share) count(yes bool) {
	s.n++
	if yes {
		s.k++
	}
}

func (s share) value() float64 { return float64(s.k) / float64(max(1, s.n)) }

// wilson returns Wilson's 95 % interval. Source: E. B. Wilson, Probable inference, the law of succession, and statistical
// inference, 1927.
func (s share) wilson() (low, high float64) {
	if s.n == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(s.n), s.value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	reach := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-reach), min(1, middle+reach)
}

func (s share) String() string {
	if s.n == 0 {
		return "-"
	}
	low, high := s.wilson()
	return fmt.Sprintf("%d of %d, %.1f %% (%.1f to %.1f)", s.k, s.n, 100*s.value(), 100*low, 100*high)
}

// short leaves out the interval.
func (s share) short() string {
	if s.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", s.k, s.n)
}

// A confusion counts, for one rule, how often it was named and should have been.
type confusion struct{ hit, miss, falseAlarm int }

func (c confusion) precision() float64 { return ratio(c.hit, c.hit+c.falseAlarm) }
func (c confusion) recall() float64    { return ratio(c.hit, c.hit+c.miss) }

func (c confusion) f1() float64 {
	p, r := c.precision(), c.recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

func ratio(k, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(k) / float64(n)
}

// jaccard is the size of the intersection of two sets over that of their union.
func jaccard(a, b []string) float64 {
	union := slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
	if len(union) == 0 {
		return 1
	}
	both := 0
	for _, x := range union {
		if slices.Contains(a, x) && slices.Contains(b, x) {
			both++
		}
	}
	return float64(both) / float64(len(union))
}

// spearman is the rank correlation, with mean ranks for ties.
func spearman(x, y []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	return stat.Correlation(ranks(x), ranks(y), nil)
}

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to-1)/2 + 1
		}
		from = to
	}
	return out
}

// A point of a detection curve: how many runs at an intensity have the fault named first, and what it costs there.
type point struct {
	intensity float64
	detected  share
	cost      float64 // mean over runs of the larger of the shares of E2E and of TTFT
}

// half returns where the curve, made monotone by pooling adjacent violators, passes one half, between points on the
// logarithm of intensity; ok is false if it does not.
func half(curve []point) (intensity, cost float64, ok bool) {
	smooth := monotone(curve)
	for i := range smooth {
		if smooth[i] < 0.5 {
			continue
		}
		if i == 0 {
			return curve[0].intensity, curve[0].cost, true
		}
		part := (0.5 - smooth[i-1]) / (smooth[i] - smooth[i-1])
		from, to := curve[i-1], curve[i]
		return math.Exp(math.Log(from.intensity) + part*(math.Log(to.intensity)-math.Log(from.intensity))), from.cost + part*(to.cost-from.cost), true
	}
	return 0, 0, false
}

func monotone(curve []point) []float64 {
	type pool struct{ k, n, points int }
	var pools []pool
	for _, p := range curve {
		pools = append(pools, pool{p.detected.k, p.detected.n, 1})
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if ratio(a.k, a.n) <= ratio(b.k, b.n) {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.k + b.k, a.n + b.n, a.points + b.points})
		}
	}
	var out []float64
	for _, p := range pools {
		for range p.points {
			out = append(out, ratio(p.k, p.n))
		}
	}
	return out
}
