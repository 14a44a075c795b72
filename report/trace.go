package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TraceSchema names the JSON form of a TraceView. The number grows with every change that can break a reader.
const TraceSchema = "slowtoken.trace/1"

// A TraceView is one trace, explained: everything that any way to show a trace may show.
type TraceView struct {
	Schema string `json:"schema"`
	TraceLine
	Start int64 `json:"start_ns"` // of the earliest span, in nanoseconds since the Unix epoch
	End   int64 `json:"end_ns"`   // of the span that ends last
	// Tree is all spans in reading order: each parent before its children, siblings by start.
	Tree []SpanView `json:"tree"`
	// AllWarnings are those of the trace and of its requests together, most frequent first.
	AllWarnings []Warning `json:"all_warnings"`
}

// A TraceLine is the result of a trace: what a list of many traces says of each. Ids are lower-case hex of full
// length, times nanoseconds since the Unix epoch.
type TraceLine struct {
	TraceID      string            `json:"trace_id"`
	Spans        int               `json:"spans"` // as they were received, copies and all
	Roots        int               `json:"roots"`
	Warnings     analyzer.Warnings `json:"warnings"`      // of assembly; those of requests are with them
	CriticalPath []PathSection     `json:"critical_path"` // by start, then span id
	Requests     []RequestView     `json:"requests"`      // by start
	Turns        []TurnView        `json:"turns"`         // by start
}

// A PathSection is a stretch of the critical path that is one span's own.
type PathSection struct {
	SpanID  string `json:"span_id"`
	Start   int64  `json:"start_ns"`
	End     int64  `json:"end_ns"`
	Service string `json:"service"`
	Name    string `json:"name"`
	// Phase is the one that holds most of the section, by the ledger of the request around it.
	Phase analyzer.Phase `json:"phase"`

	Parts []PartView `json:"-"` // tile the section
	span  int32
}

// A SpanView is a span in its tree, with the times that assembly reads.
type SpanView struct {
	SpanID        string `json:"span_id"`
	Parent        string `json:"parent_span_id"` // "" for a root, repaired ones too
	Depth         int    `json:"depth"`          // 0 for a root
	Service       string `json:"service"`
	Name          string `json:"name"`
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	StatusMessage string `json:"status_message,omitempty"`
	Start         int64  `json:"start_ns"`
	End           int64  `json:"end_ns"`
	Critical      int64  `json:"critical_ns"`        // its own time on the critical path
	Repaired      string `json:"repaired,omitempty"` // the warning for which it was made a root
	Async         bool   `json:"async,omitempty"`    // its parent does not wait for it
	Request       bool   `json:"request,omitempty"`  // a request starts here

	Path   []PartView `json:"-"` // its time on the critical path, ascending
	parent int        // its place in the tree; -1 for a root
}

// A PartView is a stretch of time with a phase.
type PartView struct {
	Start  int64            `json:"start_ns"`
	End    int64            `json:"end_ns"`
	Phase  analyzer.Phase   `json:"phase"`
	Detail string           `json:"detail,omitempty"`
	Covers []analyzer.Phase `json:"covers,omitempty"` // phases that the telemetry cannot tell apart here
	Source analyzer.Source  `json:"source"`
}

// ViewTrace explains t in full.
func ViewTrace(t *analyzer.Trace, dialects []analyzer.Dialect) *TraceView {
	v := &TraceView{Schema: TraceSchema, TraceLine: SumUpTrace(t, dialects)}
	for i := range t.Spans {
		start, end := t.Extent(int32(i))
		if i == 0 || start < v.Start {
			v.Start = start
		}
		if i == 0 || end > v.End {
			v.End = end
		}
	}
	v.growTree(t)
	all := maps.Clone(v.Warnings)
	for i := range v.Requests {
		all.Merge(v.Requests[i].Warnings)
	}
	v.AllWarnings = warnings(all)
	return v
}

