package population

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// comparisonResamples is how often blocks are drawn: the variance of that many is known to 7 %.
const comparisonResamples = 400

// A contrast resamples two samples, always with the same draws, so that all figures of a comparison fit together.
type contrast struct {
	sides   [2]*Sample
	blocks  [2]int         // of either side that hold a request
	draws   [2][][]float64 // by resample and block: how often it is drawn
	strata  *strata
	weights [2][][]float64 // by resample, then all, and stratum: of a request at the same sizes
	overlap float64
	scratch []float64
}

func newContrast(before, after *Sample, seed uint64) *contrast {
	x := &contrast{sides: [2]*Sample{before, after}, strata: newStrata(before, after)}
	for i, s := range x.sides {
		random := rand.New(rand.NewPCG(seed, uint64(i+1)))
		held := make([]bool, s.Blocks)
		for k := range s.Requests {
			held[s.Requests[k].Block] = true
		}
		var there []int
		for b, h := range held {
			if h {
				there = append(there, b)
			}
		}
		x.blocks[i] = len(there)
		x.draws[i] = make([][]float64, comparisonResamples+1)
		for r := range x.draws[i] {
			draw := make([]float64, s.Blocks)
			for j := range there {
				if r < comparisonResamples {
					j = random.IntN(len(there))
				}
				draw[there[j]]++
			}
			x.draws[i][r] = draw // the last one is all of them, once
		}
	}
	x.weigh()
	return x
}

// weigh computes what a request of each stratum counts for at the same sizes: those before as they are where the other
// side has the stratum, those after as many as before.
func (x *contrast) weigh() {
	for i := range x.weights {
		x.weights[i] = make([][]float64, comparisonResamples+1)
	}
	x.overlap = 1
	for r := range comparisonResamples + 1 {
		var counts [2][]float64
		for i, s := range x.sides {
			counts[i] = make([]float64, x.strata.count)
			for k := range s.Requests {
				counts[i][x.strata.of[i][k]] += x.draws[i][r][s.Requests[k].Block]
			}
		}
		w := [2][]float64{make([]float64, x.strata.count), make([]float64, x.strata.count)}
		var shared, all [2]float64
		for k := range x.strata.count {
			both := counts[0][k] > 0 && counts[1][k] > 0
			for i := range counts {
				all[i] += counts[i][k]
				if both {
					shared[i] += counts[i][k]
				}
			}
			if both {
				w[0][k], w[1][k] = 1, counts[0][k]/counts[1][k]
			}
		}
		x.weights[0][r], x.weights[1][r] = w[0], w[1]
		if r == comparisonResamples {
			for i := range all {
				if all[i] > 0 {
					x.overlap = min(x.overlap, shared[i]/all[i])
				}
			}
		}
	}
}

// column holds the values of one side in ascending order, and which request each is of.
type column struct {
	at []int32
	of []float64
}

func (x *contrast) values(of func(*SampledRequest) int64) [2]column {
	return x.valuesBySide(func(_ int, r *SampledRequest) int64 { return of(r) })
}

// valuesBySide leaves out what is negative, which is unknown.
func (x *contrast) valuesBySide(of func(side int, r *SampledRequest) int64) (c [2]column) {
	for i, s := range x.sides {
		for k := range s.Requests {
			if of(i, &s.Requests[k]) >= 0 {
				c[i].at = append(c[i].at, int32(k))
			}
		}
		slices.SortStableFunc(c[i].at, func(a, b int32) int {
			return int(min(max(of(i, &s.Requests[a])-of(i, &s.Requests[b]), -1), 1))
		})
		for _, k := range c[i].at {
			c[i].of = append(c[i].of, float64(of(i, &s.Requests[k])))
		}
	}
	return c
}

