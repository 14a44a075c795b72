package rules

import "testing"

func TestMissesAny(t *testing.T) {
	var ttft []float64 // 1 to 100
	for i := range 100 {
		ttft = append(ttft, float64(i+1))
	}
	for _, c := range []struct {
		name   string
		limits []Limit
		want   bool
	}{
		{"no target is missed today", nil, false},
		{"p95 is over", []Limit{{0.95, 94}}, true},
		{"p95 is not over", []Limit{{0.95, 95}}, false},
		{"the mean is over", []Limit{{0, 50}}, true},
		{"the mean is not over", []Limit{{0, 51}}, false},
		{"one of two is over", []Limit{{0.95, 95}, {0.5, 49}}, true},
	} {
		if got := missesAny(ttft, c.limits); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if missesAny(nil, []Limit{{0.5, 1}}) {
		t.Error("nobody misses anything")
	}
}
