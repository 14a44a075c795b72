package rules

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestMeanOfHistogramCountsWhatWasAdded(t *testing.T) {
	point := func(name, instance string, at int64, sum float64, count uint64) analyzer.MetricPoint {
		return analyzer.MetricPoint{
			Name: name, Type: analyzer.MetricHistogram, Temporality: analyzer.TemporalityCumulative, Time: at, Sum: analyzer.Double(sum), Count: count,
			Attributes: analyzer.Attributes{{Key: "instance", Value: analyzer.String(instance)}},
		}
	}
	points := []analyzer.MetricPoint{
		point("tgi_request_input_length", "a", 2, 3000, 12), // out of order: 2000 in 2 since 1
		point("tgi_request_input_length", "a", 1, 1000, 10),
		point("tgi_request_input_length", "a", 3, 500, 1), // restarted: 500 in 1
		point("tgi_request_input_length", "b", 1, 9000, 9),
		point("tgi_request_input_length", "b", 2, 9700, 10), // 700 in 1
		point("tgi_request_generated_tokens", "a", 1, 7, 1),
	}
	if mean, n := meanOfHistogram(points, metricPromptTokens); mean != 800 || n != 4 {
		t.Errorf("mean %v of %d, want 800 of 4", mean, n)
	}
	if mean, n := meanOfHistogram(points[5:], metricPromptTokens); mean != 0 || n != 0 {
		t.Errorf("mean %v of %d where nobody states prompts", mean, n)
	}
}
