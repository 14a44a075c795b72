package storage

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A spanWriter writes spans as rows of the table spans.
type spanWriter struct {
	*appender
	dict *dictionary

	traceID, spanID, parentID, start, duration, name, kind, status, message, state, flags *vector
	resource, scope, shape, strings, ints, doubles, blobs, events, links                  *vector
	droppedAttributes, droppedEvents, droppedLinks, received, bucket                      *vector
	hot                                                                                   []*vector

	lastResource   *analyzer.Resource // the one that lastResourceID is of: neighbours share them
	lastResourceID uint32
	lastScope      *analyzer.Scope
	lastScopeID    uint32
	scratch        []byte
}

// newSpanWriter finds the columns by their names: a migrated database has them in another order than a new one.
func newSpanWriter(a *appender, columns []string, dict *dictionary) (*spanWriter, error) {
	w := &spanWriter{appender: a, dict: dict}
	fields := map[string]**vector{
		"trace_id": &w.traceID, "span_id": &w.spanID, "parent_id": &w.parentID, "start_ns": &w.start,
		"duration_ns": &w.duration, "name": &w.name, "kind": &w.kind, "status": &w.status, "status_message": &w.message,
		"trace_state": &w.state, "flags": &w.flags, "resource_id": &w.resource, "scope_id": &w.scope, "shape_id": &w.shape,
		"attr_strings": &w.strings, "attr_ints": &w.ints, "attr_doubles": &w.doubles, "attr_bytes": &w.blobs,
		"events": &w.events, "links": &w.links, "dropped_attributes": &w.droppedAttributes,
		"dropped_events": &w.droppedEvents, "dropped_links": &w.droppedLinks, "received_at": &w.received, "bucket": &w.bucket,
	}
	w.hot = make([]*vector, len(dict.hot))
	for i := range dict.hot {
		fields[dict.hot[i].column] = &w.hot[i]
	}
	if err := assign(fields, columns, a, "spans"); err != nil {
		return nil, err
	}
	for _, list := range []*vector{w.strings, w.ints, w.doubles, w.blobs} {
		list.items()
	}
	w.events.items().fields(4)
	w.links.items().fields(6)
	return w, nil
}

func assign(fields map[string]**vector, columns []string, a *appender, table string) error {
	for i, name := range columns {
		f, ok := fields[name]
		if !ok {
			return fmt.Errorf("table %s has a column %q that this slowtoken cannot fill", table, name)
		}
		*f = a.cols[i]
		delete(fields, name)
	}
	for name := range fields {
		return fmt.Errorf("table %s has no column %q", table, name)
	}
	return nil
}

// write adds a span as one row.
func (w *spanWriter) write(s *analyzer.Span, received int64) error {
	row := w.row
	if row == 0 {
		for _, hot := range w.hot {
			hot.allNull()
		}
	}
	putTraceID(w.traceID, row, s.TraceID)
	put(w.spanID, row, numberOf(s.ID))
	if s.Parent.IsZero() {
		w.parentID.null(row)
	} else {
		put(w.parentID, row, numberOf(s.Parent))
	}
	put(w.start, row, s.Start)
	put(w.duration, row, s.End-s.Start)
	w.name.text(row, s.Name)
	put(w.kind, row, uint8(s.Kind))
	put(w.status, row, uint8(s.Status))
	w.message.textOrNull(row, s.StatusMessage)
	w.state.textOrNull(row, s.TraceState)
	put(w.flags, row, s.Flags)
	w.writeOrigin(row, s)
	w.writeAttributes(row, s.Attributes)
	w.writeEvents(row, s.Events)
	w.writeLinks(row, s.Links)
	put(w.droppedAttributes, row, s.DroppedAttributes)
	put(w.droppedEvents, row, s.DroppedEvents)
	put(w.droppedLinks, row, s.DroppedLinks)
	put(w.received, row, received)
	put(w.bucket, row, bucketOf(s.TraceID))
	return w.next()
}

func putTraceID(v *vector, row int, id analyzer.TraceID) {
	low, high := uuidOf(id)
	put(v, row, [2]uint64{low, uint64(high)})
}

