package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A stall is a gap between chunks of a request that is far longer than its others.
type stall struct {
	from, to int64
	request  int
}

// maxStalls is how many stalls are compared with the streams in flight.
const maxStalls = 20_000

// measureCommonStalls finds stalls that nearly all streams of a process in flight share, and that no prefill is long
// enough for: the process or its host stood still. A pause stops prefills too, so that one may well be seen in it.
//
// Whoever cannot see prefills cannot tell a pause from them.
func (v *view) measureCommonStalls() {
	if len(v.prefillTime()) == 0 {
		return
	}
	begins, ends, stalls := v.stalls()
	slices.Sort(begins)
	slices.Sort(ends)
	common, unexplained, groups := 0, 0, 0
	var stops []analyzer.Stretch
	for i := 0; i < len(stalls); {
		from, to, j := stalls[i].from, stalls[i].to, i
		touched := map[int]bool{}
		for ; j < len(stalls) && stalls[j].from < to; j++ {
			touched[stalls[j].request] = true
			from, to = max(from, stalls[j].from), min(to, stalls[j].to)
		}
		// Of the streams that had begun by its end, those that ended before it are gone.
		begun, _ := slices.BinarySearch(begins, to)
		gone, _ := slices.BinarySearch(ends, from+1)
		there := begun - gone
		if v.prefillIn(from, to) < float64(to-from)/2 {
			unexplained += j - i
			if len(touched) >= 3 && float64(len(touched)) >= 0.8*float64(there) {
				groups++
				common += j - i
				stops = append(stops, analyzer.Stretch{From: from, To: to})
			}
		}
		i = j
	}
	v.m["common_stalls"] = number(float64(groups), len(stalls))
	v.m["common_stall_share"] = number(float64(common)/float64(max(1, unexplained)), unexplained)
	// Whoever is in the process meanwhile loses it, before the first token too.
	lost, lostFirst, withFirst := 0.0, 0.0, 0
	pauses := analyzer.Union(stops)
	for _, r := range v.latency {
		lost += float64(pauses.Overlap(r.Start, r.End))
		if r.FirstToken != 0 {
			withFirst++
			lostFirst += float64(pauses.Overlap(r.Start, r.FirstToken))
		}
	}
	v.m["common_stall_mean"] = span(lost/float64(max(1, len(v.latency))), common)
	v.m["common_stall_ttft_mean"] = span(lostFirst/float64(max(1, withFirst)), common)
}

// stalls returns the stalls in order, and when streams began and ended.
func (v *view) stalls() (begins, ends []int64, stalls []stall) {
	for _, r := range v.latency {
		icl := r.ICL()
		if len(icl) < 2 || r.FirstToken == 0 {
			continue
		}
		sorted := slices.Clone(icl)
		slices.Sort(sorted)
		limit := max(5*sorted[population.NearestRank(len(sorted), 0.5)], 100_000)
		at := r.FirstToken
		for _, us := range icl {
			if next := at + int64(us)*1000; us > limit && len(stalls) < maxStalls {
				stalls = append(stalls, stall{at, next, len(begins)})
			}
			at += int64(us) * 1000
		}
		begins, ends = append(begins, r.FirstToken), append(ends, at)
	}
	slices.SortFunc(stalls, func(a, b stall) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.request, b.request)) })
	return begins, ends, stalls
}

// prefillIn returns how many nanoseconds of [from, to) the prompt tokens take that were computed in it; without a fit that
// says what a token takes, how long somebody is prefilled in it.
func (v *view) prefillIn(from, to int64) float64 {
	if s := v.domain.Steps; s != nil {
		return s.PromptTime(from, to)
	}
	return float64(v.prefillTime().Overlap(from, to))
}
