package chart

import "math"

// A Row is a line of a waterfall: what ran from when to when, and which kinds of time that was.
type Row struct {
	Label    string
	Depth    int // how many rows it lies within
	From, To float64
	Pieces   []Piece // of it that are on the critical path; the rest is drawn as an outline
}

// A Piece is a stretch of time of one kind, in seconds from the start.
type Piece struct {
	Name     string
	From, To float64
}

// Waterfall draws rows below each other over length seconds. The kinds of time that occur are named at the end.
func Waterfall(length float64, rows []Row) *Drawing {
	const label, pitch = 230.0, 22.0
	d := &Drawing{Width: 860}
	x := axis{low: 0, high: math.Max(length, 1e-9), from: margin + label, to: 860 - 20}
	y := 26.0
	bottom := y + pitch*float64(len(rows))
	for _, tick := range x.ticks(6) {
		d.line(1, false, true, x.at(tick), y-4, x.at(tick), bottom)
		d.text(x.at(tick), 14, middle, seconds(tick))
	}
	var names []string
	seen := map[string]bool{}
	for _, r := range rows {
		indent := 10 * float64(r.Depth)
		d.text(margin+indent, y+14, left, fit(r.Label, label-indent-8))
		from, to := x.at(r.From), x.at(r.To)
		d.rect(from, y+3, math.Max(1, to-from), 15, fill{hatch: hollow})
		for _, p := range r.Pieces {
			if !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, p.Name)
			}
			d.rect(x.at(p.From), y+3, math.Max(.7, x.at(p.To)-x.at(p.From)), 15, fillOf(p.Name))
		}
		y += pitch
	}
	y += 10
	at := x.from
	for _, name := range names {
		w := 19 + float64(len(name))*legendWidth + 16
		if at+w > x.to {
			at, y = x.from, y+20
		}
		d.rect(at, y, 14, 12, fillOf(name))
		d.text(at+19, y+11, left, name)
		at += w
	}
	d.Height = y + 26
	return d
}
