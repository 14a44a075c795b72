package analyzer

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
)

// assembly is the working memory of NewTrace, kept between calls.
type assembly struct {
	keys  []key
	table []int32 // open addressing: 1 + the place of the first span of an id; 0 is free
	marks []int32
	queue []placed
}

var assemblies = sync.Pool{New: func() any { return new(assembly) }}

// A key is what the canonical order compares before it looks at a span's content.
type key struct {
	start, end int64
	id         uint64
	at         int32 // where the span is
}

// sort puts spans into canonical order and leaves their keys in b.keys.
func (b *assembly) sort(spans []Span) {
	b.keys = slices.Grow(b.keys[:0], len(spans))[:len(spans)]
	keys := b.keys
	for i := range spans {
		s := &spans[i]
		keys[i] = key{s.Start, s.End, s.ID.number(), int32(i)}
		if s.End < s.Start {
			keys[i].end = s.Start
		}
	}
	compare := func(x, y key) int {
		switch {
		case x.start != y.start:
			return cmp.Compare(x.start, y.start)
		case x.end != y.end:
			return cmp.Compare(y.end, x.end)
		case x.id != y.id:
			return cmp.Compare(x.id, y.id)
		}
		return compareContent(&spans[x.at], &spans[y.at])
	}
	if slices.IsSortedFunc(keys, compare) {
		return
	}
	slices.SortFunc(keys, compare)
	permute(spans, func(i int) *int32 { return &keys[i].at })
}

// permute moves spans[*from(i)] to spans[i] for every i, each span once, and leaves *from(i) at i.
func permute(spans []Span, from func(int) *int32) {
	for i := range spans {
		if *from(i) == int32(i) {
			continue
		}
		held := spans[i]
		hole := i
		for {
			next := from(hole)
			src := int(*next)
			*next = int32(hole)
			if src == i {
				break
			}
			spans[hole] = spans[src]
			hole = src
		}
		spans[hole] = held
	}
}

// dropCopies closes up spans and keys over exact copies, which canonical order has put side by side.
func (b *assembly) dropCopies(spans []Span) []Span {
	keep := 1
	for i := 1; i < len(spans); i++ {
		x, y := &b.keys[keep-1], &b.keys[i]
		if x.start == y.start && x.end == y.end && x.id == y.id && spans[keep-1].Equal(&spans[i]) {
			continue
		}
		if keep != i {
			spans[keep], b.keys[keep] = spans[i], *y
		}
		keep++
	}
	clear(spans[keep:])
	b.keys = b.keys[:keep]
	return spans[:keep:keep]
}

// smallTrace is up to how many spans ids are found by looking at each.
const smallTrace = 12

// hashSeed keeps anyone who chooses ids from choosing where they fall in a table.
var hashSeed = [2]uint64{rand.Uint64(), rand.Uint64()}

func hashID(high, low uint64) uint64 {
	hi, lo := bits.Mul64(high^hashSeed[0], low^hashSeed[1])
	return hi ^ lo
}

func (b *assembly) slot(id uint64) int { return int(hashID(id, id)) & (len(b.table) - 1) }

// index makes find work and counts spans after the first of their id.
func (b *assembly) index() (repeated int) {
	keys := b.keys
	if len(keys) <= smallTrace {
		b.table = b.table[:0]
		for i := range keys {
			if b.find(keys[i].id) != int32(i) {
				repeated++
			}
		}
		return repeated
	}
	size := 1 << bits.Len(uint(2*len(keys)-1))
	b.table = slices.Grow(b.table[:0], size)[:size]
	clear(b.table)
	for i := range keys {
		at := b.slot(keys[i].id)
		for b.table[at] != 0 && keys[b.table[at]-1].id != keys[i].id {
			at = (at + 1) & (size - 1)
		}
		if b.table[at] != 0 {
			repeated++
			continue
		}
		b.table[at] = int32(i) + 1
	}
	return repeated
}

// find returns the place of the first span with that id, or -1.
func (b *assembly) find(id uint64) int32 {
	if len(b.table) == 0 {
		for i := range b.keys {
			if b.keys[i].id == id {
				return int32(i)
			}
		}
		return -1
	}
	for at := b.slot(id); b.table[at] != 0; at = (at + 1) & (len(b.table) - 1) {
		if i := b.table[at] - 1; b.keys[i].id == id {
			return i
		}
	}
	return -1
}

// link gives each span its parent and says which of them nobody waits for.
func (b *assembly) link(t *Trace) {
	for i := range t.Spans {
		s, n := &t.Spans[i], &t.nodes[i]
		if s.End < s.Start {
			t.Warnings.Add(WarnNegativeDuration, 1)
		}
		parent, follows := b.parent(s)
		switch {
		case parent == int32(i):
			parent, n.cause = -1, selfParentRoot
			t.Warnings.Add(WarnSelfParent, 1)
		case parent == absent:
			parent, n.cause = -1, orphanRoot
			t.Warnings.Add(WarnOrphan, 1)
		case parent >= 0:
			n.async = follows || s.Kind == SpanKindConsumer && t.Spans[parent].Kind == SpanKindProducer
		}
		n.parent = parent
	}
}

// absent stands for a parent that is named but is not in the trace; -1 for none.
const absent = -2

// parent returns the place of the span that s names as its parent, and whether s only FOLLOWS_FROM it.
func (b *assembly) parent(s *Span) (at int32, follows bool) {
	if len(s.Links) == 0 {
		return b.place(s.Parent), false
	}
	return b.referenced(s)
}

func (b *assembly) place(id SpanID) int32 {
	if id.IsZero() {
		return -1
	}
	if at := b.find(id.number()); at >= 0 {
		return at
	}
	return absent
}