// SumUpTrace explains t, without its tree.
func SumUpTrace(t *analyzer.Trace, dialects []analyzer.Dialect) TraceLine {
	requests, turns := analyzer.Requests(t, dialects)
	return TraceLine{
		TraceID:      t.ID.String(),
		Spans:        len(t.Spans) + t.Warnings[analyzer.WarnDuplicateExact],
		Roots:        len(t.Roots()),
		Warnings:     notNil(maps.Clone(t.Warnings)),
		CriticalPath: pathOf(t, requests, turns),
		Requests:     requestViews(t, requests, dialects),
		Turns:        turnViews(t, turns),
	}
}

// pathOf returns the critical path by start, then span id, then place.
func pathOf(t *analyzer.Trace, requests []analyzer.Request, turns []analyzer.Turn) []PathSection {
	path := t.CriticalPath()
	slices.SortFunc(path, func(a, b analyzer.Interval) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), t.Spans[a.Span].ID.Compare(t.Spans[b.Span].ID), cmp.Compare(a.Span, b.Span))
	})
	parts := analyzer.PathParts(t, path, requests, turns)
	list := make([]PathSection, len(path))
	for i, at := range path {
		s := &t.Spans[at.Span]
		list[i] = PathSection{
			SpanID: s.ID.String(), Start: at.Start, End: at.End, Service: s.Service(), Name: s.Name,
			Phase: analyzer.MainPhase(parts[i]), Parts: partViews(parts[i]), span: at.Span,
		}
	}
	return list
}

func partViews(parts []analyzer.Part) []PartView {
	list := make([]PartView, len(parts))
	for i, p := range parts {
		list[i] = PartView{Start: p.Start, End: p.End, Phase: p.Phase, Detail: p.Detail, Source: p.Source}
		if p.Covers != 0 {
			list[i].Covers = p.Covers.Phases()
		}
	}
	return list
}

var (
	kindNames   = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	statusNames = [...]string{"unset", "ok", "error"}
)

// nameOf returns the name of the code, or "unknown" for one that has none.
func nameOf[C ~uint8](names []string, code C) string {
	if int(code) < len(names) {
		return names[code]
	}
	return "unknown"
}

// growTree fills the tree. The path must be there.
func (v *TraceView) growTree(t *analyzer.Trace) {
	heads := make(map[string]bool, len(v.Requests))
	for i := range v.Requests {
		heads[v.Requests[i].ID] = true
	}
	v.Tree = make([]SpanView, 0, len(t.Spans))
	places := make([]int, len(t.Spans)) // in the tree
	stack := slices.Clone(t.Roots())
	slices.Reverse(stack)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		s := &t.Spans[i]
		view := SpanView{
			SpanID: s.ID.String(), Service: s.Service(), Name: s.Name,
			Kind: nameOf(kindNames[:], s.Kind), Status: nameOf(statusNames[:], s.Status), StatusMessage: s.StatusMessage,
			Repaired: t.Repaired(i), Async: t.Async(i), parent: -1,
		}
		view.Start, view.End = t.Extent(i)
		view.Request = heads[view.SpanID]
		if p := t.Parent(i); p >= 0 {
			view.parent = places[p]
			view.Parent, view.Depth = v.Tree[view.parent].SpanID, v.Tree[view.parent].Depth+1
		}
		places[i] = len(v.Tree)
		v.Tree = append(v.Tree, view)
		for _, c := range slices.Backward(t.Children(i)) {
			stack = append(stack, c)
		}
	}
	for i := range v.CriticalPath {
		at := &v.CriticalPath[i]
		s := &v.Tree[places[at.span]]
		s.Critical += at.End - at.Start
		s.Path = append(s.Path, at.Parts...)
	}
}

// length returns end - start, at most the largest int64.
func length(start, end int64) int64 {
	if ns := end - start; ns >= 0 || end < start {
		return ns
	}
	return math.MaxInt64
}

func notNil(w analyzer.Warnings) analyzer.Warnings {
	if w == nil {
		return analyzer.Warnings{}
	}
	return w
}
