package analyzer

import (
	"strings"
	"sync/atomic"
)

// A dialectFilter finds the dialects that a span can be of by one look at its name and at each of its attribute keys:
// asking every dialect about every span would cost more than all the rest of an analysis.
type dialectFilter struct {
	first *Dialect // of the list that it was made for
	count int

	keys, names [256][]mark // by first byte
	always      uint64      // dialects without marks
	context     uint64      // dialects that name no inference span
}

// A mark is a text that a span of some dialects bears. Sets of dialects have bit i for the dialect at place i of the
// list; the places from 63 up share a bit.
type mark struct {
	text     string
	prefix   bool
	dialects uint64
}

func dialectBit(i int) uint64 { return 1 << min(i, 63) }

var latestFilter atomic.Pointer[dialectFilter]

// filterFor returns the filter of dialects. The latest one is kept: one list serves the traces of a whole analysis.
func filterFor(dialects []Dialect) *dialectFilter {
	if len(dialects) == 0 {
		return &dialectFilter{}
	}
	if f := latestFilter.Load(); f != nil && f.first == &dialects[0] && f.count == len(dialects) {
		return f
	}
	f := newDialectFilter(dialects)
	latestFilter.Store(f)
	return f
}

func newDialectFilter(dialects []Dialect) *dialectFilter {
	f := &dialectFilter{first: &dialects[0], count: len(dialects)}
	for i := range dialects {
		d := &dialects[i]
		all := len(d.Marks) == 0 && len(d.Names) == 0
		for _, text := range d.Marks {
			all = addMark(&f.keys, text, dialectBit(i)) || all
		}
		for _, text := range d.Names {
			all = addMark(&f.names, text, dialectBit(i)) || all
		}
		if all {
			f.always |= dialectBit(i)
		}
		if d.Context && i < 63 {
			f.context |= dialectBit(i)
		}
	}
	return f
}

// addMark reports whether text stands for every text.
func addMark(table *[256][]mark, text string, bit uint64) (every bool) {
	text, prefix := strings.CutSuffix(text, "*")
	if text == "" {
		return prefix
	}
	list := &table[text[0]]
	for i := range *list {
		if m := &(*list)[i]; m.text == text && m.prefix == prefix {
			m.dialects |= bit
			return false
		}
	}
	*list = append(*list, mark{text, prefix, bit})
	return false
}

func lookMark(table *[256][]mark, text string) (dialects uint64) {
	if text == "" {
		return 0
	}
	for i := range table[text[0]] {
		m := &table[text[0]][i]
		if text == m.text || m.prefix && strings.HasPrefix(text, m.text) {
			dialects |= m.dialects
		}
	}
	return dialects
}

// candidates returns the dialects that s can be of.
func (f *dialectFilter) candidates(s *Span) uint64 {
	set := f.always | lookMark(&f.names, s.Name)
	for i := range s.Attributes {
		set |= lookMark(&f.keys, s.Attributes[i].Key)
	}
	return set
}
