package report

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// What a cell holds that holds no phase.
const (
	empty = -1
	off   = -2
)

// A canvas is a line of cells over a stretch of time. A cell holds a phase, empty or off.
type canvas struct {
	start, end int64
	cells      []int
	weight     [][analyzer.NumPhases]float64 // of a cell: how much of it each phase has
}

func newCanvas(start, end int64, cells int) *canvas {
	return &canvas{start, end, make([]int, cells), make([][analyzer.NumPhases]float64, cells)}
}

// at returns where a time is, in cells.
func (c *canvas) at(ns int64) float64 {
	total := float64(uint64(c.end) - uint64(c.start))
	if total == 0 {
		return 0
	}
	return float64(uint64(ns)-uint64(c.start)) / total * float64(len(c.cells))
}

// draw wipes the canvas and puts s on it, at least one cell long. A cell shows a phase if at least half of the span's
// time in the cell is its own time on the path.
func (c *canvas) draw(s *SpanView) {
	for i := range c.cells {
		c.cells[i] = empty
	}
	from, to := c.at(s.Start), c.at(s.End)
	first, last := c.between(from, to)
	for i := first; i <= last; i++ {
		c.cells[i] = off
	}
	if len(s.Path) == 0 {
		return
	}
	clear(c.weight[first : last+1])
	for _, p := range s.Path {
		c.weigh(c.at(p.Start), c.at(p.End), p.Phase)
	}
	for i := first; i <= last; i++ {
		if phase, sum := mostOf(&c.weight[i]); sum > 0 && 2*sum >= overlap(from, to, i) {
			c.cells[i] = int(phase)
		}
	}
}

// between returns the first and the last cell that [from, to] touches.
func (c *canvas) between(from, to float64) (first, last int) {
	end := len(c.cells) - 1
	first = min(max(int(from), 0), end)
	return first, min(max(int(math.Ceil(to))-1, first), end)
}

func (c *canvas) weigh(from, to float64, phase analyzer.Phase) {
	first, last := c.between(from, to)
	for i := first; i <= last; i++ {
		c.weight[i][phase] += overlap(from, to, i)
	}
}

// overlap returns how much of cell i is in [from, to].
func overlap(from, to float64, i int) float64 {
	return max(min(to, float64(i+1))-max(from, float64(i)), 0)
}

// mostOf returns the phase with most weight, and the sum of all. Of phases that weigh the same it is the one that reports
// name first.
func mostOf(weight *[analyzer.NumPhases]float64) (most analyzer.Phase, sum float64) {
	most = analyzer.Phases[0]
	for _, p := range analyzer.Phases {
		sum += weight[p]
		if weight[p] > weight[most] {
			most = p
		}
	}
	return most, sum
}
