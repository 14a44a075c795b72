package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// The least that makes a bystander slow: so many times what its like take at rest, and so long, in nanoseconds.
const (
	slowBystander    = 5
	longestBystander = 10e6
)

// measureBystanders fills in how calls of other endpoints of the same process fare while a model call runs.
func (v *view) measureBystanders() {
	busy := v.modelCalls()
	byName := map[uint32][]population.Bystander{}
	n := 0
	for _, b := range v.Population.Bystanders {
		if b.Start < v.since || b.Start >= v.until || !v.sameProcess(&b) {
			continue
		}
		byName[b.Name] = append(byName[b.Name], b)
		n++
	}
	if n == 0 || len(busy) == 0 {
		return
	}
	slow, inside, slowTime, overlapped := 0, 0, 0.0, 0.0
	var during, rest []float64
	for _, list := range byName {
		atRest := restOf(list, busy)
		for _, b := range list {
			took, shared := float64(b.End-b.Start), float64(busy.Overlap(b.Start, b.End))
			if shared > 0 {
				during = append(during, took)
			}
			if took > 0 && shared == took {
				inside++
			}
			if took > slowBystander*atRest && took > longestBystander {
				slow++
				slowTime, overlapped = slowTime+took, overlapped+shared
			}
		}
		rest = append(rest, atRest)
	}
	v.m["bystanders"] = number(float64(slow), n)
	v.m["bystander_inside_share"] = share(inside, n)
	v.m["bystander_overlap_share"] = number(0, n)
	if slowTime > 0 {
		v.m["bystander_overlap_share"] = number(overlapped/slowTime, slow)
	}
	if least := slices.Min(rest); len(during) > 0 && least > 0 {
		slices.Sort(during)
		v.m["bystander_slow_ratio"] = number(during[population.NearestRank(len(during), 0.5)]/least, len(during))
	}
}

// sameProcess reports whether a bystander was served by a process of the domain: of the same name or, where none is
// named, of the same service.
func (v *view) sameProcess(b *population.Bystander) bool {
	if !v.domain.Domain.AsOneServer {
		return slices.Contains(v.domain.Domain.Instances, b.Instance)
	}
	return v.Population.Text(b.Instance) == "" && len(v.members) > 0 && v.members[0].Service == b.Service
}

// restOf returns what bystanders of one name take while no model call runs: the median of those that overlap none or,
// where they are under three, the quickest fifth.
func restOf(list []population.Bystander, busy analyzer.Stretches) float64 {
	var all, quiet []float64
	for _, b := range list {
		all = append(all, float64(b.End-b.Start))
		if busy.Overlap(b.Start, b.End) == 0 {
			quiet = append(quiet, float64(b.End-b.Start))
		}
	}
	if len(quiet) >= 3 {
		slices.Sort(quiet)
		return quiet[population.NearestRank(len(quiet), 0.5)]
	}
	slices.Sort(all)
	return all[population.NearestRank(len(all), 0.2)]
}

// modelCalls returns when the engine worked on a request.
func (v *view) modelCalls() analyzer.Stretches {
	var list []analyzer.Stretch
	for _, r := range v.members {
		if from, to := serving(r); to > from {
			list = append(list, analyzer.Stretch{From: from, To: to})
		}
	}
	return analyzer.Union(list)
}
