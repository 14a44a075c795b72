package remote

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An encoder encodes batches one after the other; its memory is used again.
type encoder struct {
	header     header
	out        []byte
	composites []byte
	strings    dictionary
	resources  table[analyzer.Resource]
	scopes     table[analyzer.Scope]
	attrs      attrWriter
}

// A table gives the things that spans share a place, by identity. The zero place is nil.
type table[T any] struct {
	places map[*T]uint32
	list   []*T
	last   *T
	place  uint32
}

func (t *table[T]) of(p *T) uint32 {
	if p == t.last {
		return t.place
	}
	place, known := t.places[p]
	if !known && p != nil {
		if t.places == nil {
			t.places = map[*T]uint32{}
		}
		t.list = append(t.list, p)
		place = uint32(len(t.list))
		t.places[p] = place
	}
	t.last, t.place = p, place
	return place
}

func (t *table[T]) reset() {
	clear(t.places)
	clear(t.list)
	t.list, t.last, t.place = t.list[:0], nil, 0
}

var errBatchTooLarge = errors.New("the batch does not fit into one frame: use smaller batches")

// encode returns spans as one batch. The bytes are valid until the next call.
func (e *encoder) encode(spans []analyzer.Span) ([]byte, error) {
	e.strings.reset()
	e.resources.reset()
	e.scopes.reset()
	e.composites = e.composites[:0]
	if err := e.count(spans); err != nil {
		return nil, err
	}
	h := &e.header
	size := h.size() // yet without composites and strings, which are appended
	if size > maxFrame {
		return nil, errBatchTooLarge
	}
	e.out = slices.Grow(e.out[:0], int(size))[:size]

	rest := e.out[headerWidth:]
	take := func(width int, count uint32) (section []byte) {
		section, rest = rest[:width*int(count)], rest[width*int(count):]
		return section
	}
	traces := take(traceWidth, h.traces)
	var c spanColumns
	rest = c.cut(rest, len(spans), h.optional)
	events, links := take(eventWidth, h.events), take(linkWidth, h.links)
	resources, scopes := take(resourceWidth, h.resources), take(scopeWidth, h.scopes)
	e.attrs = attrWriter{keys: take(4, h.attributes), kinds: take(1, h.attributes), payloads: take(8, h.attributes)}

	trace, event, link := -1, 0, 0
	for i := range spans {
		s := &spans[i]
		if i == 0 || s.TraceID != spans[i-1].TraceID {
			trace++
			copy(traces[trace*traceWidth:], s.TraceID[:])
		}
		copy(c.id[8*i:], s.ID[:])
		copy(c.parent[8*i:], s.Parent[:])
		put64(c.start, i, uint64(s.Start))
		put64(c.end, i, uint64(s.End))
		put32(c.trace, i, uint32(trace))
		put32(c.name, i, e.strings.place(s.Name))
		put32(c.resource, i, e.resources.of(s.Resource))
		put32(c.scope, i, e.scopes.of(s.Scope))
		put32(c.attrs, i, uint32(len(s.Attributes)))
		c.kind[i], c.status[i] = byte(s.Kind), byte(s.Status)
		if err := e.attributes(s.Attributes); err != nil {
			return nil, err
		}
		if h.optional == 0 {
			continue
		}
		e.optional(&c, i, s)
		for j := range s.Events {
			v := &s.Events[j]
			at := events[event*eventWidth:]
			put64(at, 0, uint64(v.Time))
			put32(at, 2, e.strings.place(v.Name))
			put32(at, 3, v.DroppedAttributes)
			put32(at, 4, uint32(len(v.Attributes)))
			event++
			if err := e.attributes(v.Attributes); err != nil {
				return nil, err
			}
		}
		for j := range s.Links {
			l := &s.Links[j]
			at := links[link*linkWidth:]
			copy(at, l.TraceID[:])
			copy(at[16:], l.SpanID[:])
			put32(at, 6, e.strings.place(l.TraceState))
			put32(at, 7, l.Flags)
			put32(at, 8, l.DroppedAttributes)
			put32(at, 9, uint32(len(l.Attributes)))
			link++
			if err := e.attributes(l.Attributes); err != nil {
				return nil, err
			}
		}
	}
	for i, r := range e.resources.list {
		at := resources[i*resourceWidth:]
		put32(at, 0, r.DroppedAttributes)
		put32(at, 1, e.strings.place(r.SchemaURL))
		put32(at, 2, uint32(len(r.Attributes)))
		if err := e.attributes(r.Attributes); err != nil {
			return nil, err
		}
	}
	for i, s := range e.scopes.list {
		at := scopes[i*scopeWidth:]
		put32(at, 0, e.strings.place(s.Name))
		put32(at, 1, e.strings.place(s.Version))
		put32(at, 2, e.strings.place(s.SchemaURL))
		put32(at, 3, s.DroppedAttributes)
		put32(at, 4, uint32(len(s.Attributes)))
		if err := e.attributes(s.Attributes); err != nil {
			return nil, err
		}
	}
	return e.finish()
}

