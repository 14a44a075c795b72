package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// plainSteps is how many tokens a step yields at most when nothing is drafted: answers end within a step.
const plainSteps = 1.02

// measureSpeculation compares the steps of instances that decode several tokens at once with those of instances that do
// not, on requests whose engine states every step.
func measureSpeculation(in *Input, wholes []*view, list []Measures) {
	perStep, step := make([]float64, len(wholes)), make([]float64, len(wholes))
	var plain []float64
	for k, v := range wholes {
		var yields, times []float64
		for _, r := range v.latency {
			if steps := r.Steps(); steps > 0 && r.OutputTokens > 1 && r.Outcome == analyzer.Succeeded {
				yields = append(yields, float64(r.OutputTokens-1)/float64(steps))
				times = append(times, medianGap(r.ICL())*1e3)
			}
		}
		if len(yields) < minInstanceRequests {
			continue
		}
		slices.Sort(times)
		perStep[k], step[k] = meanOf(yields), times[population.NearestRank(len(times), 0.5)]
		list[k]["tokens_per_engine_step"] = number(perStep[k], len(yields))
		if drafted, ok := in.Facts.Number("num_speculative_tokens"); ok {
			list[k]["draft_acceptance"] = number(max(0, perStep[k]-1)/drafted, len(yields))
		}
		if perStep[k] <= plainSteps {
			plain = append(plain, step[k])
		}
	}
	if len(plain) == 0 {
		return
	}
	for k := range wholes {
		if perStep[k] > 0 {
			list[k]["step_time_ratio"] = number(step[k]/meanOf(plain), list[k]["tokens_per_engine_step"].N)
		}
	}
}
