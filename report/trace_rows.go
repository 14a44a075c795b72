package report

import (
	"cmp"
	"slices"
)

// A TraceRow is a span that a picture of limited length shows.
type TraceRow struct {
	Span   *SpanView
	Indent int  // how many of the spans above it are shown
	Gap    bool // its own parent is not
	Below  int  // spans below it that are left out, up to the next span shown
	// SameService says that the nearest span shown above it is of the same service.
	SameService bool
}

// Rows chooses at most max spans, all with 0, and returns them in reading order with how many are left out. Spans on
// the critical path come first, those with most time on it before others; then those that requests start at; then the
// longest. What is chosen brings the spans above it along, as long as all of them fit.
func (v *TraceView) Rows(max int) (rows []TraceRow, leftOut int) {
	shown := v.choose(max)
	rowOf := make([]int, len(v.Tree)) // the row of the span, or of the nearest one shown above it; -1 for none
	for k := range v.Tree {
		s := &v.Tree[k]
		above := -1
		if s.parent >= 0 {
			above = rowOf[s.parent]
		}
		if !shown[k] {
			leftOut++
			rowOf[k] = above
			if above >= 0 {
				rows[above].Below++
			}
			continue
		}
		row := TraceRow{Span: s}
		if above >= 0 {
			row.Indent = rows[above].Indent + 1
			row.SameService = rows[above].Span.Service == s.Service
		}
		row.Gap = s.parent >= 0 && !shown[s.parent]
		rowOf[k] = len(rows)
		rows = append(rows, row)
	}
	return rows, leftOut
}

// choose marks the spans of the tree that fit into max.
func (v *TraceView) choose(max int) []bool {
	shown := make([]bool, len(v.Tree))
	order := make([]int, len(v.Tree))
	for k := range order {
		order[k] = k
		shown[k] = max == 0 || len(v.Tree) <= max
	}
	if len(order) == 0 || shown[0] {
		return shown
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &v.Tree[a], &v.Tree[b]
		return cmp.Or(
			cmp.Compare(y.Critical, x.Critical), compareBool(y.Request, x.Request),
			cmp.Compare(length(y.Start, y.End), length(x.Start, x.End)), cmp.Compare(a, b))
	})
	left := max
	for _, k := range order {
		if left == 0 {
			break
		}
		if !shown[k] {
			left -= v.show(k, left, shown)
		}
	}
	return shown
}

// show marks span k and, if at most left come to be marked, the spans above it. It returns how many it marked.
func (v *TraceView) show(k, left int, shown []bool) int {
	n := 1
	for p := v.Tree[k].parent; p >= 0 && !shown[p]; p = v.Tree[p].parent {
		if n++; n > left {
			shown[k] = true
			return 1
		}
	}
	for p := k; p >= 0 && !shown[p]; p = v.Tree[p].parent {
		shown[p] = true
	}
	return n
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
