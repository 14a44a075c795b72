package chart

import (
	"fmt"
	"math"
)

// A Timeline is what arrived when, over equal bins of time.
type Timeline struct {
	Length   float64   // seconds from the first bin's start to the last one's end
	Arrivals []float64 // requests in each bin
	InFlight []float64 // requests under way, on average over each bin
	Regimes  []Stretch
	Incident []Stretch
}

// A Stretch is a part of the time, in seconds from the start.
type Stretch struct {
	From, To float64
	Label    string
}

// Draw draws arrivals above and requests in flight below, with regimes parted by dashed lines and incidents marked on a
// bar of their own.
func (t *Timeline) Draw() *Drawing {
	d := &Drawing{Width: 860, Height: 330}
	x := axis{low: 0, high: math.Max(t.Length, 1e-9), from: 60, to: d.Width - 20}
	d.heading(x.from, 16, "requests that arrive, in each bin of "+seconds(t.Length/math.Max(1, float64(len(t.Arrivals)))))
	t.bars(d, x, t.Arrivals, 24, 120, fillOf("prefill"))
	d.heading(x.from, 148, "requests under way")
	t.bars(d, x, t.InFlight, 156, 252, fillOf("queue"))
	written := 0.0 // how far words reach
	for _, s := range t.Incident {
		d.rect(x.at(s.From), 262, math.Max(3, x.at(s.To)-x.at(s.From)), 12, fillOf("retry"))
		label := fit(s.Label, 340)
		at := math.Min(x.at(s.From), x.to-120)
		if at < written { // the section on incidents has the words of all
			continue
		}
		d.text(at, 289, left, label)
		written = at + textWidth*float64(len([]rune(label))) + 8
	}
	for i, s := range t.Regimes {
		if i > 0 {
			at := x.at(s.From)
			d.line(1.2, true, false, at, 20, at, 256)
		}
		if len(t.Regimes) > 1 {
			d.text((x.at(s.From)+x.at(s.To))/2, 138, middle, fit(s.Label, x.at(s.To)-x.at(s.From)))
		}
	}
	for _, tick := range x.ticks(9) {
		at := x.at(tick)
		d.line(1, false, false, at, 300, at, 305)
		d.text(at, 320, middle, seconds(tick))
	}
	d.line(1, false, false, x.from, 300, x.to, 300)
	return d
}

// bars draws one bar a bin between the heights top and bottom.
func (t *Timeline) bars(d *Drawing, x axis, bins []float64, top, bottom float64, f fill) {
	most := 0.0
	for _, v := range bins {
		most = math.Max(most, v)
	}
	y := axis{low: 0, high: math.Max(most, 1e-9), from: bottom, to: top}
	for i, v := range bins {
		from, to := x.at(t.Length*float64(i)/float64(len(bins))), x.at(t.Length*float64(i+1)/float64(len(bins)))
		if v > 0 {
			d.rect(from, y.at(v), math.Max(.5, to-from-.5), bottom-y.at(v), fill{f.r, f.g, f.b, solid})
		}
	}
	d.line(1, false, true, x.from, top, x.to, top)
	d.line(1, false, false, x.from, bottom, x.to, bottom)
	d.text(x.from-8, top+5, right, fmt.Sprintf("%.3g", most))
	d.text(x.from-8, bottom+4, right, "0")
}