// referenced resolves a span with links. Its parent counts as the first CHILD_OF, unless a link says what kind of
// reference it is.
func (b *assembly) referenced(s *Span) (at int32, follows bool) {
	first := b.place(s.Parent)
	childOf, followsFrom, parentIsLinked := int32(-1), int32(-1), false
	for i := range s.Links {
		l := &s.Links[i]
		kind := l.Attributes.Text(RefType)
		if kind != RefChildOf && kind != RefFollowsFrom || l.TraceID != s.TraceID {
			continue
		}
		parentIsLinked = parentIsLinked || l.SpanID == s.Parent
		to := b.place(l.SpanID)
		if first == -1 {
			first = absent
		}
		switch {
		case to >= 0 && kind == RefChildOf && childOf < 0:
			childOf = to
		case to >= 0 && kind == RefFollowsFrom && followsFrom < 0:
			followsFrom = to
		}
	}
	switch { // a parent that is present and linked is among the two
	case first >= 0 && !parentIsLinked:
		return first, false
	case childOf >= 0:
		return childOf, false
	case followsFrom >= 0:
		return followsFrom, true
	}
	return first, false
}

// cutCycles makes the earliest span of every loop of parents a root.
func (b *assembly) cutCycles(t *Trace) {
	// A span is marked with 1 + the place that the climb which first saw it began at; a climb that meets its own mark
	// has found a loop.
	b.marks = slices.Grow(b.marks[:0], len(t.nodes))[:len(t.nodes)]
	clear(b.marks)
	for i := range t.nodes {
		climb := int32(i) + 1
		at := int32(i)
		for at >= 0 && b.marks[at] == 0 {
			b.marks[at] = climb
			at = t.nodes[at].parent
		}
		if at < 0 || b.marks[at] != climb {
			continue
		}
		earliest := at
		for on := t.nodes[at].parent; on != at; on = t.nodes[on].parent {
			earliest = min(earliest, on)
		}
		n := &t.nodes[earliest]
		n.parent, n.cause, n.async = -1, cutRoot, false
		t.Warnings.Add(WarnCycleBroken, 1)
	}
}

// nest fills the lists of roots and children.
func (t *Trace) nest() {
	n := len(t.nodes)
	lists := make([]int32, 2*n)
	t.byStart, t.byEnd = lists[:n:n], lists[n:]
	for i := range t.nodes {
		if p := t.nodes[i].parent; p >= 0 {
			t.nodes[p].numKids++
		} else {
			t.byStart[t.roots] = int32(i)
			t.roots++
		}
	}
	next := t.roots
	for i := range t.nodes {
		t.nodes[i].kids = next
		next += t.nodes[i].numKids
		t.nodes[i].numKids = 0
	}
	for i := range t.nodes {
		if p := t.nodes[i].parent; p >= 0 {
			parent := &t.nodes[p]
			t.byStart[parent.kids+parent.numKids] = int32(i)
			parent.numKids++
		}
	}
	for i := range t.nodes {
		p := &t.nodes[i]
		if p.numKids == 0 {
			continue
		}
		list := t.byEnd[p.kids : p.kids+p.numKids]
		copy(list, t.Children(int32(i)))
		if len(list) > 1 {
			t.sortByEnd(list)
		}
	}
}

// sortByEnd sorts children, which come in the order of Spans, into the order in which the walk takes them.
func (t *Trace) sortByEnd(list []int32) {
	slices.Reverse(list) // children of one parent mostly follow each other
	compare := func(x, y int32) int {
		if a, b := t.nodes[x].end, t.nodes[y].end; a != b {
			return cmp.Compare(b, a)
		}
		return cmp.Compare(x, y) // by start, id: their places in Spans are in that order
	}
	slices.SortFunc(list, compare)
}

// placed is a span and the stretch of it that lies inside its parent.
type placed struct {
	span       int32
	start, end int64
}

// countCuts counts, top down, what is clipped to its parent, lies outside it, or is not waited for.
func (b *assembly) countCuts(t *Trace) {
	if !t.hasCuts() {
		return
	}
	clipped, dropped, async := 0, 0, 0
	b.queue = b.queue[:0]
	for _, r := range t.Roots() {
		b.queue = append(b.queue, placed{r, t.nodes[r].start, t.nodes[r].end})
	}
	for len(b.queue) > 0 {
		p := b.queue[len(b.queue)-1]
		b.queue = b.queue[:len(b.queue)-1]
		for _, c := range t.Children(p.span) {
			n := &t.nodes[c]
			if n.async {
				async++
				continue
			}
			start, end := max(n.start, p.start), min(n.end, p.end)
			if n.isOutside(p.start, p.end) {
				dropped++
				t.DroppedNS = addCapped(t.DroppedNS, lengthOf(n.start, n.end))
				continue
			}
			if start != n.start || end != n.end {
				clipped++
				t.ClippedNS = addCapped(t.ClippedNS, addCapped(lengthOf(n.start, start), lengthOf(end, n.end)))
			}
			b.queue = append(b.queue, placed{c, start, end})
		}
	}
	t.Warnings.Add(WarnClipped, clipped)
	t.Warnings.Add(WarnDroppedOutside, dropped)
	t.Warnings.Add(WarnAsyncPruned, async)
}

// isOutside reports whether none of n's time lies in the given stretch. A span that only touches it lies outside, unless
// the span has no length, for then nothing of it is lost.
func (n *node) isOutside(start, end int64) bool {
	if n.start == n.end {
		return n.start < start || n.end > end
	}
	return n.start >= end || n.end <= start
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
