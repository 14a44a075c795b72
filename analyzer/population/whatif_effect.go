package population

import (
	"cmp"
	"slices"
)

// effects returns the quantiles of a path before and after, with their intervals over blocks.
func (t *trial) effects(path Path, before, after func(job int) float64) []Effect {
	b, a := t.rank(before), t.rank(after)
	list := make([]Effect, len(whatIfQuantiles))
	for i, q := range whatIfQuantiles {
		k := NearestRank(len(b.values), q)
		list[i] = Effect{Path: path, P: q, Before: b.values[k], After: a.values[k], Delta: a.values[k] - b.values[k]}
	}
	if t.draws.groups < minBlocks {
		return list
	}
	draws := t.draws.draws[:min(len(t.draws.draws), max(fewestDraws, maxCounted/max(1, len(b.values))))]
	var afters, deltas [len(whatIfQuantiles)][]float64
	for _, draw := range draws {
		was, is := b.quantiles(draw), a.quantiles(draw)
		for i := range list {
			afters[i] = append(afters[i], is[i])
			deltas[i] = append(deltas[i], is[i]-was[i])
		}
	}
	for i := range list {
		list[i].Interval, list[i].DeltaCI = middle(afters[i]), middle(deltas[i])
	}
	return list
}

// Counting a million requests again for each of 500 draws would take longer than their replay: more than maxCounted
// requests in all draws together are not counted, in at least fewestDraws.
const (
	maxCounted  = 100_000_000
	fewestDraws = 200
)

// middle returns the middle 95 % of list.
func middle(list []float64) *Interval {
	slices.Sort(list)
	return &Interval{Low: list[NearestRank(len(list), 0.025)], High: list[NearestRank(len(list), 0.975)]}
}

// A ranking is values of requests in ascending order, each with its group of blocks: a resample only has to count.
type ranking struct {
	values []float64
	groups []int32
}

func (t *trial) rank(of func(job int) float64) ranking {
	type item struct {
		value float64
		group int32
	}
	items := make([]item, len(t.latent))
	for i, job := range t.latent {
		items[i] = item{of(job), t.draws.of[t.load.Members[job]]}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.value, b.value) })
	r := ranking{make([]float64, len(items)), make([]int32, len(items))}
	for i, it := range items {
		r.values[i], r.groups[i] = it.value, it.group
	}
	return r
}

// quantiles returns the quantiles of the values, each counted as often as its group is drawn.
func (r *ranking) quantiles(draw []uint16) (list [len(whatIfQuantiles)]float64) {
	total := 0
	for _, g := range r.groups {
		if g >= 0 {
			total += int(draw[g])
		}
	}
	k, seen := 0, 0
	for i, q := range whatIfQuantiles {
		for rank := NearestRank(total, q) + 1; seen < rank && k < len(r.values); k++ {
			if g := r.groups[k]; g >= 0 {
				seen += int(draw[g])
			}
		}
		list[i] = r.values[max(0, k-1)]
	}
	return list
}
