package population

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// number sets [Record.Block] of all records and returns how many blocks there are. Requests that fail or run on are in the
// block that they start in.
func (p *Population) number(until int64) int {
	n := int32(0)
	for _, d := range p.Domains(nil) {
		if d.PrefillOnly { // its requests are those of the domains that decode them
			continue
		}
		busy := p.busy(d.Members, d.Before)
		for _, r := range p.regimes(d.Members, d.Before) {
			p.split(r, until)
			at, last := -1, -1
			blocks := p.blocks(r, busy)
			for _, m := range r.Members {
				for at < 0 || at+1 < len(blocks) && p.Records[m].Start >= blocks[at+1].Since {
					at++
				}
				if at != last { // blocks without a request are none
					n++
					last = at
				}
				p.Records[m].Block = n - 1
			}
		}
	}
	return int(n)
}

// A Clustered is a sample whose items depend on each other within blocks, and not between them.
type Clustered struct {
	Blocks int     // how many there can be
	Of     []int32 // by item: its block
}

// worth returns how many independent items say as much of the share of those for which holds is true: the items over how
// much more that share varies over blocks than it would over independent items, less for few blocks, and never more than
// there are items (Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts
// estimated from survey data, 1998). ok is false under five blocks.
func (c Clustered) worth(holds func(item int) bool) (items float64, ok bool) {
	hits, all := make([]float64, c.Blocks), make([]float64, c.Blocks)
	n, k := float64(len(c.Of)), 0.0
	for i, b := range c.Of {
		all[b]++
		if holds(i) {
			hits[b]++
			k++
		}
	}
	share, blocks, squares := k/n, 0.0, 0.0
	for b := range all {
		if all[b] > 0 {
			blocks++
			squares += (hits[b] - share*all[b]) * (hits[b] - share*all[b])
		}
	}
	if blocks < minBlocks {
		return 0, false
	}
	independent := share * (1 - share) / n
	if independent == 0 {
		return n, true
	}
	// The variance of a ratio of sums over clusters, by its linear part (Cochran, Sampling Techniques, section 6.3).
	variance := blocks / (blocks - 1) * squares / (n * n)
	t := distuv.StudentsT{Sigma: 1, Nu: blocks - 1}.Quantile(0.975) / 1.959964
	return min(n, n*independent/(variance*t*t)), true
}

// pearson returns the 95 % interval of a share of so many independent items (Clopper and Pearson).
func pearson(share, items float64) (low, high float64) {
	low, high = 0, 1
	x := share * items
	if x > 0 {
		low = distuv.Beta{Alpha: x, Beta: items - x + 1}.Quantile(0.025)
	}
	if x < items {
		high = distuv.Beta{Alpha: x + 1, Beta: items - x}.Quantile(0.975)
	}
	return low, high
}

// Quantile returns the quantile p of the items' values, which sorted has in ascending order, with an interval for items
// that depend on each other: the values at the ends of the interval of the share that lies under the quantile (Woodruff,
// Confidence intervals for medians and other position measures, 1952). It is never narrower than that of [QuantileOf], and
// its ends are open where they would be for as many independent items as the blocks are worth. Under five blocks, both
// are.
func (c Clustered) Quantile(values, sorted []float64, p float64) Quantile {
	q := QuantileOf(sorted, p)
	if q.N == 0 {
		return q
	}
	worth, ok := c.worth(func(i int) bool { return values[i] <= q.Value })
	if !ok {
		q.LowOpen, q.Open, q.FewBlocks = true, true, true
		return q
	}
	low, high := pearson(p, worth)
	n := float64(q.N)
	first, last := int(math.Floor(low*n)), int(math.Ceil(high*n))+1
	if q.LowOpen = q.LowOpen || first < 1 || math.Pow(1-p, worth) > 0.025; !q.LowOpen {
		q.Low = min(q.Low, sorted[first-1])
	}
	if q.Open = q.Open || last > q.N || math.Pow(p, worth) > 0.025; !q.Open {
		q.High = max(q.High, sorted[last-1])
	}
	return q
}

// Proportion returns the share of the items for which holds is true, with an interval that is never narrower than that of
// [Proportion]; ok is false under five blocks, and the interval then means nothing.
func (c Clustered) Proportion(holds func(item int) bool) (e Estimate, ok bool) {
	k := 0
	for i := range c.Of {
		if holds(i) {
			k++
		}
	}
	e = Proportion(k, len(c.Of))
	if len(c.Of) == 0 {
		return e, false
	}
	worth, ok := c.worth(holds)
	if ok {
		low, high := pearson(e.Value, worth)
		e.Low, e.High = min(e.Low, low), max(e.High, high)
	}
	return e, ok
}