// optional writes the columns that the batch has beside the fixed ones.
func (e *encoder) optional(c *spanColumns, i int, s *analyzer.Span) {
	o := e.header.optional
	if o&hasStatusMessage != 0 {
		put32(c.statusMessage, i, e.strings.place(s.StatusMessage))
	}
	if o&hasTraceState != 0 {
		put32(c.traceState, i, e.strings.place(s.TraceState))
	}
	if o&hasFlags != 0 {
		put32(c.flags, i, s.Flags)
	}
	if o&hasEvents != 0 {
		put32(c.events, i, uint32(len(s.Events)))
	}
	if o&hasLinks != 0 {
		put32(c.links, i, uint32(len(s.Links)))
	}
	if o&hasDroppedAttributes != 0 {
		put32(c.droppedAttributes, i, s.DroppedAttributes)
	}
	if o&hasDroppedEvents != 0 {
		put32(c.droppedEvents, i, s.DroppedEvents)
	}
	if o&hasDroppedLinks != 0 {
		put32(c.droppedLinks, i, s.DroppedLinks)
	}
	if o&hasReceivedAt != 0 {
		put64(c.receivedAt, i, uint64(s.ReceivedAt))
	}
}

// count fills the header with everything but composites and strings, which only encoding tells.
func (e *encoder) count(spans []analyzer.Span) error {
	var traces, events, links, attributes uint64
	var statusMessage, traceState int
	var flags, droppedAttributes, droppedEvents, droppedLinks uint32
	var receivedAt int64
	for i := range spans {
		s := &spans[i]
		if i == 0 || s.TraceID != spans[i-1].TraceID {
			traces++
		}
		e.resources.of(s.Resource)
		e.scopes.of(s.Scope)
		attributes += uint64(len(s.Attributes))
		events += uint64(len(s.Events))
		for j := range s.Events {
			attributes += uint64(len(s.Events[j].Attributes))
		}
		links += uint64(len(s.Links))
		for j := range s.Links {
			attributes += uint64(len(s.Links[j].Attributes))
		}
		statusMessage |= len(s.StatusMessage)
		traceState |= len(s.TraceState)
		flags |= s.Flags
		droppedAttributes |= s.DroppedAttributes
		droppedEvents |= s.DroppedEvents
		droppedLinks |= s.DroppedLinks
		receivedAt |= s.ReceivedAt
	}
	for _, r := range e.resources.list {
		attributes += uint64(len(r.Attributes))
	}
	for _, s := range e.scopes.list {
		attributes += uint64(len(s.Attributes))
	}
	if max(uint64(len(spans)), events, links, attributes) > math.MaxUint32 {
		return errBatchTooLarge
	}
	e.header = header{
		spans: uint32(len(spans)), traces: uint32(traces), events: uint32(events), links: uint32(links),
		resources: uint32(len(e.resources.list)), scopes: uint32(len(e.scopes.list)), attributes: uint32(attributes),
	}
	for bit, present := range map[uint32]bool{
		hasStatusMessage: statusMessage != 0, hasTraceState: traceState != 0, hasFlags: flags != 0,
		hasEvents: events != 0, hasLinks: links != 0, hasDroppedAttributes: droppedAttributes != 0,
		hasDroppedEvents: droppedEvents != 0, hasDroppedLinks: droppedLinks != 0, hasReceivedAt: receivedAt != 0,
	} {
		if present {
			e.header.optional |= bit
		}
	}
	return nil
}

