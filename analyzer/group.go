package analyzer

import (
	"cmp"
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
	id         traceNumber128
	start, end int32
}

type traceNumber128 struct{ high, low uint64 }

// groupByTrace moves the spans of each trace next to each other and returns the groups by trace id.
func groupByTrace(spans []Span) []group {
	var groups []group
	var byID idTable
	of := make([]int32, len(spans)) // the group of each span
	contiguous := true
	current := int32(-1)
	for i := range spans {
		id := spans[i].TraceID.numbers()
		if current < 0 || groups[current].id != id {
			at, fresh := byID.place(groups, id)
			if fresh {
				groups = append(groups, group{id: id})
			}
			contiguous = contiguous && fresh
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
	if contiguous {
		for _, g := range of {
			groups[g].end++
		}
	} else {
		from := make([]int32, len(spans))
		for i, g := range of {
			from[groups[g].end] = int32(i)
			groups[g].end++
		}
		permute(spans, func(i int) *int32 { return &from[i] })
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.id.high, b.id.high), cmp.Compare(a.id.low, b.id.low))
	})
	return groups
}

// idTable finds groups by trace id, several times as fast as a Go map does.
type idTable struct {
	slots []int32 // 1 + the group; 0 is free
}

// place returns the group of id, which is len(groups) and fresh if there is none.
func (t *idTable) place(groups []group, id traceNumber128) (at int32, fresh bool) {
	if 2*len(groups) >= len(t.slots) {
		t.slots = make([]int32, max(64, 4*len(t.slots)))
		for g := range groups {
			t.slots[t.slot(groups, groups[g].id)] = int32(g) + 1
		}
	}
	slot := t.slot(groups, id)
	if g := t.slots[slot]; g > 0 {
		return g - 1, false
	}
	t.slots[slot] = int32(len(groups)) + 1
	return int32(len(groups)), true
}

// slot returns where id is, or where it belongs.
func (t *idTable) slot(groups []group, id traceNumber128) int {
	mask := len(t.slots) - 1
	at := int(hashID(id.high, id.low)) & mask
	for t.slots[at] > 0 && groups[t.slots[at]-1].id != id {
		at = (at + 1) & mask
	}
	return at
}
