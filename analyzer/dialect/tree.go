package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// below returns the nearest span above span that is, or -1. It looks a few levels up: stacks nest their spans no deeper.
func below(t *analyzer.Trace, span int32, is func(*analyzer.Span) bool) int32 {
	for level := 0; level < 6; level++ {
		if span = t.Parent(span); span < 0 || is(&t.Spans[span]) {
			return span
		}
	}
	return -1
}

// descendants calls visit for every span below span, parents first, and does not go below one for which it returns false.
func descendants(t *analyzer.Trace, span int32, visit func(int32) bool) {
	next := append([]int32(nil), t.Children(span)...)
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		if visit(i) {
			next = append(next, t.Children(i)...)
		}
	}
}
