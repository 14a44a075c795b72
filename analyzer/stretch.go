package analyzer

import (
	"cmp"
	"slices"
)

// A Stretch is the time [From, To), in nanoseconds since the Unix epoch.
type Stretch struct{ From, To int64 }

// Stretches are in order and do not touch: see [Union].
type Stretches []Stretch

// Union returns the time that any of list holds. It sorts list and keeps its memory.
func Union(list []Stretch) Stretches {
	slices.SortFunc(list, func(a, b Stretch) int { return cmp.Compare(a.From, b.From) })
	out := list[:0]
	for _, s := range list {
		if last := len(out) - 1; last >= 0 && s.From <= out[last].To {
			out[last].To = max(out[last].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Overlap returns how many nanoseconds of [from, to) lie in the stretches.
func (list Stretches) Overlap(from, to int64) (ns int64) {
	i, _ := slices.BinarySearchFunc(list, from, func(s Stretch, at int64) int { return cmp.Compare(s.To, at) })
	for ; i < len(list) && list[i].From < to; i++ {
		ns += max(0, min(list[i].To, to)-max(list[i].From, from))
	}
	return ns
}
