package analyzer

import (
	"cmp"
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

// parent returns the place of the span that s hangs below, -1 or absent, and whether s only FOLLOWS_FROM it.
func (b *assembly) parent(s *Span) (at int32, follows bool) {
	if s.Parent.IsZero() {
		return -1, false
	}
	if len(s.Links) > 0 {
		if at, follows, ok := b.referenced(s); ok {
			return at, follows
		}
	}
	if at := b.find(s.Parent.number()); at >= 0 {
		return at, false
	}
	return absent, false
}

// referenced resolves a span whose links are all its OpenTracing references; ok is false if they are not, for then none
// of them names its parent.
func (b *assembly) referenced(s *Span) (at int32, follows, ok bool) {
	childOf, followsFrom := int32(-1), int32(-1)
	for i := range s.Links {
		l := &s.Links[i]
		kind := l.Attributes.Text(RefType)
		if kind != RefChildOf && kind != RefFollowsFrom || l.TraceID != s.TraceID {
			continue
		}
		ok = ok || l.SpanID == s.Parent
		to := b.find(l.SpanID.number())
		switch {
		case to < 0:
		case kind == RefChildOf && childOf < 0:
			childOf = to
		case kind == RefFollowsFrom && followsFrom < 0:
			followsFrom = to
		}
	}
	switch {
	case childOf >= 0:
		return childOf, false, ok
	case followsFrom >= 0:
		return followsFrom, true, ok
	}
	return absent, false, ok
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
