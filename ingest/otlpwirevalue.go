package ingest

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// another counts one more record of a span; false when there are more than one message may hold.
func (w *wireDecoder) another() bool {
	w.records++
	return w.records <= MaxMessageRecords
}

// keepAttributes takes the attributes that were read since from was their number.
func (w *wireDecoder) keepAttributes(from int) analyzer.Attributes {
	kept := w.attributeRoom.keep(w.attributesRead[from:])
	w.attributesRead = w.attributesRead[:from]
	return kept
}

// wants reports whether a span's attribute is to be decoded. One that cannot be read is, to find out.
func (w *wireDecoder) wants(b []byte) bool {
	if w.wanted == nil {
		return true
	}
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			break
		}
		if f.number == 1 && f.typ == bytesType {
			return w.wanted(w.text(f.body))
		}
		b = rest
	}
	return true
}

func (w *wireDecoder) event(b []byte) (ok bool) {
	from := len(w.attributesRead)
	var e analyzer.Event
	ok = w.another()
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(1, fixed64, &ok):
			e.Time = int64(f.value)
		case f.is(2, bytesType, &ok):
			e.Name = w.text(f.body)
		case f.is(3, bytesType, &ok):
			ok = w.keyValue(f.body, 0)
		case f.is(4, varintType, &ok):
			e.DroppedAttributes = uint32(f.value)
		}
	}
	e.Attributes = w.keepAttributes(from)
	w.eventsRead = append(w.eventsRead, e)
	return ok
}

func (w *wireDecoder) link(b []byte) (ok bool) {
	from := len(w.attributesRead)
	var l analyzer.Link
	ok = w.another()
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.number == 1:
			ok = id(l.TraceID[:], &f)
		case f.number == 2:
			ok = id(l.SpanID[:], &f)
		case f.is(3, bytesType, &ok):
			l.TraceState = w.text(f.body)
		case f.is(4, bytesType, &ok):
			ok = w.keyValue(f.body, 0)
		case f.is(5, varintType, &ok):
			l.DroppedAttributes = uint32(f.value)
		case f.is(6, fixed32, &ok):
			l.Flags = uint32(f.value)
		}
	}
	l.Attributes = w.keepAttributes(from)
	w.linksRead = append(w.linksRead, l)
	return ok
}

// keyValue reads one attribute, whose value lies depth lists and maps deep.
func (w *wireDecoder) keyValue(b []byte, depth int) (ok bool) {
	var a analyzer.Attribute
	ok = w.another()
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(1, bytesType, &ok):
			a.Key = w.text(f.body)
		case f.is(2, bytesType, &ok):
			ok = w.value(f.body, depth, &a.Value)
		}
	}
	w.attributesRead = append(w.attributesRead, a)
	return ok
}

func (w *wireDecoder) value(b []byte, depth int, value *analyzer.Value) (ok bool) {
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(1, bytesType, &ok):
			*value = analyzer.String(w.text(f.body))
		case f.is(2, varintType, &ok):
			*value = analyzer.Bool(f.value != 0)
		case f.is(3, varintType, &ok):
			*value = analyzer.Int(int64(f.value))
		case f.is(4, fixed64, &ok):
			*value = analyzer.Double(math.Float64frombits(f.value))
		case f.is(7, bytesType, &ok):
			*value = analyzer.Bytes(f.body)
		case f.is(5, bytesType, &ok):
			*value, ok = w.array(f.body, depth+1)
		case f.is(6, bytesType, &ok):
			*value, ok = w.kvlist(f.body, depth+1)
		}
	}
	return ok
}

func (w *wireDecoder) array(b []byte, depth int) (v analyzer.Value, ok bool) {
	if depth >= MaxValueDepth {
		w.tooDeep = true
		return v, true
	}
	from := len(w.valuesRead)
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		if ok && f.is(1, bytesType, &ok) {
			var item analyzer.Value
			ok = w.another() && w.value(f.body, depth, &item)
			w.valuesRead = append(w.valuesRead, item)
		}
	}
	list := append([]analyzer.Value{}, w.valuesRead[from:]...)
	clear(w.valuesRead[from:])
	w.valuesRead = w.valuesRead[:from]
	return analyzer.Array(list), ok
}

func (w *wireDecoder) kvlist(b []byte, depth int) (v analyzer.Value, ok bool) {
	if depth >= MaxValueDepth {
		w.tooDeep = true
		return v, true
	}
	from := len(w.attributesRead)
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		if ok && f.is(1, bytesType, &ok) {
			ok = w.keyValue(f.body, depth)
		}
	}
	return analyzer.Map(w.keepAttributes(from)), ok
}
