package analyzer

// A Trace is the spans of one trace id as repaired trees. It does not change once made, so any number of goroutines
// may read it.
type Trace struct {
	ID TraceID
	// Spans are in canonical order: by start, longest first, id, content. What a span states is kept as it came;
	// [Trace.Extent] gives its times as assembly reads them.
	Spans []Span
	// Warnings count what was missing, cut or set aside: see [AssemblyWarnings].
	Warnings Warnings
	// ClippedNS is how many nanoseconds of the clipped spans lie beyond their parents; DroppedNS is the length of the
	// spans that lie outside theirs. Like their warnings they speak of the children of spans on the critical path, and
	// no child of a dropped span is counted. Both stop at the largest int64.
	ClippedNS, DroppedNS int64

	nodes   []node  // one for each span
	byStart []int32 // roots, then each span's children; each list in the order of Spans
	byEnd   []int32 // the same lists by (end descending, start, place in Spans)
	roots   int32   // how many roots there are
}

// A node is a span's place in the repaired trees.
type node struct {
	start, end int64 // end is never before start
	parent     int32 // -1 for a root
	kids       int32 // where its children begin in byStart and byEnd
	numKids    int32
	cause      rootCause
	async      bool
}

type rootCause uint8

const (
	naturalRoot rootCause = iota
	orphanRoot
	selfParentRoot
	cutRoot
)

// NewTrace assembles spans, which are those of one trace id in any order. It takes the slice over and sorts it; the
// result does not depend on the order in which the spans arrived.
//
// Exact copies of a span are left out. Of different spans with one id all are kept, and the first in canonical order
// is the one that children and references mean. A span's parent is [Span.Parent]; where links give the references of
// an OpenTracing source (see [RefType]) it is the first CHILD_OF that is present, else the first FOLLOWS_FROM that is
// present. A span whose parent is absent or itself is a root, and a loop of parents is cut at its earliest span.
func NewTrace(spans []Span) *Trace {
	t := &Trace{}
	if len(spans) == 0 {
		return t
	}
	t.ID = spans[0].TraceID
	b := assemblies.Get().(*assembly)
	defer assemblies.Put(b)
	b.sort(spans)
	t.Spans = b.dropCopies(spans)
	t.Warnings.Add(WarnDuplicateExact, len(spans)-len(t.Spans))
	t.nodes = make([]node, len(t.Spans))
	for i := range b.keys {
		t.nodes[i].start, t.nodes[i].end = b.keys[i].start, b.keys[i].end
	}
	t.Warnings.Add(WarnDuplicateRenamed, b.index())
	b.link(t)
	b.cutCycles(t)
	t.nest()
	t.countCuts()
	return t
}

// Roots returns the roots as places in Spans, by (start, longest, id). The caller must not change the slice.
func (t *Trace) Roots() []int32 { return t.byStart[:t.roots:t.roots] }

// Parent returns the place of span i's parent, or -1 if i is a root.
func (t *Trace) Parent(i int32) int32 { return t.nodes[i].parent }

// Children returns the places of span i's children in ascending order, which is by start. The caller must not change
// the slice.
func (t *Trace) Children(i int32) []int32 {
	n := &t.nodes[i]
	return t.byStart[n.kids : n.kids+n.numKids : n.kids+n.numKids]
}

// Async reports whether span i's parent does not wait for it: a consumer below its producer, or a span that only
// FOLLOWS_FROM its parent. Such a span and all below it are off the critical path.
func (t *Trace) Async(i int32) bool { return t.nodes[i].async }

// Extent returns span i's own start and end in nanoseconds since the Unix epoch, not clipped to its parent; end is never
// before start.
func (t *Trace) Extent(i int32) (start, end int64) { return t.nodes[i].start, t.nodes[i].end }

// Repaired returns the warning for which span i was made a root, or "" if it is no root or came as one.
func (t *Trace) Repaired(i int32) string {
	return [...]string{"", WarnOrphan, WarnSelfParent, WarnCycleBroken}[t.nodes[i].cause]
}
