package storage

import (
	"errors"

	"github.com/slowtoken/slowtoken/analyzer"
)

// attributeLists are the list columns of a chunk: the attributes that are no hot column.
type attributeLists struct{ strings, ints, doubles, blobs list }

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

// newAttributeLists takes the columns in the order of listColumns.
func newAttributeLists(c []column) attributeLists {
	return attributeLists{strings: listOf(c[0]), ints: listOf(c[1]), doubles: listOf(c[2]), blobs: listOf(c[3])}
}

// open starts the lists of a row.
func (x *attributeLists) open(row int) {
	x.strings.open(row)
	x.ints.open(row)
	x.doubles.open(row)
	x.blobs.open(row)
}

// value takes the next value of a slot.
func (x *attributeLists) value(s slot) (analyzer.Value, error) {
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
func (x *attributeLists) whole() (analyzer.Attributes, error) {
	return parseTypedMap(x.strings.items.text(x.strings.take()))
}
