package population

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Quantile is a nearest-rank quantile of a sample with its distribution-free 95 % confidence interval.
type Quantile struct {
	P     float64 // 0 < P < 1
	N     int     // sample size; with N zero the other fields mean nothing
	Value float64 // the sample's item of rank ceil(P*N)
	Low   float64 // lower end of the interval
	High  float64 // upper end of the interval; meaningless while Open

	// LowOpen and Open say that the sample is too small to bound the quantile from below or from above: the upper end
	// exists from n = 72 for p95 and n = 368 for p99 on. No rule and no gate may rest on an open end.
	LowOpen, Open bool

	// FewBlocks says that both are open because the items lie in fewer than five blocks: see [Clustered].
	FewBlocks bool
}

// NearestRank returns the zero-based index of the nearest-rank quantile p of n sorted items: ceil(p*n) - 1.
func NearestRank(n int, p float64) int {
	// Products such as 0.95*200 land a hair above the integer that they mean.
	rank := int(math.Ceil(p*float64(n) - 1e-9))
	return min(max(rank, 1), n) - 1
}

// QuantileOf returns the quantile p of sorted, which must be in ascending order.
//
// The interval's ends are order statistics: the number of items below the true quantile is binomial(n, p), whatever the
// distribution, so the ranks that leave at most 2.5 % on each side bound it (Conover, Practical Nonparametric
// Statistics, section 3.2).
func QuantileOf(sorted []float64, p float64) Quantile {
	n := len(sorted)
	if n == 0 {
		return Quantile{P: p}
	}
	q := Quantile{P: p, N: n, Value: sorted[NearestRank(n, p)]}
	below := distuv.Binomial{N: float64(n), P: p}
	low := searchRank(n, func(rank int) bool { return below.CDF(float64(rank-1)) > 0.025 }) - 1
	high := searchRank(n, func(rank int) bool { return below.CDF(float64(rank-1)) >= 0.975 })
	if q.LowOpen = low < 1; !q.LowOpen {
		q.Low = sorted[low-1]
	}
	if q.Open = high > n; !q.Open {
		q.High = sorted[high-1]
	}
	return q
}

// searchRank returns the smallest rank in [1, n] for which reached holds, else n+1; reached never turns false again.
func searchRank(n int, reached func(rank int) bool) int {
	lo, hi := 1, n+1
	for lo < hi {
		mid := (lo + hi) / 2
		if reached(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
