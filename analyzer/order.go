package analyzer

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// number returns id as an unsigned number; ids and their numbers are in the same order.
func (id SpanID) number() uint64 { return binary.BigEndian.Uint64(id[:]) }

// numbers returns id as two unsigned numbers; ids and their numbers are in the same order.
func (id TraceID) numbers() traceNumber128 {
	return traceNumber128{binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

// compareContent orders spans by everything but their times and own ids. It is zero exactly when two spans with equal
// times and ids are [Span.Equal] and were received at the same time, so that sorting by it leaves nothing to the order
// of arrival.
func compareContent(a, b *Span) int {
	if c := cmp.Or(
		a.TraceID.Compare(b.TraceID),
		a.ID.Compare(b.ID),
		cmp.Compare(a.End, b.End), // differs here when both ends lie before the start
		a.Parent.Compare(b.Parent),
		cmp.Compare(a.Kind, b.Kind),
		strings.Compare(a.Name, b.Name),
		cmp.Compare(a.Status, b.Status),
		strings.Compare(a.StatusMessage, b.StatusMessage),
		strings.Compare(a.TraceState, b.TraceState),
		cmp.Compare(a.Flags, b.Flags),
		cmp.Compare(a.DroppedAttributes, b.DroppedAttributes),
		cmp.Compare(a.DroppedEvents, b.DroppedEvents),
		cmp.Compare(a.DroppedLinks, b.DroppedLinks),
	); c != 0 {
		return c
	}
	return cmp.Or(
		compareAttributes(a.Attributes, b.Attributes),
		slices.CompareFunc(a.Events, b.Events, compareEvents),
		slices.CompareFunc(a.Links, b.Links, compareLinks),
		compareResources(a.Resource, b.Resource),
		compareScopes(a.Scope, b.Scope),
		cmp.Compare(a.ReceivedAt, b.ReceivedAt),
	)
}

func compareEvents(a, b Event) int {
	return cmp.Or(
		cmp.Compare(a.Time, b.Time),
		strings.Compare(a.Name, b.Name),
		cmp.Compare(a.DroppedAttributes, b.DroppedAttributes),
		compareAttributes(a.Attributes, b.Attributes),
	)
}

func compareLinks(a, b Link) int {
	return cmp.Or(
		a.TraceID.Compare(b.TraceID),
		a.SpanID.Compare(b.SpanID),
		strings.Compare(a.TraceState, b.TraceState),
		cmp.Compare(a.Flags, b.Flags),
		cmp.Compare(a.DroppedAttributes, b.DroppedAttributes),
		compareAttributes(a.Attributes, b.Attributes),
	)
}

func compareResources(a, b *Resource) int {
	if a == b || a == nil || b == nil {
		return comparePresence(a != nil, b != nil)
	}
	return cmp.Or(
		cmp.Compare(a.DroppedAttributes, b.DroppedAttributes),
		strings.Compare(a.SchemaURL, b.SchemaURL),
		compareAttributes(a.Attributes, b.Attributes),
	)
}

func compareScopes(a, b *Scope) int {
	if a == b || a == nil || b == nil {
		return comparePresence(a != nil, b != nil)
	}
	return cmp.Or(
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Version, b.Version),
		cmp.Compare(a.DroppedAttributes, b.DroppedAttributes),
		strings.Compare(a.SchemaURL, b.SchemaURL),
		compareAttributes(a.Attributes, b.Attributes),
	)
}

func comparePresence(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareAttributes(a, b Attributes) int {
	return slices.CompareFunc(a, b, func(x, y Attribute) int {
		return cmp.Or(strings.Compare(x.Key, y.Key), compareValues(x.Value, y.Value))
	})
}

func compareValues(v, w Value) int {
	if c := cmp.Or(cmp.Compare(v.kind, w.kind), cmp.Compare(v.num, w.num), strings.Compare(v.str, w.str)); c != 0 {
		return c
	}
	return cmp.Or(
		slices.CompareFunc(v.List(), w.List(), compareValues),
		compareAttributes(v.Attributes(), w.Attributes()),
	)
}