// change fills in the difference of a statistic, and that at the same sizes if asked for.
func (x *contrast) change(c Change, values [2]column, same bool) Change {
	least := max(leastForQuantile[c.Stat], leastForQuantile["mean"])
	var filled [2]int
	for i := range values {
		c.N[i] = len(values[i].at)
		filled[i] = x.filled(i, values[i])
	}
	if c.N[0] > 0 && c.N[1] > 0 {
		c.Difference = Difference{Before: x.figure(0, values[0], c.Stat, comparisonResamples, false), P: 1,
			After: x.figure(1, values[1], c.Stat, comparisonResamples, false)}
	}
	switch {
	case c.N[0] == 0 && c.N[1] == 0:
		c.Why = "not observable on either side"
	case c.N[0] == 0:
		c.Why = "not observable before"
	case c.N[1] == 0:
		c.Why = "not observable after"
	case min(c.N[0], c.N[1]) < least:
		c.Why = fmt.Sprintf("needs %d requests on either side", least)
	case min(filled[0], filled[1]) < minBlocks:
		c.Why = fmt.Sprintf("needs %d blocks of time on either side, and has %d", minBlocks, min(filled[0], filled[1]))
	}
	if c.Why != "" {
		return c
	}
	c.Difference = difference(x.spread(0, values[0], c.Stat, false), x.spread(1, values[1], c.Stat, false), filled, false)
	if same && x.overlap >= minOverlap {
		d := difference(x.spread(0, values[0], c.Stat, true), x.spread(1, values[1], c.Stat, true), filled, true)
		c.Same = &d
	}
	return c
}

// minOverlap is how much of either side must have sizes that the other has, too.
const minOverlap = 0.5

// filled returns how many blocks hold a value.
func (x *contrast) filled(side int, c column) int {
	seen := make([]bool, x.sides[side].Blocks)
	n := 0
	for _, k := range c.at {
		if b := x.sides[side].Requests[k].Block; !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// spread returns a statistic of one side from all and from each resample.
func (x *contrast) spread(side int, c column, stat string, same bool) spread {
	s := spread{value: x.figure(side, c, stat, comparisonResamples, same), resampled: make([]float64, comparisonResamples)}
	for r := range s.resampled {
		s.resampled[r] = x.figure(side, c, stat, r, same)
		if math.IsNaN(s.resampled[r]) { // the resample draws none of them
			s.resampled[r] = s.value
		}
	}
	return s
}

// figure returns the mean or the nearest-rank quantile of the values as the resample draws them; NaN if it draws none.
func (x *contrast) figure(side int, c column, stat string, resample int, same bool) float64 {
	draw, weights, stratum, requests := x.draws[side][resample], x.weights[side][resample], x.strata.of[side], x.sides[side].Requests
	reached := x.scratch[:0]
	var total, sum float64
	for i, k := range c.at {
		w := draw[requests[k].Block]
		if same {
			w *= weights[stratum[k]]
		}
		total += w
		sum += w * c.of[i]
		reached = append(reached, total)
	}
	x.scratch = reached
	if total == 0 {
		return math.NaN()
	}
	p, ordered := quantiles[stat]
	if !ordered {
		return sum / total
	}
	// Products land a hair above the rank that they mean.
	i, _ := slices.BinarySearch(reached, p*total*(1-1e-9))
	return c.of[i]
}

// rateBins is into how many equal stretches a window is cut to see how its rate varies.
const rateBins = 20

// rate compares arrivals a second.
func (x *contrast) rate() Change {
	c := Change{Name: "arrivals", Stat: "rate", Unit: "/s", N: [2]int{x.sides[0].Of, x.sides[1].Of}}
	var spreads [2]spread
	for i, s := range x.sides {
		length := float64(s.Until-s.Since) / 1e9
		if len(s.Requests) < rateBins || length <= 0 {
			c.Why = fmt.Sprintf("needs %d requests on either side", rateBins)
			return c
		}
		var bins [rateBins]float64
		each := float64(s.Of) / float64(len(s.Requests))
		for k := range s.Requests {
			bins[min(int(float64(s.Requests[k].Start)/float64(s.Until-s.Since)*rateBins), rateBins-1)] += each
		}
		spreads[i].value = float64(s.Of) / length
		random := rand.New(rand.NewPCG(uint64(i), 0x7a7e))
		for range comparisonResamples {
			sum := 0.0
			for range rateBins {
				sum += bins[random.IntN(rateBins)]
			}
			spreads[i].resampled = append(spreads[i].resampled, sum/length)
		}
	}
	c.Difference = difference(spreads[0], spreads[1], [2]int{rateBins, rateBins}, false)
	return c
}
