package analyzer

import (
	"cmp"
	"slices"
	"sync"
)

// An Interval is a stretch of one span's own time on a path, in nanoseconds since the Unix epoch.
type Interval struct {
	Span       int32 // its place in [Trace.Spans]
	Start, End int64 // Start < End
}

// CriticalPath returns the intervals that tile every root exactly, each root in turn and ascending in time within it.
// Each instant of a root belongs to one span, the deepest on the path. A root without length has no interval; a path
// without any is nil.
//
// The path is the last-finishing-child walk: from a span's end go to the child that finished last by then, from that
// child's start to the child that had finished by then, and so on to the span's start; what no child covers is the
// span's own. Children that touch follow each other; one that overlaps its successor is not on the path. A child
// counts with the stretch that lies inside its parent. Of children that finish together the one that started first is
// taken, then the one with the lowest id.
func (t *Trace) CriticalPath() []Interval {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.out = w.out[:0]
	for _, r := range t.Roots() {
		w.walk(t, r, walkOptions{})
	}
	return append([]Interval(nil), w.out...)
}

// walkOptions say how a walk differs from that of the trace's own path.
type walkOptions struct {
	// Start and End are the stretch to tile; zero stands for the root's own start or end.
	Start, End int64
	// Exclude, if set, keeps a span's subtree off the path: its time is its parent's.
	Exclude func(span int32) bool
	// Shift, if set, gives the nanoseconds by which a span's whole subtree moves. It is not asked about the root, and
	// the shifts of nested subtrees add up.
	Shift func(span int32) int64
}

// walk returns the intervals that tile one span, wherever it is in the trace, or the stretch of it that o names. The
// span's own parent does not clip it.
func (t *Trace) walk(root int32, o walkOptions) []Interval {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.out = w.out[:0]
	w.walk(t, root, o)
	return append([]Interval(nil), w.out...)
}

// walker is the working memory of a walk, kept between walks.
type walker struct {
	out   []Interval
	stack []visit
	moved []int32 // lists of children that shifts have put into another order
	cuts  *cuts   // if set, the walk counts in it

	// visits are the spans that the walk went into, parents first, with the stretch that it tiled of each; it keeps them
	// if keepVisits is set.
	visits     []Interval
	keepVisits bool
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

// A visit is a span that the walk is inside of.
type visit struct {
	span       int32
	next, last int32 // the children still to look at: a part of Trace.byEnd, or of walker.moved
	moved      bool
	fresh      bool  // nothing of the stretch is tiled: children that end after now are clipped to it
	start      int64 // of the stretch to tile
	now        int64 // the stretch is tiled from here to its end
	shift      int64 // how far the span is moved
}

// walk appends the tiles of root's stretch to w.out. It goes backwards in time and turns the result round at the end.
func (w *walker) walk(t *Trace, root int32, o walkOptions) {
	start, end := t.Extent(root)
	if o.Start != 0 {
		start = o.Start
	}
	if o.End != 0 {
		end = o.End
	}
	first := len(w.out)
	w.stack, w.moved = w.stack[:0], w.moved[:0]
	w.enter(t, root, start, end, 0, &o)
	for len(w.stack) > 0 {
		v := &w.stack[len(w.stack)-1]
		child, from, to, shift := w.lastFinished(t, v, &o)
		if child < 0 {
			w.emit(v.span, v.start, v.now)
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		w.emit(v.span, to, v.now)
		v.now = from
		w.enter(t, child, from, to, shift, &o)
	}
	slices.Reverse(w.out[first:])
}

func (w *walker) emit(span int32, start, end int64) {
	if start < end {
		w.out = append(w.out, Interval{span, start, end})
	}
}

func (w *walker) enter(t *Trace, span int32, start, end, shift int64, o *walkOptions) {
	if w.cuts != nil {
		w.cuts.add(t, span, start, end)
	}
	if w.keepVisits {
		w.visits = append(w.visits, Interval{span, start, end})
	}
	n := &t.nodes[span]
	v := visit{span: span, next: n.kids, last: n.kids + n.numKids, fresh: true, start: start, now: end, shift: shift}
	kids := t.byEnd[v.next:v.last]
	if o.Shift != nil && slices.ContainsFunc(kids, func(c int32) bool { return o.Shift(c) != 0 }) {
		v.moved, v.next = true, int32(len(w.moved))
		w.moved = append(w.moved, kids...)
		v.last = int32(len(w.moved))
		slices.SortFunc(w.moved[v.next:], func(x, y int32) int {
			a, b := &t.nodes[x], &t.nodes[y]
			dx, dy := o.Shift(x), o.Shift(y)
			return cmp.Or(cmp.Compare(b.end+dy, a.end+dx), cmp.Compare(a.start+dx, b.start+dy), cmp.Compare(x, y))
		})
	}
	w.stack = append(w.stack, v)
}

// lastFinished returns the child of v that finished last by v.now, with the stretch of it that lies inside v; child is
// -1 when there is none.
func (w *walker) lastFinished(t *Trace, v *visit, o *walkOptions) (child int32, from, to, shift int64) {
	kids := t.byEnd
	if v.moved {
		kids = w.moved
	}
	child = -1
	for ; v.next < v.last; v.next++ {
		c := kids[v.next]
		n := &t.nodes[c]
		start, end, moved := n.start, n.end, v.shift
		if o.Shift != nil {
			moved += o.Shift(c)
			start, end = start+moved, end+moved
		}
		if end > v.now {
			if !v.fresh {
				continue // it runs on into what follows it
			}
			end = v.now
		}
		if end <= v.start || child >= 0 && end < to {
			break // neither it nor what comes after it can be the one
		}
		start = max(start, v.start)
		if start >= end || n.async || o.Exclude != nil && o.Exclude(c) {
			continue
		}
		if child < 0 || start < from || start == from && t.before(c, child) {
			child, from, to, shift = c, start, end, moved
		}
	}
	v.fresh = false
	return child, from, to, shift
}

// before reports whether span a comes before span b by id, then by place.
func (t *Trace) before(a, b int32) bool {
	return cmp.Or(t.Spans[a].ID.Compare(t.Spans[b].ID), cmp.Compare(a, b)) < 0
}