// finish appends composites and strings, and writes the header now that all counts are known.
func (e *encoder) finish() ([]byte, error) {
	e.out = append(e.out, e.composites...)
	for _, s := range e.strings.list {
		if uint64(len(s)) > maxFrame {
			return nil, errBatchTooLarge
		}
		e.out = binary.LittleEndian.AppendUint32(e.out, uint32(len(s)))
	}
	for _, s := range e.strings.list {
		if uint64(len(e.out))+uint64(len(s)) > maxFrame {
			return nil, errBatchTooLarge
		}
		e.out = append(e.out, s...)
	}
	h := &e.header
	h.composites, h.strings, h.text = uint32(len(e.composites)), uint32(len(e.strings.list)), uint32(e.strings.size)
	for i, field := range h.fields() {
		put32(e.out, i, *field)
	}
	return e.out, nil
}

// An attrWriter is where the next attribute goes.
type attrWriter struct {
	keys, kinds, payloads []byte
	next                  int
}

func (e *encoder) attributes(attributes analyzer.Attributes) error {
	w := &e.attrs
	for i := range attributes {
		a := &attributes[i]
		payload, err := e.payload(a.Value, 0)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", a.Key, err)
		}
		put32(w.keys, w.next, e.strings.place(a.Key))
		w.kinds[w.next] = byte(a.Value.Kind())
		put64(w.payloads, w.next, payload)
		w.next++
	}
	return nil
}

// payload returns a value as 8 bytes: a number's bits, a string's place in the dictionary, the item count of an array
// or map, whose items are appended to the composites.
func (e *encoder) payload(v analyzer.Value, depth int) (uint64, error) {
	switch v.Kind() {
	case analyzer.KindString:
		s, _ := v.AsString()
		return uint64(e.strings.place(s)), nil
	case analyzer.KindBool:
		if b, _ := v.AsBool(); b {
			return 1, nil
		}
	case analyzer.KindInt:
		i, _ := v.AsInt()
		return uint64(i), nil
	case analyzer.KindDouble:
		f, _ := v.AsDouble()
		return math.Float64bits(f), nil
	case analyzer.KindBytes:
		b, _ := v.AsBytes() // a copy, so it may become a string without another
		return uint64(e.strings.place(unsafe.String(unsafe.SliceData(b), len(b)))), nil
	case analyzer.KindArray:
		if depth >= maxDepth {
			return 0, fmt.Errorf("its value nests deeper than %d levels", maxDepth)
		}
		for _, item := range v.List() {
			if err := e.item(item, depth); err != nil {
				return 0, err
			}
		}
		return uint64(len(v.List())), nil
	case analyzer.KindMap:
		if depth >= maxDepth {
			return 0, fmt.Errorf("its value nests deeper than %d levels", maxDepth)
		}
		for _, a := range v.Attributes() {
			e.composites = binary.AppendUvarint(e.composites, uint64(e.strings.place(a.Key)))
			if err := e.item(a.Value, depth); err != nil {
				return 0, err
			}
		}
		return uint64(len(v.Attributes())), nil
	}
	return 0, nil
}

// item appends a value inside an array or map: kind, payload, and then its own items. A composite's payload is known
// only after its items are encoded, so its count is written from the value itself.
func (e *encoder) item(v analyzer.Value, depth int) error {
	e.composites = append(e.composites, byte(v.Kind()))
	switch v.Kind() {
	case analyzer.KindArray:
		e.composites = binary.AppendUvarint(e.composites, uint64(len(v.List())))
	case analyzer.KindMap:
		e.composites = binary.AppendUvarint(e.composites, uint64(len(v.Attributes())))
	}
	payload, err := e.payload(v, depth+1)
	if err != nil {
		return err
	}
	switch v.Kind() {
	case analyzer.KindInt, analyzer.KindDouble:
		e.composites = binary.LittleEndian.AppendUint64(e.composites, payload)
	case analyzer.KindString, analyzer.KindBytes, analyzer.KindBool:
		e.composites = binary.AppendUvarint(e.composites, payload)
	}
	return nil
}
