package synth

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A [Tree] has at most this many generations, and at most this many children below one span.
const (
	TreeDepth  = 20
	TreeFanOut = 50
)

// Tree yields one trace of n spans in batches: a call tree such as a long batch job leaves behind, in which children
// share their parent's time, some one after the other and some side by side. The same seed gives the same tree.
func Tree(seed uint64, n int, end int64) iter.Seq[[]analyzer.Span] {
	return func(yield func([]analyzer.Span) bool) {
		rng := rand.New(rand.NewPCG(seed, 20))
		t := &tree{rng: rng, left: n - 1, yield: yield}
		binary.BigEndian.PutUint64(t.id[8:], rng.Uint64()|1)
		for i := range 8 {
			t.resources = append(t.resources, &analyzer.Resource{Attributes: analyzer.Attributes{
				{Key: "service.name", Value: analyzer.String(fmt.Sprintf("stage-%d", i))},
			}})
		}
		root := t.span(analyzer.SpanID{}, 0, end-int64(n)*1000, end)
		t.grow([]node{{root, 0}})
	}
}

type tree struct {
	rng       *rand.Rand
	id        analyzer.TraceID
	next      uint64
	left      int // spans still to be made
	resources []*analyzer.Resource
	batch     []analyzer.Span
	yield     func([]analyzer.Span) bool
	stopped   bool
}

// A node is a span that can still have children.
type node struct {
	span  analyzer.Span
	depth int
}

var treeScope = &analyzer.Scope{Name: "synth.tree"}

// span makes a span and hands it on.
func (t *tree) span(parent analyzer.SpanID, depth int, start, end int64) analyzer.Span {
	t.next++
	s := analyzer.Span{
		TraceID: t.id, Parent: parent, Start: start, End: end, Kind: analyzer.SpanKindInternal,
		Name:     fmt.Sprintf("step %d of generation %d", t.next%97, depth),
		Resource: t.resources[depth%len(t.resources)], Scope: treeScope,
		Attributes: analyzer.Attributes{{Key: "step.number", Value: analyzer.Int(int64(t.next))}},
	}
	binary.BigEndian.PutUint64(s.ID[:], t.next)
	if t.batch = append(t.batch, s); len(t.batch) == 800 {
		t.flush()
	}
	return s
}

func (t *tree) flush() {
	if !t.stopped && len(t.batch) > 0 {
		t.stopped = !t.yield(t.batch)
	}
	t.batch = nil
}

// grow gives children to the nodes until all spans are made, mostly to the newest, which makes the tree deep, now and
// then to the oldest, which makes it wide.
func (t *tree) grow(open []node) {
	for len(open) > 0 && t.left > 0 && !t.stopped {
		parent := open[0]
		if last := len(open) - 1; t.rng.IntN(16) != 0 {
			parent, open = open[last], open[:last]
		} else {
			open = open[1:]
		}
		children := min(t.left, 1+t.rng.IntN(TreeFanOut))
		if len(open) == 0 { // the tree must not end before its last span
			children = min(t.left, TreeFanOut)
		}
		t.left -= children
		length := parent.span.End - parent.span.Start
		for i := range int64(children) {
			start := parent.span.Start + length*i/int64(children)
			end := start + max(1, length/int64(children))
			if t.rng.IntN(4) == 0 { // beside its next sibling
				end += t.rng.Int64N(max(1, length/int64(children)))
			}
			s := t.span(parent.span.ID, parent.depth+1, start, min(end, parent.span.End))
			if parent.depth+1 < TreeDepth-1 && t.rng.IntN(20) != 0 {
				open = append(open, node{s, parent.depth + 1})
			}
		}
	}
	t.flush()
}
