package rules

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPlaneFindsTheSlopeBesideAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x, y, z []float64
	for range 400 {
		a, b := r.Float64(), 1+5*r.Float64()
		a = 0.5*a + 0.1*b // x goes with y, as foreign prefill goes with how many decode
		x, y, z = append(x, a), append(y, b), append(z, 100-60*a-4*b+r.NormFloat64())
	}
	at, slope, half, ok := plane(x, y, z)
	if !ok || math.Abs(slope+60) > half || half > 2 {
		t.Errorf("slope is %.1f +- %.1f, want -60", slope, half)
	}
	if want := 100 - 4*meanOf(y); math.Abs(at-want) > 1 {
		t.Errorf("at x = 0 and the mean of y it is %.1f, want %.1f", at, want)
	}
	if _, _, _, ok := plane(make([]float64, 400), y, z); ok {
		t.Error("a slope on what does not vary is none")
	}
}
