package population

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func lossOf(points []point, l quantileLine, share float64) (sum float64) {
	for _, q := range points {
		if d := q.y - l.at(q.x); d >= 0 {
			sum += share * d
		} else {
			sum += (share - 1) * d
		}
	}
	return sum
}

// The best line passes through two of the points, or is level through one.
func TestQuantileLineHasTheLeastLoss(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		n := 1 + random.IntN(14)
		points := make([]point, n)
		for i := range points {
			points[i] = point{float64(random.IntN(20)), 1e6 * random.Float64()}
		}
		least := math.Inf(1)
		for i := range points {
			least = min(least, lossOf(points, quantileLine{points[i].y, 0}, 0.1))
			for k := range i {
				if slope := (points[i].y - points[k].y) / (points[i].x - points[k].x); slope >= 0 && !math.IsInf(slope, 0) {
					least = min(least, lossOf(points, quantileLine{points[i].y - slope*points[i].x, slope}, 0.1))
				}
			}
		}
		line := fitQuantileLine(slices.Clone(points), 0.1)
		if got := lossOf(points, line, 0.1); got > least+1e-3 {
			t.Fatalf("%v: loss %g of %+v, the least is %g", points, got, line, least)
		}
	}
}

func TestQuantileLineOfManyPoints(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	points := make([]point, 50_000)
	for i := range points {
		x := float64(random.IntN(4000))
		points[i] = point{x, 2e6 + 1e5*x*(1+random.ExpFloat64())}
	}
	line := fitQuantileLine(slices.Clone(points), 0.1)
	below := 0
	for _, q := range points {
		if q.y < line.at(q.x) {
			below++
		}
	}
	if share := float64(below) / float64(len(points)); share < 0.07 || share > 0.13 {
		t.Errorf("%.3f of the points are below the line, want 0.1", share)
	}
	if want := 1e5 * (1 - math.Log(0.9)); math.Abs(line.slope/want-1) > 0.02 {
		t.Errorf("slope %g, want %g", line.slope, want)
	}
}
