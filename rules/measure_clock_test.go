package rules

import (
	"math"
	"testing"
)

// TestClockLossIsOfTheNearestSamples: of all devices that are sampled then.
func TestClockLossIsOfTheNearestSamples(t *testing.T) {
	c := clocks{most: 2000, list: []point{{at: 10, value: 2000}, {at: 10, value: 2000}, {at: 20, value: 1000}, {at: 20, value: 500}, {at: 30, value: 2000}}}
	for at, want := range map[int64]float64{-5: 0, 10: 0, 14: 0, 16: 0.625, 20: 0.625, 24: 0.625, 26: 0, 99: 0} {
		if got := c.lossAt(at); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %d the clock lies %.3f under the highest, want %.3f", at, got, want)
		}
	}
}
