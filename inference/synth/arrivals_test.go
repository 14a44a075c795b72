package synth

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestScatteredArrivals(t *testing.T) {
	const n, span = 100_000, int64(time.Hour)
	times := slices.Collect(scattered(newRandom(3, 0), n, span))
	if len(times) != n || !slices.IsSorted(times) || times[0] < 0 || times[n-1] >= span {
		t.Fatalf("%d times, sorted %v, from %d to %d; want %d sorted ones in [0, %d)",
			len(times), slices.IsSorted(times), times[0], times[n-1], n, span)
	}
	// Gaps of a Poisson process have a standard deviation that equals their mean.
	var mean, square float64
	for i := 1; i < n; i++ {
		gap := float64(times[i] - times[i-1])
		mean += gap / (n - 1)
		square += gap * gap / (n - 1)
	}
	if cv := math.Sqrt(square-mean*mean) / mean; math.Abs(cv-1) > 0.02 {
		t.Errorf("the gaps' coefficient of variation is %.3f, want 1", cv)
	}
}

func TestPoissonFollowsLoads(t *testing.T) {
	loads := []load{{0, 20}, {int64(1000 * time.Second), 80}}
	end := int64(2000 * time.Second)
	counts := make([]int, len(loads))
	for at := range poisson(newRandom(3, 1), loads, end) {
		counts[at/int64(1000*time.Second)]++
	}
	for i, want := range []int{20_000, 80_000} {
		if math.Abs(float64(counts[i]-want)) > 4*math.Sqrt(float64(want)) {
			t.Errorf("stretch %d has %d arrivals, want about %d", i, counts[i], want)
		}
	}
}
