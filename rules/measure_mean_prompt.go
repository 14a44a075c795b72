package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// metricPromptTokens are histograms of the length of prompts, one value a request.
var metricPromptTokens = []string{"tgi_request_input_length", "vllm:request_prompt_tokens"}

// meanOfHistogram returns the mean of what was added to the first of those histograms that there is, and how many values
// that is. One that falls was restarted.
func meanOfHistogram(points []analyzer.MetricPoint, names []string) (mean float64, n int) {
	for _, name := range names {
		series := map[string][]*analyzer.MetricPoint{}
		for i := range points {
			if p := &points[i]; p.Type == analyzer.MetricHistogram && plainMetric(p.Name) == plainMetric(name) {
				key := seriesKey(p)
				series[key] = append(series[key], p)
			}
		}
		sum, count := 0.0, uint64(0)
		for _, list := range series {
			slices.SortStableFunc(list, func(a, b *analyzer.MetricPoint) int { return cmp.Compare(a.Time, b.Time) })
			var before float64
			var seen uint64
			for i, p := range list {
				total, ok := p.Sum.Number()
				if !ok {
					continue
				}
				switch {
				case p.Temporality != analyzer.TemporalityCumulative || i > 0 && p.Count < seen:
					sum, count = sum+total, count+p.Count
				case i > 0:
					sum, count = sum+total-before, count+p.Count-seen
				}
				before, seen = total, p.Count
			}
		}
		if count > 0 {
			return sum / float64(count), int(count)
		}
	}
	return 0, 0
}

// mostShared is the share of a mean prompt that may be stated to be shared. Nobody knows whether that is computed, so what is
// said of a token is off by as much: a quarter, as budgets may be that are held against it.
const mostShared = 0.25

// measureMeanPrompt takes the place of the regression on prompt tokens where requests do not state their prompts and the
// engine's metrics state how long they are on average: all prompts over all the time in which anybody is prefilled. That is
// no more than the device does, since a step that prefills may decode others too.
func (v *view) measureMeanPrompt() {
	m, mean := v.m, v.m["metric_input_tokens_mean"]
	shared, _ := v.Facts.Number("shared_prefix_tokens")
	if m["input_tokens_mean"].Known || !mean.Known || mean.N < minCompared || shared > mostShared*mean.Number || v.domain.Domain.Replicas > 1 {
		return
	}
	prefilled, busy := 0, int64(0)
	for _, r := range v.members {
		if ns := phaseTime(r, analyzer.Prefill, population.PathTTFT); ns > 0 && r.FirstToken != 0 {
			prefilled++
		}
	}
	for _, s := range v.prefillTime() {
		busy += s.To - s.From
	}
	if prefilled < minCompared || busy <= 0 {
		return
	}
	slope := float64(busy) / (float64(prefilled) * mean.Number)
	m["input_tokens_mean"], m["prefill_slope"] = number(mean.Number, mean.N), span(slope, prefilled)
	if tpot := m["uncontended_tpot"]; tpot.Known {
		m["tokens_per_step"] = number(tpot.Number/slope, prefilled)
	}
	if h := v.domain.Hardware; h != nil {
		if share, ok := h.PromptMFU(mean.Number, slope*mean.Number); ok && share <= 1 {
			m["mfu"] = number(share, prefilled)
		}
	}
}

// longPrefills returns the requests whose prefill takes the median or more.
func (v *view) longPrefills() (list []*population.Record) {
	var all []int64
	for _, r := range v.latency {
		if ns := phaseTime(r, analyzer.Prefill, population.PathTTFT); ns > 0 {
			all = append(all, ns)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	median := all[population.NearestRank(len(all), 0.5)]
	for _, r := range v.latency {
		if phaseTime(r, analyzer.Prefill, population.PathTTFT) >= median {
			list = append(list, r)
		}
	}
	return list
}
