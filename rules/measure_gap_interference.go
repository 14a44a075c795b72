package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// minGaps is how many gaps with foreign prefill and without are compared.
const minGaps = 20

// measureGapInterference compares gaps between chunks that foreign prefill fills for the most part with those that it does
// not touch. Where chunks are seen on most requests, that takes the place of what a fit over whole requests says: they show
// when each stream stood, even while nobody decodes without foreign prefill for long. Of a gap, no more is lost to
// prefill than the time they share, so that what else stops a stream is not blamed on it.
func (v *view) measureGapInterference() {
	busy := v.prefillTime()
	if len(busy) == 0 {
		return
	}
	var under, without []float64
	type touched struct{ length, shared float64 }
	var gaps []touched
	seen := 0
	for _, r := range v.latency {
		icl := r.ICL()
		if len(icl) < 2 || r.FirstToken == 0 {
			continue
		}
		seen++
		at := r.FirstToken
		for _, us := range icl {
			next := at + int64(us)*1000
			length, shared := float64(next-at), float64(busy.Overlap(at, next))
			at = next
			switch {
			case shared == 0:
				if len(without) < maxGaps {
					without = append(without, length)
				}
				continue
			case 2*shared >= length:
				under = append(under, length)
			}
			gaps = append(gaps, touched{length, shared})
		}
	}
	if 2*seen < len(v.latency) || len(without) < minGaps || len(under) < minGaps {
		return
	}
	slices.Sort(without)
	usual := without[population.NearestRank(len(without), 0.5)]
	if usual <= 0 {
		return
	}
	lost := 0.0
	for _, g := range gaps {
		lost += max(0, min(g.length-usual, g.shared))
	}
	slower := number(meanOf(under)/usual-1, len(under))
	v.m["gap_interference"], v.m["prefill_interference"] = slower, slower
	v.m["stall_recoverable"] = span(lost/float64(seen), len(gaps))
}
