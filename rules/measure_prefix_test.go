package rules

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// TestPrefixGapByTheIntercept: where prompts share 150 of 220 tokens and prompt length explains little of prefill, a slope
// that is known to half of it lets the intercept say how many at most come from the cache.
func TestPrefixGapByTheIntercept(t *testing.T) {
	for _, test := range []struct {
		name      string
		slope     population.Estimate
		intercept population.Estimate // in tokens
		fires     bool
	}{
		{"nothing is cached, with noise", population.Estimate{Value: 300e3, Low: 170e3, High: 420e3}, population.Estimate{Value: 20, Low: -70, High: 140}, true},
		{"so much noise that the slope is not known either", population.Estimate{Value: 300e3, Low: 100e3, High: 600e3}, population.Estimate{Value: 20, Low: -70, High: 140}, false},
		{"150 tokens are cached, with noise", population.Estimate{Value: 300e3, Low: 170e3, High: 420e3}, population.Estimate{Value: -140, Low: -230, High: -60}, false},
	} {
		scaled := population.Estimate{Value: test.intercept.Value * test.slope.Value, Low: test.intercept.Low * test.slope.Value, High: test.intercept.High * test.slope.Value}
		v := &view{
			Input:  &Input{Facts: population.Facts{"shared_prefix_tokens": "150"}},
			domain: &population.DomainStudy{Sizes: population.Sizes{Prefill: &population.Line{N: 40, Slope: test.slope, Intercept: scaled}}},
			m:      Measures{"input_tokens_mean": number(220, 40), "cached_prefix_tokens": number(max(0, -test.intercept.Value), 40), "prefill_r2": number(0.35, 40)},
		}
		for range 40 {
			v.latency = append(v.latency, &population.Record{InputTokens: 220})
		}
		v.measurePrefix()
		if gap := v.m["cache_gap"]; (gap.Known && gap.Number > 0.2) != test.fires {
			t.Errorf("%s: a gap of %+v, want over 0.2: %t", test.name, gap, test.fires)
		}
	}
}
