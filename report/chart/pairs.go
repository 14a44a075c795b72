package chart

import "math"

// A Pair is a time before and after, in seconds, with the ends of its interval where those are known.
type Pair struct {
	Label         string
	Name          string // the kind of time, for its fill; empty for none
	Before, After Interval
}

// An Interval is a value with its interval; Low and High are NaN where the sample is too small for them.
type Interval struct{ Value, Low, High float64 }

// Pairs draws for each pair two bars below each other, the first called before and the second after, with whiskers over
// their intervals and the values beside them.
func Pairs(before, after string, pairs []Pair) *Drawing {
	const label, pitch = 150.0, 52.0
	d := &Drawing{Width: 860}
	most := 0.0
	for _, p := range pairs {
		for _, v := range []float64{p.Before.Value, p.After.Value, p.Before.High, p.After.High} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				most = math.Max(most, v)
			}
		}
	}
	x := axis{low: 0, high: math.Max(most, 1e-9), from: margin + label + 70, to: 860 - 100}
	y := margin
	for _, p := range pairs {
		d.text(margin, y+24, left, fit(p.Label, label-6))
		for i, v := range []Interval{p.Before, p.After} {
			top := y + 20*float64(i)
			f := fillOf(p.Name)
			if p.Name == "" {
				f = fillOf("prefill")
			}
			f.hatch = []hatch{hollow, solid}[i]
			d.text(x.from-8, top+13, right, fit([]string{before, after}[i], 66))
			d.rect(x.from, top+2, x.at(v.Value)-x.from, 15, f)
			end := x.at(v.Value)
			if !math.IsNaN(v.Low) && !math.IsNaN(v.High) && !math.IsInf(v.High, 0) {
				d.line(1.4, false, false, x.at(v.Low), top+9.5, x.at(v.High), top+9.5)
				d.line(1.4, false, false, x.at(v.Low), top+5, x.at(v.Low), top+14)
				d.line(1.4, false, false, x.at(v.High), top+5, x.at(v.High), top+14)
				end = math.Max(end, x.at(v.High))
			}
			d.text(end+8, top+14, left, seconds(v.Value))
		}
		y += pitch
	}
	d.Height = y
	return d
}
