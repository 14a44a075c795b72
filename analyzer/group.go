package analyzer

import (
	"iter"
	"slices"
)

// GroupByTrace sorts spans of any mix of traces into traces and yields each assembled, in ascending order of trace id.
// It takes the slice over; each Trace holds a part of it.
func GroupByTrace(spans []Span) iter.Seq[*Trace] {
	return func(yield func(*Trace) bool) {
		for _, g := range groupByTrace(spans) {
			if !yield(NewTrace(spans[g.start:g.end:g.end])) {
				return
			}
		}
	}
}

// A group is the spans of one trace, spans[start:end].
type group struct {
	id         TraceID
	start, end int32
}

// groupByTrace moves the spans of each trace next to each other and returns the groups by trace id.
func groupByTrace(spans []Span) []group {
	var groups []group
	of := make([]int32, len(spans)) // the group of each span
	seen := map[TraceID]int32{}
	current := int32(-1)
	contiguous := true
	for i := range spans {
		id := spans[i].TraceID
		if current < 0 || groups[current].id != id {
			at, ok := seen[id]
			if !ok {
				at = int32(len(groups))
				seen[id] = at
				groups = append(groups, group{id: id})
			}
			contiguous = contiguous && !ok
			current = at
		}
		groups[current].end++
		of[i] = current
	}
	next := int32(0)
	for g := range groups {
		count := groups[g].end
		groups[g].start, groups[g].end = next, next
		next += count
	}
	from := make([]int32, len(spans))
	for i, g := range of {
		from[groups[g].end] = int32(i)
		groups[g].end++
	}
	if !contiguous {
		permute(spans, func(i int) *int32 { return &from[i] })
	}
	slices.SortFunc(groups, func(a, b group) int { return a.id.Compare(b.id) })
	return groups
}
