package remote

import "encoding/binary"

// One batch of spans is encoded as columns: all start times, then all end times, and so on. Every column has a fixed
// width, so its place follows from the counts in the header, a decoder checks all lengths with one comparison, and both
// sides fill a span in one pass. Strings stand in a dictionary of the batch; traces, resources and scopes in tables;
// attributes of all owners in one list. Columns that are zero throughout are left out. Numbers are little-endian.
//
//	header      counts, as uint32: see type header
//	traces      16 B each      a trace id for each run of spans with the same one
//	spans       see type spanColumns
//	events      20 B each
//	links       40 B each
//	resources   12 B each
//	scopes      20 B each
//	attributes  keys 4 B each, then kinds 1 B each, then payloads 8 B each
//	composites  arrays and maps, as a byte stream
//	strings     lengths 4 B each, then the bytes of all
//
// The attributes are those of the first span, of its events, of its links, of the second span, and so on, then those of
// the resources, then those of the scopes.

const (
	traceWidth    = 16
	eventWidth    = 20 // time 8, name 4, dropped 4, attributes 4
	linkWidth     = 40 // trace id 16, span id 8, trace state 4, flags 4, dropped 4, attributes 4
	resourceWidth = 12 // dropped 4, schema 4, attributes 4
	scopeWidth    = 20 // name 4, version 4, schema 4, dropped 4, attributes 4
	attrWidth     = 4 + 1 + 8
	headerWidth   = 4 * 11
)

// maxDepth bounds the nesting of attribute values, and with it the recursion of encoder and decoder.
const maxDepth = 1000

// A header holds the counts that all lengths follow from.
type header struct {
	spans, optional, traces, events, links, resources, scopes, attributes, composites, strings, text uint32
}

func (h *header) fields() [headerWidth / 4]*uint32 {
	return [...]*uint32{&h.spans, &h.optional, &h.traces, &h.events, &h.links, &h.resources, &h.scopes, &h.attributes,
		&h.composites, &h.strings, &h.text}
}

// size returns the length of the whole batch.
func (h *header) size() uint64 {
	return headerWidth + traceWidth*uint64(h.traces) + spanWidth(h.optional)*uint64(h.spans) + eventWidth*uint64(h.events) +
		linkWidth*uint64(h.links) + resourceWidth*uint64(h.resources) + scopeWidth*uint64(h.scopes) +
		attrWidth*uint64(h.attributes) + uint64(h.composites) + 4*uint64(h.strings) + uint64(h.text)
}

// The columns that are left out when they are zero throughout, as bits of header.optional.
const (
	hasStatusMessage = 1 << iota
	hasTraceState
	hasFlags
	hasEvents
	hasLinks
	hasDroppedAttributes
	hasDroppedEvents
	hasDroppedLinks
	hasReceivedAt
	hasAll = 1<<iota - 1
)

// spanColumns are the columns of a batch, each cut to its length. A column that was left out is empty.
type spanColumns struct {
	id, parent, start, end              []byte // 8 B each
	trace, name, resource, scope, attrs []byte // 4 B each: place in a table, or a count
	kind, status                        []byte // 1 B each

	statusMessage, traceState, flags               []byte // 4 B each, optional
	events, links                                  []byte // 4 B each, optional: counts
	droppedAttributes, droppedEvents, droppedLinks []byte // 4 B each, optional
	receivedAt                                     []byte // 8 B each, optional
}

const fixedSpanWidth = 4*8 + 5*4 + 2

func spanWidth(optional uint32) uint64 {
	width := uint64(fixedSpanWidth)
	for bit := uint32(hasStatusMessage); bit < hasReceivedAt; bit <<= 1 {
		if optional&bit != 0 {
			width += 4
		}
	}
	if optional&hasReceivedAt != 0 {
		width += 8
	}
	return width
}

// cut takes the columns of n spans off b and returns the rest of b.
func (c *spanColumns) cut(b []byte, n int, optional uint32) []byte {
	take := func(column *[]byte, width int, bit uint32) {
		if bit != 0 && optional&bit == 0 {
			return
		}
		*column, b = b[:n*width:n*width], b[n*width:]
	}
	take(&c.id, 8, 0)
	take(&c.parent, 8, 0)
	take(&c.start, 8, 0)
	take(&c.end, 8, 0)
	take(&c.trace, 4, 0)
	take(&c.name, 4, 0)
	take(&c.resource, 4, 0)
	take(&c.scope, 4, 0)
	take(&c.attrs, 4, 0)
	take(&c.kind, 1, 0)
	take(&c.status, 1, 0)
	take(&c.statusMessage, 4, hasStatusMessage)
	take(&c.traceState, 4, hasTraceState)
	take(&c.flags, 4, hasFlags)
	take(&c.events, 4, hasEvents)
	take(&c.links, 4, hasLinks)
	take(&c.droppedAttributes, 4, hasDroppedAttributes)
	take(&c.droppedEvents, 4, hasDroppedEvents)
	take(&c.droppedLinks, 4, hasDroppedLinks)
	take(&c.receivedAt, 8, hasReceivedAt)
	return b
}

func put32(column []byte, i int, v uint32) { binary.LittleEndian.PutUint32(column[4*i:], v) }
func put64(column []byte, i int, v uint64) { binary.LittleEndian.PutUint64(column[8*i:], v) }
func get32(column []byte, i int) uint32    { return binary.LittleEndian.Uint32(column[4*i:]) }
func get64(column []byte, i int) uint64    { return binary.LittleEndian.Uint64(column[8*i:]) }
