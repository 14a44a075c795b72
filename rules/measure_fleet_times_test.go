package rules

import (
	"math/rand/v2"
	"testing"
)

// decodedFor is five minutes of requests, three a second, of which TPOT is so long at a time in seconds with so many in service.
func decodedFor(r *rand.Rand, tpot func(at float64, inService float64) float64) []decoded {
	var list []decoded
	for i := range 900 {
		at, inService := float64(i)/3, 1+float64(r.IntN(8))
		list = append(list, decoded{int64(at * 1e9), tpot(at, inService) * (0.95 + 0.1*r.Float64()), inService})
	}
	return list
}

// TestSlowAtTimes: an instance that is slower than the other for half of each minute is told from one that is always as
// fast, and from one that has more in service at times, or is slow when the other is.
func TestSlowAtTimes(t *testing.T) {
	even := func(_, n float64) float64 { return 10e6 + 1e6*n }
	half := func(at float64) bool { return int(at/30)%2 == 1 }
	slow := func(at, n float64) float64 {
		if half(at) {
			return 2 * even(at, n)
		}
		return even(at, n)
	}
	for _, test := range []struct {
		name       string
		own, other func(at, n float64) float64
		crowded    bool // it has twelve more in service for half of each minute
		slow       bool
	}{
		{"alike", even, even, false, false},
		{"slow for half of each minute", slow, even, false, true},
		{"both are", slow, slow, false, false},
		{"the other is", even, slow, false, false},
		{"more in service for half of each minute", even, even, true, false},
	} {
		r := rand.New(rand.NewPCG(81, 82))
		own, other := decodedFor(r, test.own), decodedFor(r, test.other)
		for i, d := range own {
			if at := float64(d.at) / 1e9; test.crowded && half(at) {
				own[i].inService += 12
				own[i].tpot = test.own(at, own[i].inService)
			}
		}
		m := Measures{}
		compareTimes(own, [][]decoded{other}, m)
		z, share, excess := m["instance_slow_z"].Number, m["instance_slow_share"].Number, m["instance_slow_excess"].Number
		if got := z > 3.5 && share >= 0.1 && excess >= 0.1; got != test.slow {
			t.Errorf("%s: z %.1f, slow in %.2f of the time by %.2f on average; want it to be slow: %v", test.name, z, share, excess, test.slow)
		}
		if test.slow && (share < 0.4 || share > 0.6 || excess < 0.3 || excess > 0.5) {
			t.Errorf("%s: slow in %.2f of the time by %.2f on average, want 0.5 and sqrt(2) - 1", test.name, share, excess)
		}
	}
}
