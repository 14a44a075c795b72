// Package chart draws the pictures of reports: where time goes, how it is spread, when it was, and what waited for what.
//
// A picture is a Drawing: rectangles, lines and words, written as SVG and as PNG alike. Nothing rests on colour alone:
// every kind of time has a hatching of its own and its name beside it, so that pictures can be read in black and white
// and by people who do not tell red from green. The SVG takes its ink from the page around it, so that it can be shown
// on dark ground, and brings its own where it stands alone.
package chart

import (
	"math"
)

// A Drawing is a picture. Its unit is a CSS pixel.
type Drawing struct {
	Width, Height float64
	shapes        []shape
}

// A shape is a rectangle, a line or a word.
type shape struct {
	kind           shapeKind
	x, y, w, h     float64   // of a rectangle; of a word its anchor, at the base line
	points         []float64 // of a line: x, y, x, y ...
	fill           fill
	text           string
	align          align
	size           float64
	bold           bool
	width          float64 // of a line
	dashed, softly bool
}

type shapeKind uint8

const (
	rectangle shapeKind = iota
	line
	word
)

type align uint8

const (
	left align = iota
	middle
	right
)

// A fill is a colour with a hatching over it. The colours are Okabe and Ito's (jfly.uni-koeln.de/color), which people
// with any kind of colour vision tell apart, and of a brightness that stands out from white and from black ground.
type fill struct {
	r, g, b uint8
	hatch   hatch
}

type hatch uint8

const (
	solid   hatch = iota
	rising        // lines that rise to the right
	falling       // lines that fall to the right
	crossed       // both
	level         // level lines
	upright       // upright lines
	hollow        // an outline, nothing within
)

func (d *Drawing) rect(x, y, w, h float64, f fill) {
	d.shapes = append(d.shapes, shape{kind: rectangle, x: x, y: y, w: max(w, 0), h: h, fill: f})
}

func (d *Drawing) line(width float64, dashed, softly bool, points ...float64) {
	d.shapes = append(d.shapes, shape{kind: line, points: points, width: width, dashed: dashed, softly: softly})
}

func (d *Drawing) text(x, y float64, a align, s string) {
	d.shapes = append(d.shapes, shape{kind: word, x: x, y: y, align: a, text: s, size: textSize})
}

func (d *Drawing) heading(x, y float64, s string) {
	d.shapes = append(d.shapes, shape{kind: word, x: x, y: y, text: s, size: textSize, bold: true})
}

// textSize is the height of letters; textWidth what one takes on average, in Go Regular.
const (
	textSize  = 13.0
	textWidth = 0.52 * textSize
)

// fit cuts s to what goes into width.
func fit(s string, width float64) string {
	room := int(width / textWidth)
	runes := []rune(s)
	if len(runes) <= room {
		return s
	}
	if room < 2 {
		return ""
	}
	return string(runes[:room-1]) + "…"
}

// hatching returns the lines that a hatching draws into a rectangle, each as x, y, x, y.
func hatching(h hatch, x, y, w, height float64) (lines [][4]float64) {
	const gap = 6.0
	diagonal := func(falls bool) {
		for at := gap; at < w+height; at += gap {
			// The line x + y = at of the rectangle's own coordinates, cut to it.
			x0, y0 := math.Max(0, at-height), math.Min(at, height)
			x1, y1 := math.Min(at, w), math.Max(0, at-w)
			if falls {
				y0, y1 = height-y0, height-y1
			}
			lines = append(lines, [4]float64{x + x0, y + y0, x + x1, y + y1})
		}
	}
	switch h {
	case rising, crossed:
		diagonal(false)
		if h == crossed {
			diagonal(true)
		}
	case falling:
		diagonal(true)
	case level:
		for at := gap / 2; at < height; at += gap {
			lines = append(lines, [4]float64{x, y + at, x + w, y + at})
		}
	case upright:
		for at := gap / 2; at < w; at += gap {
			lines = append(lines, [4]float64{x + at, y, x + at, y + height})
		}
	}
	return lines
}
