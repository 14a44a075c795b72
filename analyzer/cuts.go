package analyzer

import "math"

// cuts are what a walk found to be cut off, left out or not waited for, among the children of the spans it went through.
type cuts struct {
	clipped, dropped, async int
	clippedNS, droppedNS    int64
}

// countCuts counts the cuts along the trace's critical path.
func (t *Trace) countCuts() {
	if !t.hasCuts() {
		return
	}
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.out = w.out[:0]
	w.cuts = &cuts{}
	for _, r := range t.Roots() {
		w.walk(t, r, walkOptions{})
	}
	c := w.cuts
	w.cuts = nil
	t.ClippedNS, t.DroppedNS = c.clippedNS, c.droppedNS
	t.Warnings.Add(WarnClipped, c.clipped)
	t.Warnings.Add(WarnDroppedOutside, c.dropped)
	t.Warnings.Add(WarnAsyncPruned, c.async)
}

// hasCuts reports whether any span is not waited for or is not inside its parent.
func (t *Trace) hasCuts() bool {
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.parent < 0 {
			continue
		}
		p := &t.nodes[n.parent]
		if n.async || n.start < p.start || n.end > p.end {
			return true
		}
	}
	return false
}

// add counts the children of a span whose stretch on the path is given.
func (c *cuts) add(t *Trace, span int32, start, end int64) {
	for _, child := range t.Children(span) {
		n := &t.nodes[child]
		switch {
		case n.async:
			c.async++
		case n.isOutside(start, end):
			c.dropped++
			c.droppedNS = addCapped(c.droppedNS, lengthOf(n.start, n.end))
		case n.start < start || n.end > end:
			c.clipped++
			c.clippedNS = addCapped(c.clippedNS, lengthOf(n.start, max(n.start, start)))
			c.clippedNS = addCapped(c.clippedNS, lengthOf(min(n.end, end), n.end))
		}
	}
}

// isOutside reports whether none of n's time lies in the given stretch. A span that only touches it lies outside, unless
// the span has no length, for then nothing of it is lost.
func (n *node) isOutside(start, end int64) bool {
	if n.start == n.end {
		return n.start < start || n.end > end
	}
	return n.start >= end || n.end <= start
}

// lengthOf returns end - start, or the largest int64 where that does not fit.
func lengthOf(start, end int64) int64 {
	if d := end - start; d >= 0 {
		return d
	}
	return math.MaxInt64
}

// addCapped returns a + b for lengths, or the largest int64 where that does not fit.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
