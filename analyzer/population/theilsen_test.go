package population

import (
	"math"
	"math/rand/v2"
	"testing"
)

// noisyLine returns n points of y = 40 + 3 x with noise, a fifth of them far above.
func noisyLine(r *rand.Rand, n int) (x, y []float64) {
	for range n {
		at := r.Float64() * 1000
		x, y = append(x, at), append(y, 40+3*at+r.NormFloat64()*50)
		if r.IntN(5) == 0 {
			y[len(y)-1] += 3000 * r.Float64()
		}
	}
	return x, y
}

// TestTheilSenHoldsTheLine: of lines with outliers that would ruin least squares, at least 90 % of the intervals hold the
// true slope, and all slopes are near it.
func TestTheilSenHoldsTheLine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const trials = 200
	held := 0
	for range trials {
		x, y := noisyLine(r, 60)
		l, ok := theilSen(x, y, 1)
		if !ok || math.Abs(l.Slope.Value-3) > 1 {
			t.Fatalf("%+v, want a slope of 3", l)
		}
		if l.Slope.Low <= 3 && l.Slope.High >= 3 {
			held++
		}
	}
	if held < trials*9/10 {
		t.Errorf("%d of %d intervals hold the slope", held, trials)
	}
}

// TestDrawnPairsAgree: drawn pairs of many points give what all pairs of some of them do, for each seed the same.
func TestDrawnPairsAgree(t *testing.T) {
	x, y := noisyLine(rand.New(rand.NewPCG(2, 2)), 20_000)
	many, _ := theilSen(x, y, 1)
	few, _ := theilSen(x[:allPairs], y[:allPairs], 1)
	if many.Slope.Value < few.Slope.Low || many.Slope.Value > few.Slope.High {
		t.Errorf("drawn pairs say %+v, all pairs %+v", many.Slope, few.Slope)
	}
	if many.Slope.High-many.Slope.Low > few.Slope.High-few.Slope.Low {
		t.Errorf("of more points the interval is wider: %+v and %+v", many.Slope, few.Slope)
	}
	if again, _ := theilSen(x, y, 1); again != many {
		t.Errorf("one seed gives %+v and %+v", many, again)
	}
	if other, _ := theilSen(x, y, 2); math.Abs(other.Slope.Value-many.Slope.Value) > 0.05 {
		t.Errorf("another seed gives %+v instead of %+v", other, many)
	}
}

func TestTheilSenOfOneSize(t *testing.T) {
	if l, ok := theilSen([]float64{5, 5, 5}, []float64{1, 2, 3}, 1); ok {
		t.Errorf("points of one x have the line %+v", l)
	}
}

func TestApportionSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		shares := make([]float64, 1+r.IntN(20))
		for i := range shares {
			shares[i] = r.ExpFloat64() * float64(r.IntN(3))
		}
		shares[0]++
		total := r.Int64N(1e15)
		sum := int64(0)
		for i, ns := range apportion(shares, total) {
			sum += ns
			if ns < 0 || shares[i] == 0 && ns != 0 {
				t.Fatalf("%v of %d: %d for share %g", shares, total, ns, shares[i])
			}
		}
		if sum != total {
			t.Fatalf("%v: %d, want %d", shares, sum, total)
		}
	}
}
