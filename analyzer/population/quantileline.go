package population

import (
	"cmp"
	"slices"
)

// maxLinePoints is how many points a quantile line is fitted to: from more, every k-th by size is taken.
const maxLinePoints = 2000

// A quantileLine is the line y = intercept + slope * x below which a share of the points lies.
type quantileLine struct{ intercept, slope float64 }

func (l quantileLine) at(x float64) float64 { return l.intercept + l.slope*x }

type point struct{ x, y float64 }

// fitQuantileLine returns the quantile regression of y on x (Koenker and Bassett, Regression Quantiles, 1978) with a
// slope of at least 0: more work takes no less time. With the best intercept for each slope the loss is convex in the
// slope, which is found by bisection on the sign of the derivative. It reorders points, of which there is at least one.
func fitQuantileLine(points []point, share float64) quantileLine {
	slices.SortFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	if step := (len(points) + maxLinePoints - 1) / maxLinePoints; step > 1 {
		kept := points[:0]
		for i := 0; i < len(points); i += step {
			kept = append(kept, points[i])
		}
		points = kept
	}
	// No line is steeper than the whole height over the least distance.
	low, high := points[0].y, points[0].y
	least := 0.0
	for i, q := range points {
		low, high = min(low, q.y), max(high, q.y)
		if i == 0 {
			continue
		}
		if d := q.x - points[i-1].x; d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	rest, sorted := make([]float64, len(points)), make([]float64, len(points))
	intercept, falling := descend(points, rest, sorted, 0, share)
	if least == 0 || !falling {
		return quantileLine{intercept: intercept}
	}
	from, to := 0.0, (high-low)/least
	for range 64 {
		slope := (from + to) / 2
		if _, falling := descend(points, rest, sorted, slope, share); falling {
			from = slope
		} else {
			to = slope
		}
	}
	intercept, _ = descend(points, rest, sorted, to, share)
	return quantileLine{intercept, to}
}

// descend returns the best intercept for a slope, and whether the loss falls with a greater slope. The points on the line
// share what the others leave of the derivative by the intercept, which is 0.
func descend(points []point, rest, sorted []float64, slope, share float64) (intercept float64, falling bool) {
	for i, q := range points {
		rest[i] = q.y - slope*q.x
	}
	copy(sorted, rest)
	slices.Sort(sorted)
	intercept = sorted[NearestRank(len(sorted), share)]
	var sum, onLine, on, pull float64
	for i, q := range points {
		switch {
		case rest[i] > intercept:
			sum += share * q.x
			pull += share
		case rest[i] < intercept:
			sum -= (1 - share) * q.x
			pull -= 1 - share
		default:
			onLine += q.x
			on++
		}
	}
	return intercept, sum-pull*onLine/on > 0
}