func (w *spanWriter) writeOrigin(row int, s *analyzer.Span) {
	if s.Resource == nil {
		w.resource.null(row)
	} else {
		if s.Resource != w.lastResource {
			w.lastResource, w.lastResourceID = s.Resource, w.dict.resource(s.Resource)
		}
		put(w.resource, row, w.lastResourceID)
	}
	if s.Scope == nil {
		w.scope.null(row)
	} else {
		if s.Scope != w.lastScope {
			w.lastScope, w.lastScopeID = s.Scope, w.dict.scope(s.Scope)
		}
		put(w.scope, row, w.lastScopeID)
	}
}

func (w *spanWriter) writeAttributes(row int, attrs analyzer.Attributes) {
	if len(attrs) == 0 {
		put(w.shape, row, uint32(0))
		for _, list := range []*vector{w.strings, w.ints, w.doubles, w.blobs} {
			list.null(row)
		}
		return
	}
	s := w.dict.shape(attrs)
	put(w.shape, row, s.id)
	if s.places[0].slot == slotAll {
		text := string(appendTypedMap(w.scratch[:0], attrs, &w.replaced))
		w.strings.items().text(w.strings.openOrNull(row, 1), text)
		for _, list := range []*vector{w.ints, w.doubles, w.blobs} {
			list.null(row)
		}
		return
	}
	var count [numSlots]int
	for i := range s.places {
		count[s.places[i].slot]++
	}
	str := w.strings.openOrNull(row, count[slotString]+count[slotJSON])
	num := w.ints.openOrNull(row, count[slotInt]+count[slotBool])
	dbl := w.doubles.openOrNull(row, count[slotDouble])
	blob := w.blobs.openOrNull(row, count[slotBytes])
	for i := range s.places {
		v := attrs[i].Value
		switch s.places[i].slot {
		case slotHot:
			w.writeHot(w.hot[s.places[i].hot], row, v)
		case slotString:
			text, _ := v.AsString()
			w.strings.child.text(str, text)
			str++
		case slotJSON:
			w.scratch = appendTypedJSON(w.scratch[:0], v, &w.replaced)
			w.strings.child.raw(str, string(w.scratch))
			str++
		case slotInt:
			n, _ := v.AsInt()
			put(w.ints.child, num, n)
			num++
		case slotBool:
			put(w.ints.child, num, intOf(v))
			num++
		case slotDouble:
			f, _ := v.AsDouble()
			put(w.doubles.child, dbl, f)
			dbl++
		case slotBytes:
			b, _ := v.AsBytes()
			w.blobs.child.raw(blob, string(b))
			blob++
		}
	}
}

func intOf(v analyzer.Value) int64 {
	if b, _ := v.AsBool(); b {
		return 1
	}
	return 0
}

// openOrNull starts a list of n items, or writes NULL for none.
func (v *vector) openOrNull(row, n int) int {
	if n == 0 {
		v.null(row)
		return 0
	}
	return v.open(row, n)
}

func (w *spanWriter) writeHot(col *vector, row int, v analyzer.Value) {
	col.set(row)
	switch v.Kind() {
	case analyzer.KindString:
		text, _ := v.AsString()
		col.text(row, text)
	case analyzer.KindInt:
		n, _ := v.AsInt()
		put(col, row, n)
	case analyzer.KindDouble:
		f, _ := v.AsDouble()
		put(col, row, f)
	case analyzer.KindBool:
		b, _ := v.AsBool()
		put(col, row, b)
	}
}

func (w *spanWriter) writeEvents(row int, events []analyzer.Event) {
	at := w.events.openOrNull(row, len(events))
	f := w.events.child.members
	for i := range events {
		e := &events[i]
		put(f[0], at+i, e.Time)
		f[1].text(at+i, e.Name)
		f[2].typedMap(at+i, e.Attributes)
		put(f[3], at+i, e.DroppedAttributes)
	}
}

func (w *spanWriter) writeLinks(row int, links []analyzer.Link) {
	at := w.links.openOrNull(row, len(links))
	f := w.links.child.members
	for i := range links {
		l := &links[i]
		putTraceID(f[0], at+i, l.TraceID)
		put(f[1], at+i, numberOf(l.SpanID))
		f[2].textOrNull(at+i, l.TraceState)
		put(f[3], at+i, l.Flags)
		f[4].typedMap(at+i, l.Attributes)
		put(f[5], at+i, l.DroppedAttributes)
	}
}

// typedMap writes attributes as typed JSON, or NULL for none.
func (v *vector) typedMap(row int, attrs analyzer.Attributes) {
	if len(attrs) == 0 {
		v.null(row)
		return
	}
	v.raw(row, typedMap(attrs, &v.a.replaced))
}
