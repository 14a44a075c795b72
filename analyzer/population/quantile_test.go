package population

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func ascending(n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = float64(i + 1)
	}
	return s
}

func TestNearestRankIsTheCeiling(t *testing.T) {
	for _, c := range []struct {
		n    int
		p    float64
		want int // one-based
	}{
		{1, 0.5, 1}, {2, 0.5, 1}, {3, 0.5, 2}, {100, 0.95, 95}, {200, 0.95, 190}, {200, 0.99, 198}, {282, 0.95, 268}, {7, 0.99, 7},
	} {
		if got := NearestRank(c.n, c.p) + 1; got != c.want {
			t.Errorf("NearestRank(%d, %v) = %d, want %d", c.n, c.p, got, c.want)
		}
	}
}

func TestUpperEndNeedsEnoughItems(t *testing.T) {
	for _, c := range []struct {
		p    float64
		n    int
		open bool
	}{{0.95, 71, true}, {0.95, 72, false}, {0.99, 367, true}, {0.99, 368, false}, {0.5, 5, true}, {0.5, 6, false}} {
		if got := QuantileOf(ascending(c.n), c.p).Open; got != c.open {
			t.Errorf("p%v of %d: open = %v, want %v", c.p*100, c.n, got, c.open)
		}
	}
}

func TestIntervalHoldsItsValue(t *testing.T) {
	for n := 1; n < 500; n += 7 {
		for _, p := range []float64{0.5, 0.9, 0.95, 0.99} {
			q := QuantileOf(ascending(n), p)
			if !q.LowOpen && q.Low > q.Value || !q.Open && q.High < q.Value {
				t.Fatalf("n=%d p=%v: %v not in [%v, %v]", n, p, q.Value, q.Low, q.High)
			}
		}
	}
}

// TestIntervalCovers counts how often the interval holds the quantile of the distribution that the sample came from.
func TestIntervalCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rounds = 4000
	for _, c := range []struct {
		n int
		p float64
	}{{40, 0.5}, {100, 0.95}, {400, 0.99}} {
		held := 0
		for range rounds {
			s := make([]float64, c.n)
			for i := range s {
				s[i] = rng.Float64() // the quantile p of this distribution is p
			}
			slices.Sort(s)
			if q := QuantileOf(s, c.p); q.Low <= c.p && c.p <= q.High {
				held++
			}
		}
		if share := float64(held) / rounds; share < 0.94 {
			t.Errorf("n=%d p=%v: the interval held the quantile in %.1f %% of %d rounds, want at least 95 %%", c.n, c.p, 100*share, rounds)
		}
	}
}
