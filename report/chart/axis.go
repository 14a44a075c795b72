package chart

import (
	"fmt"
	"math"
)

// An axis turns values into places on the drawing.
type axis struct {
	low, high float64 // values
	from, to  float64 // places
	log       bool
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(math.Max(v, a.low))
	}
	if high == low {
		return a.from
	}
	return a.from + (a.to-a.from)*math.Min(1, math.Max(0, (v-low)/(high-low)))
}

// ticks returns values to mark: powers of ten with 2 and 5 between on a logarithmic axis, round steps on a level one.
// Level axes are of seconds: steps over ten of them are those of clocks.
func (a axis) ticks(about int) (ticks []float64) {
	if a.log {
		for exponent := math.Floor(math.Log10(a.low)); exponent <= math.Ceil(math.Log10(a.high)); exponent++ {
			for _, digit := range []float64{1, 2, 5} {
				if v := digit * math.Pow(10, exponent); v >= a.low*.999 && v <= a.high*1.001 {
					ticks = append(ticks, v)
				}
			}
		}
		for len(ticks) > about {
			kept := ticks[:0]
			for i := 0; i < len(ticks); i += 2 {
				kept = append(kept, ticks[i])
			}
			ticks = kept
		}
		return ticks
	}
	if a.high <= a.low {
		return []float64{a.low}
	}
	raw := (a.high - a.low) / float64(about)
	for _, step := range []float64{15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		if raw > 10 && step >= raw {
			return a.every(step)
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step*m >= raw {
			step *= m
			break
		}
	}
	return a.every(step)
}

// every returns the multiples of step on the axis.
func (a axis) every(step float64) (ticks []float64) {
	for i := math.Ceil(a.low / step); i*step <= a.high+step/1e6; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// seconds prints a time in seconds in the unit that suits it.
func seconds(s float64) string {
	size := math.Abs(s)
	switch {
	case size == 0:
		return "0 s"
	case size < 1e-3:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case size < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	case size < 120:
		return fmt.Sprintf("%.3g s", s)
	case size < 7200:
		return fmt.Sprintf("%.3g min", s/60)
	case size < 48*3600:
		return fmt.Sprintf("%.3g h", s/3600)
	}
	return fmt.Sprintf("%.3g d", s/86400)
}
