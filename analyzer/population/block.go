package population

import (
	"math/rand/v2"
	"slices"
)

// A Block is what intervals resample: a busy period of a domain, or an equal piece of a long one; nanoseconds since the
// Unix epoch.
type Block struct {
	Since, Until int64
	Members      []int32 // of the regime's Latency, by start
}

// minBlocks is how many blocks an interval needs.
const minBlocks = 5

// busy returns the maximal stretches in which a member or one of those before is there. Members are by start.
func (p *Population) busy(members, before []int32) []Block {
	var list []Block
	for _, m := range before {
		if list == nil {
			list = []Block{{Since: p.record(m).Start}}
		}
		list[0].Until = max(list[0].Until, p.record(m).End)
	}
	for _, m := range members {
		r := &p.Records[m]
		if n := len(list); n > 0 && r.Start <= list[n-1].Until {
			list[n-1].Until = max(list[n-1].Until, r.End)
			continue
		}
		list = append(list, Block{Since: r.Start, Until: r.End})
	}
	return list
}

// blocks cuts the busy periods of a domain to a regime and, if they are longer than a twentieth of it, into equal
// blocks of a twentieth of it or five times its p95 E2E, whichever is more.
func (p *Population) blocks(r *RegimeStudy, busy []Block) []Block {
	var list []Block
	twentieth := (r.Until - r.Since) / 20
	piece := max(twentieth, 5*r.P95, 1)
	first, _ := slices.BinarySearchFunc(busy, r.Since, func(b Block, t int64) int {
		if b.Until < t {
			return -1
		}
		return 1
	})
	for _, b := range busy[first:] {
		if b.Since >= r.Until && b.Since > r.Since {
			break
		}
		b.Since, b.Until = max(b.Since, r.Since), min(b.Until, r.Until)
		n := int64(1)
		if length := b.Until - b.Since; length > twentieth {
			n = max(1, length/piece)
		}
		since := b.Since
		for i := range n {
			until := b.Since + (b.Until-b.Since)/n*(i+1)
			if i == n-1 {
				until = b.Until
			}
			list = append(list, Block{Since: since, Until: until})
			since = until
		}
	}
	at := 0
	for _, m := range r.Latency {
		for at+1 < len(list) && p.Records[m].Start >= list[at+1].Since {
			at++
		}
		list[at].Members = append(list[at].Members, m)
	}
	return list
}

// Resampling. More than maxGroups blocks are joined, neighbours first: longer blocks are as valid, and so many are enough
// to see how much they differ.
const (
	resamples = 500
	maxGroups = 200
)

// A bootstrap resamples groups of blocks, always with the same draws, so that intervals of one study can be compared.
type bootstrap struct {
	groups int
	of     []int32     // by record: its group, -1 for none
	lasts  [2][]int64  // by path and record: how long it lasts, -1 while unknown; only for scores
	draws  [][]uint16  // by resample: how often each group is drawn
	times  [][]float64 // the same, for sums of products
}

// newBootstrap groups the blocks of all regimes.
func newBootstrap(records int, regimes []*RegimeStudy, seed uint64) *bootstrap {
	b := &bootstrap{of: make([]int32, records)}
	for i := range b.of {
		b.of[i] = -1
	}
	total := 0
	for _, r := range regimes {
		for i := range r.Blocks {
			if len(r.Blocks[i].Members) > 0 {
				total++
			}
		}
	}
	b.groups = min(total, maxGroups)
	k := 0
	for _, r := range regimes {
		for i := range r.Blocks {
			if len(r.Blocks[i].Members) == 0 {
				continue
			}
			group := int32(int64(k) * int64(b.groups) / int64(total))
			for _, m := range r.Blocks[i].Members {
				b.of[m] = group
			}
			k++
		}
	}
	random := rand.New(rand.NewPCG(seed, 0x51077063))
	b.draws, b.times = make([][]uint16, resamples), make([][]float64, resamples)
	for i := range b.draws {
		b.draws[i], b.times[i] = make([]uint16, b.groups), make([]float64, b.groups)
		for range b.groups {
			g := random.IntN(b.groups)
			b.draws[i][g]++
			b.times[i][g]++
		}
	}
	return b
}

// ratio returns sum(part) / sum(whole) over groups with its 95 % interval; ok is false where fewer than five groups have
// a whole, and the interval means nothing.
func (b *bootstrap) ratio(part, whole []float64) (e Estimate, ok bool) {
	var sumPart, sumWhole float64
	filled := 0
	for g := range part {
		sumPart += part[g]
		sumWhole += whole[g]
		if whole[g] > 0 {
			filled++
		}
	}
	if sumWhole == 0 {
		return e, false
	}
	e.Value = sumPart / sumWhole
	if filled < minBlocks {
		return e, false
	}
	if sumPart == 0 && !slices.ContainsFunc(part, func(x float64) bool { return x != 0 }) {
		return e, true
	}
	values := make([]float64, 0, len(b.times))
	for _, draw := range b.times {
		var x, y float64
		for g, times := range draw {
			x += times * part[g]
			y += times * whole[g]
		}
		if y > 0 {
			values = append(values, x/y)
		}
	}
	slices.Sort(values)
	e.Low, e.High = values[NearestRank(len(values), 0.025)], values[NearestRank(len(values), 0.975)]
	return e, true
}
