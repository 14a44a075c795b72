package storage

import (
	"errors"

	"github.com/slowtoken/slowtoken/analyzer"
)

// extraColumns are the columns that only a read of whole spans selects.
type extraColumns struct {
	message, flags                            column
	strings, ints, doubles, blobs             list
	droppedAttributes, droppedEvents, dropped column
}

// A list is a list column whose items are taken one after another.
type list struct {
	lists, items column
	next         int
}

func listOf(c column) list { return list{lists: c, items: c.items()} }

func (l *list) open(row int) { l.next, _ = l.lists.list(row) }

func (l *list) take() int {
	l.next++
	return l.next - 1
}

// newExtraColumns takes the columns in the order of allColumns.
func newExtraColumns(c []column) extraColumns {
	return extraColumns{
		message: c[0], flags: c[1], strings: listOf(c[2]), ints: listOf(c[3]), doubles: listOf(c[4]), blobs: listOf(c[5]),
		droppedAttributes: c[6], droppedEvents: c[7], dropped: c[8],
	}
}

func (x *extraColumns) open(row int) {
	x.strings.open(row)
	x.ints.open(row)
	x.doubles.open(row)
	x.blobs.open(row)
}

// value takes the next value of a slot.
func (x *extraColumns) value(s slot) (analyzer.Value, error) {
	switch s {
	case slotString:
		return analyzer.String(x.strings.items.text(x.strings.take())), nil
	case slotJSON:
		return parseTypedJSON(x.strings.items.text(x.strings.take()))
	case slotInt:
		return analyzer.Int(at[int64](x.ints.items, x.ints.take())), nil
	case slotBool:
		return analyzer.Bool(at[int64](x.ints.items, x.ints.take()) != 0), nil
	case slotDouble:
		return analyzer.Double(at[float64](x.doubles.items, x.doubles.take())), nil
	case slotBytes:
		return analyzer.Bytes(x.blobs.items.bytes(x.blobs.take())), nil
	case slotEmpty:
		return analyzer.Value{}, nil
	}
	return analyzer.Value{}, errors.New("it is in no list")
}

// whole takes all attributes of a span that has them in one map.
func (x *extraColumns) whole() (analyzer.Attributes, error) {
	return parseTypedMap(x.strings.items.text(x.strings.take()))
}

func (x *extraColumns) read(s *analyzer.Span, row int) {
	s.StatusMessage = x.message.text(row)
	s.Flags = at[uint32](x.flags, row)
	s.DroppedAttributes = at[uint32](x.droppedAttributes, row)
	s.DroppedEvents = at[uint32](x.droppedEvents, row)
	s.DroppedLinks = at[uint32](x.dropped, row)
}
