package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

const (
	// slowTime is the stretch of time in which instances are compared, in nanoseconds.
	slowTime = int64(5e9)
	// slowTimeRequests is how many requests of an instance, and of the others, such a stretch needs.
	slowTimeRequests = 3
	// slowTimeRatio is from how many times the TPOT of the others on an instance is slow in it, and the others are in turn.
	slowTimeRatio = 1.2
)

// A decoded is a request's speed of decode.
type decoded struct {
	at              int64 // the middle of it
	tpot, inService float64
}

// measureSlowTimes compares the TPOT of each instance with that of the others at the same times, as if all had as many in
// service. What the number in service adds is taken from the others: on an instance that is slow at times more are in
// service then, because it is slow. An instance that is no slower than the others is as often slow as they are.
func measureSlowTimes(wholes []*view, list []Measures) {
	all := make([][]decoded, len(wholes))
	for k, v := range wholes {
		if v.domain.Domain.AsOneServer {
			continue
		}
		var records []*population.Record
		for _, r := range v.latency {
			if _, ok := r.TPOT(); ok && r.Outcome == analyzer.Succeeded {
				records = append(records, r)
			}
		}
		if len(records) < minInstanceRequests {
			continue
		}
		_, tpot, inService := v.decoding(records)
		for i, r := range records {
			all[k] = append(all[k], decoded{r.FirstToken + (r.LastToken-r.FirstToken)/2, tpot[i], inService[i]})
		}
	}
	for k, own := range all {
		var others [][]decoded
		for j, list := range all {
			if j != k && len(list) > 0 {
				others = append(others, list)
			}
		}
		if len(own) > 0 && len(others) > 0 {
			compareTimes(own, others, list[k])
		}
	}
}

func compareTimes(own []decoded, others [][]decoded, m Measures) {
	slope := serviceSlope(others)
	mine, theirs := map[int64][]float64{}, map[int64][]float64{}
	fill := func(bins map[int64][]float64, list []decoded) {
		for _, d := range list {
			bins[d.at/slowTime] = append(bins[d.at/slowTime], d.tpot-slope*d.inService)
		}
	}
	fill(mine, own)
	var mean, n float64
	for _, list := range others {
		fill(theirs, list)
		for _, d := range list {
			mean, n = mean+d.inService, n+1
		}
	}
	level := slope * mean / n
	var ratios []float64
	for at, a := range mine {
		b := theirs[at]
		if len(a) < slowTimeRequests || len(b) < slowTimeRequests {
			continue
		}
		slices.Sort(a)
		slices.Sort(b)
		x, y := a[population.NearestRank(len(a), 0.5)]+level, b[population.NearestRank(len(b), 0.5)]+level
		if x > 0 && y > 0 {
			ratios = append(ratios, math.Log(x/y))
		}
	}
	n = float64(len(ratios))
	if len(ratios) < minCompared {
		return
	}
	// Wilcoxon's signed ranks: chance makes the sum of ranks of either sign alike.
	slices.SortFunc(ratios, func(a, b float64) int { return cmp.Or(cmp.Compare(math.Abs(a), math.Abs(b)), cmp.Compare(a, b)) })
	var ranks, slow, sum float64
	for i, r := range ratios {
		ranks += math.Copysign(float64(i+1), r)
		sum += r
		if math.Abs(r) >= math.Log(slowTimeRatio) {
			slow += math.Copysign(1, r)
		}
	}
	m["instance_slow_z"] = number(ranks/math.Sqrt(n*(n+1)*(2*n+1)/6), len(ratios))
	m["instance_slow_share"] = number(slow/n, len(ratios))
	m["instance_slow_excess"] = number(math.Exp(sum/n)-1, len(ratios))
}

// serviceSlope is how much longer TPOT is with one more in service, on the instances by themselves.
func serviceSlope(instances [][]decoded) float64 {
	var sxx, sxy float64
	for _, list := range instances {
		var mx, my float64
		for _, d := range list {
			mx, my = mx+d.inService/float64(len(list)), my+d.tpot/float64(len(list))
		}
		for _, d := range list {
			sxx, sxy = sxx+(d.inService-mx)*(d.inService-mx), sxy+(d.inService-mx)*(d.tpot-my)
		}
	}
	if sxx == 0 {
		return 0
	}
	return max(0, sxy/sxx)
}
