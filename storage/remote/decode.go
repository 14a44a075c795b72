package remote

import (
	"errors"
	"fmt"
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// errDamaged says that bytes are no batch. Between a client and a server of the same protocol it means a bug or a
// broken connection, never bad telemetry.
var errDamaged = errors.New("the batch of spans is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// A decoder cuts everything that a batch consists of from a few large slices.
type decoder struct {
	strings   []string
	resources []analyzer.Resource
	scopes    []analyzer.Scope

	keys, kinds, payloads []byte
	attributes            analyzer.Attributes // not handed out yet
	next                  int                 // attribute
	composites            []byte              // not read yet
}

// decode reads one batch. The spans share nothing with data. What it allocates is bounded by a small multiple of
// len(data), whatever data holds.
func decode(data []byte) ([]analyzer.Span, error) {
	if len(data) < headerWidth {
		return nil, damaged("%d bytes are less than a header", len(data))
	}
	var h header
	for i, field := range h.fields() {
		*field = get32(data, i)
	}
	if h.optional > hasAll {
		return nil, damaged("unknown columns %#x", h.optional)
	}
	if h.size() != uint64(len(data)) {
		return nil, damaged("it has %d bytes, its header says %d", len(data), h.size())
	}
	rest := data[headerWidth:]
	take := func(width int, count uint32) (section []byte) {
		section, rest = rest[:width*int(count)], rest[width*int(count):]
		return section
	}
	traces := take(traceWidth, h.traces)
	var c spanColumns
	rest = c.cut(rest, int(h.spans), h.optional)
	eventColumn, linkColumn := take(eventWidth, h.events), take(linkWidth, h.links)
	resourceColumn, scopeColumn := take(resourceWidth, h.resources), take(scopeWidth, h.scopes)
	d := &decoder{
		keys: take(4, h.attributes), kinds: take(1, h.attributes), payloads: take(8, h.attributes),
		composites: take(1, h.composites),
	}
	if err := d.text(take(4, h.strings), rest); err != nil {
		return nil, err
	}
	d.resources, d.scopes = make([]analyzer.Resource, h.resources), make([]analyzer.Scope, h.scopes)
	d.attributes = make(analyzer.Attributes, h.attributes)
	spans := make([]analyzer.Span, h.spans)
	events, links := make([]analyzer.Event, h.events), make([]analyzer.Link, h.links)

	var err error
	for i := range spans {
		s := &spans[i]
		trace := get32(c.trace, i)
		if trace >= h.traces {
			return nil, damaged("trace %d of %d", trace, h.traces)
		}
		s.TraceID = analyzer.TraceID(traces[trace*traceWidth:])
		s.ID = analyzer.SpanID(c.id[8*i:])
		s.Parent = analyzer.SpanID(c.parent[8*i:])
		s.Start, s.End = int64(get64(c.start, i)), int64(get64(c.end, i))
		if s.Name, err = d.at(get32(c.name, i)); err != nil {
			return nil, err
		}
		s.Kind, s.Status = analyzer.SpanKind(c.kind[i]), analyzer.StatusCode(c.status[i])
		if s.Resource, err = entry(d.resources, get32(c.resource, i), "resource"); err != nil {
			return nil, err
		}
		if s.Scope, err = entry(d.scopes, get32(c.scope, i), "scope"); err != nil {
			return nil, err
		}
		if s.Attributes, err = d.take(get32(c.attrs, i)); err != nil {
			return nil, err
		}
		if h.optional == 0 {
			continue
		}
		eventCount, linkCount, err := d.optional(&c, i, s, h.optional)
		if err != nil {
			return nil, err
		}
		if s.Events, err = first(&events, eventCount, "event"); err != nil {
			return nil, err
		}
		for j := range s.Events {
			if err := d.event(&s.Events[j], eventColumn); err != nil {
				return nil, err
			}
			eventColumn = eventColumn[eventWidth:]
		}
		if s.Links, err = first(&links, linkCount, "link"); err != nil {
			return nil, err
		}
		for j := range s.Links {
			if err := d.link(&s.Links[j], linkColumn); err != nil {
				return nil, err
			}
			linkColumn = linkColumn[linkWidth:]
		}
	}
	for i := range d.resources {
		if err := d.resource(&d.resources[i], resourceColumn[i*resourceWidth:]); err != nil {
			return nil, err
		}
	}
	for i := range d.scopes {
		if err := d.scope(&d.scopes[i], scopeColumn[i*scopeWidth:]); err != nil {
			return nil, err
		}
	}
	if left := len(events) + len(links) + len(d.attributes) - d.next + len(d.composites); left != 0 {
		return nil, damaged("%d events, links, attributes and bytes of values belong to nothing", left)
	}
	return spans, nil
}

// optional reads the columns that the batch has beside the fixed ones.
func (d *decoder) optional(c *spanColumns, i int, s *analyzer.Span, o uint32) (events, links uint32, err error) {
	if o&hasStatusMessage != 0 {
		if s.StatusMessage, err = d.at(get32(c.statusMessage, i)); err != nil {
			return 0, 0, err
		}
	}
	if o&hasTraceState != 0 {
		if s.TraceState, err = d.at(get32(c.traceState, i)); err != nil {
			return 0, 0, err
		}
	}
	if o&hasFlags != 0 {
		s.Flags = get32(c.flags, i)
	}
	if o&hasEvents != 0 {
		events = get32(c.events, i)
	}
	if o&hasLinks != 0 {
		links = get32(c.links, i)
	}
	if o&hasDroppedAttributes != 0 {
		s.DroppedAttributes = get32(c.droppedAttributes, i)
	}
	if o&hasDroppedEvents != 0 {
		s.DroppedEvents = get32(c.droppedEvents, i)
	}
	if o&hasDroppedLinks != 0 {
		s.DroppedLinks = get32(c.droppedLinks, i)
	}
	if o&hasReceivedAt != 0 {
		s.ReceivedAt = int64(get64(c.receivedAt, i))
	}
	return events, links, nil
}

func (d *decoder) event(v *analyzer.Event, at []byte) (err error) {
	v.Time, v.DroppedAttributes = int64(get64(at, 0)), get32(at, 3)
	if v.Name, err = d.at(get32(at, 2)); err != nil {
		return err
	}
	v.Attributes, err = d.take(get32(at, 4))
	return err
}

func (d *decoder) link(l *analyzer.Link, at []byte) (err error) {
	l.TraceID, l.SpanID = analyzer.TraceID(at), analyzer.SpanID(at[16:])
	l.Flags, l.DroppedAttributes = get32(at, 7), get32(at, 8)
	if l.TraceState, err = d.at(get32(at, 6)); err != nil {
		return err
	}
	l.Attributes, err = d.take(get32(at, 9))
	return err
}

func (d *decoder) resource(r *analyzer.Resource, at []byte) (err error) {
	r.DroppedAttributes = get32(at, 0)
	if r.SchemaURL, err = d.at(get32(at, 1)); err != nil {
		return err
	}
	r.Attributes, err = d.take(get32(at, 2))
	return err
}

func (d *decoder) scope(s *analyzer.Scope, at []byte) (err error) {
	for i, field := range []*string{&s.Name, &s.Version, &s.SchemaURL} {
		if *field, err = d.at(get32(at, i)); err != nil {
			return err
		}
	}
	s.DroppedAttributes = get32(at, 3)
	s.Attributes, err = d.take(get32(at, 4))
	return err
}

// text builds the dictionary. All its strings share one copy of the bytes.
func (d *decoder) text(lengths, text []byte) error {
	all := string(text)
	d.strings = make([]string, len(lengths)/4+1)
	for i := range d.strings[1:] {
		n := get32(lengths, i)
		if uint64(n) > uint64(len(all)) {
			return damaged("string %d has %d bytes, %d are left", i, n, len(all))
		}
		d.strings[i+1], all = all[:n], all[n:]
	}
	if all != "" {
		return damaged("%d bytes of text belong to no string", len(all))
	}
	return nil
}

func (d *decoder) at(place uint32) (string, error) {
	if uint64(place) >= uint64(len(d.strings)) {
		return "", damaged("string %d of %d", place, len(d.strings))
	}
	return d.strings[place], nil
}

// entry returns the place-th thing of a table, counted from 1; 0 is nil.
func entry[T any](table []T, place uint32, what string) (*T, error) {
	if place == 0 {
		return nil, nil
	}
	if uint64(place) > uint64(len(table)) {
		return nil, damaged("%s %d of %d", what, place, len(table))
	}
	return &table[place-1], nil
}

// first cuts n things off the front of slab. Their capacity ends where they do: an append by the caller must not run
// into the next span's.
func first[T any](slab *[]T, n uint32, what string) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	if uint64(n) > uint64(len(*slab)) {
		return nil, damaged("%d of a kind (%s), %d are left", n, what, len(*slab))
	}
	list := (*slab)[:n:n]
	*slab = (*slab)[n:]
	return list, nil
}

// take reads the next n attributes.
func (d *decoder) take(n uint32) (analyzer.Attributes, error) {
	if n == 0 {
		return nil, nil
	}
	if uint64(n) > uint64(len(d.attributes)-d.next) {
		return nil, damaged("%d attributes, %d are left", n, len(d.attributes)-d.next)
	}
	end := d.next + int(n)
	list := d.attributes[d.next:end:end]
	for i := range list {
		key := get32(d.keys, d.next)
		payload := get64(d.payloads, d.next)
		kind := analyzer.ValueKind(d.kinds[d.next])
		d.next++
		if uint64(key) >= uint64(len(d.strings)) {
			return nil, damaged("key %d of %d", key, len(d.strings))
		}
		a := &list[i]
		a.Key = d.strings[key]
		switch kind {
		case analyzer.KindString:
			if payload >= uint64(len(d.strings)) {
				return nil, damaged("string %d of %d", payload, len(d.strings))
			}
			a.Value = analyzer.String(d.strings[payload])
		case analyzer.KindInt:
			a.Value = analyzer.Int(int64(payload))
		case analyzer.KindDouble:
			a.Value = analyzer.Double(math.Float64frombits(payload))
		default:
			v, err := d.value(kind, payload, 0)
			if err != nil {
				return nil, err
			}
			a.Value = v
		}
	}
	return list, nil
}
