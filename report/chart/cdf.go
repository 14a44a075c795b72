package chart

import (
	"math"
)

// A Curve is a sample of times in seconds, in ascending order.
type Curve struct {
	Label  string
	Sorted []float64
	Limit  float64 // a target to mark, in seconds; zero for none
}

// points is how many points a curve is drawn with at most; more than the drawing has pixels would be lost in it.
const points = 400

// CDF draws for each curve which share of the sample takes at most so long, on a logarithmic axis of time. Curves differ
// by their dashes and carry their names.
func CDF(curves []Curve) *Drawing {
	d := &Drawing{Width: 860, Height: 360}
	low, high := math.Inf(1), 0.0
	for _, c := range curves {
		if n := len(c.Sorted); n > 0 {
			low, high = math.Min(low, math.Max(c.Sorted[n/100], 1e-6)), math.Max(high, c.Sorted[n-1])
		}
	}
	if math.IsInf(low, 1) {
		low, high = 1e-3, 1
	}
	x := axis{low: low * .8, high: math.Max(high*1.25, low), from: 60, to: d.Width - 90, log: true}
	y := axis{low: 0, high: 1, from: d.Height - 44, to: 44}
	for _, share := range []float64{0, .25, .5, .75, .95, 1} {
		at := y.at(share)
		d.line(1, false, true, x.from, at, x.to, at)
		d.text(x.from-8, at+4, right, percent0(share))
	}
	for _, t := range x.ticks(10) {
		at := x.at(t)
		d.line(1, false, true, at, y.from, at, y.to)
		d.text(at, y.from+18, middle, seconds(t))
	}
	d.text((x.from+x.to)/2, d.Height-8, middle, "takes at most")
	name := x.from
	for i, c := range curves {
		n := len(c.Sorted)
		if n == 0 {
			continue
		}
		var line []float64
		step := math.Max(1, float64(n)/points)
		for at := 0.0; at < float64(n); at += step {
			k := int(at)
			line = append(line, x.at(c.Sorted[k]), y.at(float64(k+1)/float64(n)))
		}
		line = append(line, x.at(c.Sorted[n-1]), y.at(1))
		width, dashed := []float64{2.4, 1.6, 1.6}[i%3], i%2 == 1
		d.line(width, dashed, false, line...)
		// Names stand above, since curves cross.
		d.line(width, dashed, false, name, 13, name+28, 13)
		label := c.Label
		if c.Limit > 0 {
			label += ", target " + seconds(c.Limit)
		}
		d.text(name+34, 17, left, label)
		name += 34 + textWidth*float64(len([]rune(label))) + 24
		if c.Limit > low {
			at := x.at(c.Limit)
			d.line(1, true, false, at, y.from, at, y.to)
			d.text(at, y.to-6, middle, seconds(c.Limit))
		}
	}
	return d
}

func percent0(share float64) string {
	s := percent(share)
	if share == 0 {
		return "0 %"
	}
	return s
}
