package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// beforeEngine are the phases between the user and the engine's queue.
var beforeEngine = []analyzer.Phase{
	analyzer.Client, analyzer.Retry, analyzer.Network, analyzer.Gateway, analyzer.Frontend, analyzer.Tokenize,
}

// measureLimits says whether the targets of TTFT that are missed would be if only a part of the way to the first token took
// any time. What a device does by nature is no reason for a miss that goes away with what is wrong elsewhere.
func measureLimits(t Targets, wholes []*view) Measures {
	m := Measures{}
	if !t.Known {
		return m
	}
	var engine, prefill []float64
	for _, v := range wholes {
		for _, r := range v.latency {
			ttft, ok := r.TTFT()
			if !ok {
				continue
			}
			for _, p := range beforeEngine {
				ttft -= phaseTime(r, p, population.PathTTFT)
			}
			engine, prefill = append(engine, float64(ttft)), append(prefill, float64(phaseTime(r, analyzer.Prefill, population.PathTTFT)))
		}
	}
	slices.Sort(engine)
	slices.Sort(prefill)
	m["engine_ttft_missed"] = truth(missesAny(engine, t.MissedTTFT))
	m["prefill_ttft_missed"] = truth(missesAny(prefill, t.MissedTTFT))
	return m
}

// missesAny reports whether a statistic of sorted is over one of the limits.
func missesAny(sorted []float64, limits []Limit) bool {
	return len(sorted) > 0 && slices.ContainsFunc(limits, func(l Limit) bool {
		value := meanOf(sorted)
		if l.P > 0 {
			value = sorted[population.NearestRank(len(sorted), l.P)]
		}
		return value > l.Value
	})
}
