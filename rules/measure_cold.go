package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

const (
	// pause is how long nobody asked before a first request, in nanoseconds, where the requests themselves do not show from
	// when on a process is cold.
	pause = 300e9
	// leastPause is the shortest time without requests after which a process can have become cold.
	leastPause = 1e9
	// leastCold is how many requests after a pause show from when on a process is cold.
	leastCold = 5
)

// An idleStart is a request's time to first token, and for how long its process had nothing to do before.
type idleStart struct {
	idle   int64 // math.MaxInt64 for the first of a process
	ttft   float64
	prompt int64 // tokens that no cache held, as far as is stated
}

// measureColdStarts compares first requests, of each process and after each pause, with the median of the others.
func (v *view) measureColdStarts() {
	lastEnd := map[uint32]int64{}
	var list []idleStart
	for _, r := range v.members {
		before, seen := lastEnd[r.Instance]
		lastEnd[r.Instance] = max(before, r.End)
		if ns, ok := r.TTFT(); ok {
			idle := max(0, r.Start-before)
			if !seen {
				idle = math.MaxInt64
			}
			list = append(list, idleStart{idle, float64(ns), max(0, r.InputTokens) - max(0, r.CachedTokens)})
		}
	}
	if len(list) <= minCompared {
		return
	}
	after := coldAfter(list)
	var cold, warm []float64
	for _, s := range list {
		if s.idle > after {
			cold = append(cold, s.ttft)
		} else {
			warm = append(warm, s.ttft)
		}
	}
	if len(cold) == 0 || len(warm) == 0 {
		return
	}
	slices.Sort(warm)
	median := warm[population.NearestRank(len(warm), 0.5)]
	if median > 0 {
		v.m["warm_ttft"] = span(median, len(warm))
		v.m["cold_requests"], v.m["cold_ttft_ratio"] = number(float64(len(cold)), len(cold)), number(meanOf(cold)/median, len(cold))
	}
}

// coldAfter returns after how long without requests those that come next wait longer for their first token: the pause that
// parts short times from long ones best, if nearly all after it are twice as long as three quarters of the others. Where
// their prompts are twice as long as the others' too, as those of first turns can be, it is not the pause that does it.
func coldAfter(list []idleStart) int64 {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b idleStart) int { return cmp.Or(cmp.Compare(a.idle, b.idle), cmp.Compare(a.ttft, b.ttft)) })
	total := 0.0
	for _, s := range sorted {
		total += math.Log(s.ttft + 1)
	}
	best, at, below := 0.0, 0, 0.0
	for i := 1; i <= len(sorted)-leastCold; i++ {
		below += math.Log(sorted[i-1].ttft + 1)
		if i < leastCold || sorted[i].idle < leastPause || sorted[i].idle == sorted[i-1].idle {
			continue
		}
		n, m := float64(i), float64(len(sorted)-i)
		if apart := (total-below)/m - below/n; apart > 0 && apart*apart*n*m > best {
			best, at = apart*apart*n*m, i
		}
	}
	if at == 0 {
		return pause
	}
	times := func(part []idleStart) (ttft []float64, prompt float64) {
		for _, s := range part {
			ttft, prompt = append(ttft, s.ttft), prompt+float64(s.prompt)
		}
		slices.Sort(ttft)
		return ttft, prompt / float64(len(part))
	}
	warm, warmPrompt := times(sorted[:at])
	cold, coldPrompt := times(sorted[at:])
	if cold[population.NearestRank(len(cold), 0.1)] < 2*warm[population.NearestRank(len(warm), 0.75)] || coldPrompt > 2*warmPrompt {
		return pause
	}
	return sorted[at-1].idle
}
