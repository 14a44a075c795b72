package ingest

import (
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A wireDecoder decodes ResourceSpans messages straight into spans. It stands beside the collector's decoder for two
// reasons: what it cannot decode costs one span and not the message, and it is several times as fast.
type wireDecoder struct {
	slabs
	interner
	attributesRead []analyzer.Attribute // of the messages that are being decoded, innermost last
	valuesRead     []analyzer.Value
	eventsRead     []analyzer.Event
	linksRead      []analyzer.Link
	wanted         func(key string) bool // of a span's attributes; nil for all
	shared         bool                  // strings are parts of the message, which then must never change
	records        int                   // events, links, attributes and values of the span at hand
	tooDeep        bool
}

// A decoded record is what one ResourceSpans message held.
type decoded struct {
	spans   []analyzer.Span
	refused Refusals
	kept    int // of the spans, those of this record
	broken  int // of the refused, those that could not be decoded
}

func (d *decoded) refuse(reason string, n int) { d.refused.Add(reason, n) }

func (d *decoded) lose(n int) {
	d.broken += n
	d.refuse(ReasonBrokenProto, n)
}

// text returns b as a string.
func (w *wireDecoder) text(b []byte) string {
	if w.shared {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return w.interner.text(b)
}

const (
	bytesType  = protowire.BytesType
	varintType = protowire.VarintType
	fixed64    = protowire.Fixed64Type
	fixed32    = protowire.Fixed32Type
)

// resourceSpans decodes one message and appends its spans to out. complete is false when the message ends too early:
// spans that came before the end are kept if their resource and scope, which may come last, came, too.
func (w *wireDecoder) resourceSpans(b []byte, complete bool, out *decoded) {
	w.tooDeep = false
	resource := &analyzer.Resource{}
	first := len(out.spans)
	seen, bad := false, false
	var old [][]byte // ScopeSpans under the number they had before OTLP 0.15, read where there are no others
	scopes := 0
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		complete = complete && ok
		switch {
		case f.is(2, bytesType, &ok):
			scopes++
			w.scopeSpans(f.body, complete || len(rest) > 0, resource, out)
		case f.is(1000, bytesType, &ok):
			old = append(old, f.body)
		case !ok:
		case f.is(1, bytesType, &ok):
			seen = true
			bad = !w.resource(f.body, resource) || bad
		case f.is(3, bytesType, &ok):
			resource.SchemaURL = w.text(f.body)
		}
		bad = bad || !ok && rest != nil // well-formed, but not what OTLP says
		b = rest
	}
	if scopes == 0 {
		for _, scope := range old {
			w.scopeSpans(scope, complete, resource, out)
		}
	}
	spans := len(out.spans) - first
	switch {
	case bad || !complete && !seen:
		out.spans = out.spans[:first]
		out.lose(max(spans, 1))
	case w.takeTooDeep():
		out.spans = out.spans[:first]
		out.refuse(ReasonNesting, spans)
	case !complete && spans == 0 && out.broken == 0:
		out.lose(1)
	}
}

func (w *wireDecoder) scopeSpans(b []byte, complete bool, resource *analyzer.Resource, out *decoded) {
	scope := &analyzer.Scope{}
	first := len(out.spans)
	seen, bad := false, false
	resourceTooDeep := w.takeTooDeep()
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		complete = complete && ok
		switch {
		case f.is(2, bytesType, &ok):
			w.span(f.body, ok, resource, scope, out)
		case !ok:
		case f.is(1, bytesType, &ok):
			seen = true
			bad = !w.scope(f.body, scope) || bad
		case f.is(3, bytesType, &ok):
			scope.SchemaURL = w.text(f.body)
		}
		bad = bad || !ok && rest != nil
		b = rest
	}
	spans := len(out.spans) - first
	switch {
	case bad || !complete && !seen:
		out.spans = out.spans[:first]
		out.lose(max(spans, 1))
	case w.takeTooDeep():
		out.spans = out.spans[:first]
		out.refuse(ReasonNesting, spans)
	}
	w.tooDeep = resourceTooDeep
}

func (w *wireDecoder) takeTooDeep() bool {
	was := w.tooDeep
	w.tooDeep = false
	return was
}

func (w *wireDecoder) resource(b []byte, r *analyzer.Resource) (ok bool) {
	from := len(w.attributesRead)
	w.attributesRead = append(w.attributesRead, r.Attributes...) // a field that repeats goes on
	w.records = 0
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(1, bytesType, &ok):
			ok = w.keyValue(f.body, 0)
		case f.is(2, varintType, &ok):
			r.DroppedAttributes = uint32(f.value)
		}
	}
	r.Attributes = w.keepAttributes(from)
	return ok
}

func (w *wireDecoder) scope(b []byte, s *analyzer.Scope) (ok bool) {
	from := len(w.attributesRead)
	w.attributesRead = append(w.attributesRead, s.Attributes...)
	w.records = 0
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(1, bytesType, &ok):
			s.Name = w.text(f.body)
		case f.is(2, bytesType, &ok):
			s.Version = w.text(f.body)
		case f.is(3, bytesType, &ok):
			ok = w.keyValue(f.body, 0)
		case f.is(4, varintType, &ok):
			s.DroppedAttributes = uint32(f.value)
		}
	}
	s.Attributes = w.keepAttributes(from)
	return ok
}

func (w *wireDecoder) span(b []byte, ok bool, resource *analyzer.Resource, scope *analyzer.Scope, out *decoded) {
	out.spans = append(out.spans, analyzer.Span{Resource: resource, Scope: scope})
	s := &out.spans[len(out.spans)-1]
	w.records = 0
	w.eventsRead, w.linksRead = w.eventsRead[:0], w.linksRead[:0]
	reason := ""
	var kind, code int32
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		if !ok {
			break
		}
		switch f.number {
		case 1:
			ok = id(s.TraceID[:], &f)
		case 2:
			ok = id(s.ID[:], &f)
		case 3:
			s.TraceState = w.field(&f, &ok)
		case 4:
			ok = id(s.Parent[:], &f)
		case 5:
			s.Name = w.field(&f, &ok)
		case 6:
			kind = int32(f.number32(varintType, &ok))
		case 7:
			s.Start = f.time(&ok)
		case 8:
			s.End = f.time(&ok)
		case 9:
			ok = f.typ == bytesType && (!w.wants(f.body) || w.keyValue(f.body, 0))
		case 10:
			s.DroppedAttributes = f.number32(varintType, &ok)
		case 11:
			ok = f.typ == bytesType && w.event(f.body)
		case 12:
			s.DroppedEvents = f.number32(varintType, &ok)
		case 13:
			ok = f.typ == bytesType && w.link(f.body)
		case 14:
			s.DroppedLinks = f.number32(varintType, &ok)
		case 15:
			ok = f.typ == bytesType && w.status(f.body, &code, &s.StatusMessage)
		case 16:
			s.Flags = f.number32(fixed32, &ok)
		}
	}
	s.Attributes = w.keepAttributes(0)
	switch {
	case !ok:
		w.tooDeep = false
		out.spans = out.spans[:len(out.spans)-1]
		out.lose(1)
		return
	case s.TraceID.IsZero():
		reason = ReasonTraceID
	case s.ID.IsZero():
		reason = ReasonSpanID
	case s.Start < 0 || s.End < 0:
		reason = ReasonTimeRange
	case kind < 0 || kind > math.MaxUint8:
		reason = ReasonKindRange
	case code < 0 || code > math.MaxUint8:
		reason = ReasonCodeRange
	case w.tooDeep:
		reason = ReasonNesting
	}
	w.tooDeep = false
	if reason != "" {
		out.spans = out.spans[:len(out.spans)-1]
		out.refuse(reason, 1)
		return
	}
	s.Kind, s.Status = analyzer.SpanKind(kind), analyzer.StatusCode(code)
	s.Events = w.eventRoom.keep(w.eventsRead)
	s.Links = w.linkRoom.keep(w.linksRead)
}

func (f *wireField) number32(typ protowire.Type, ok *bool) uint32 {
	*ok = *ok && f.typ == typ
	return uint32(f.value)
}

// time returns nanoseconds; what int64 cannot hold is negative.
func (f *wireField) time(ok *bool) int64 {
	*ok = *ok && f.typ == fixed64
	return int64(f.value)
}

func (w *wireDecoder) field(f *wireField, ok *bool) string {
	*ok = *ok && f.typ == bytesType
	return w.text(f.body)
}

func id(dst []byte, f *wireField) bool {
	if f.typ != bytesType || len(f.body) != 0 && len(f.body) != len(dst) {
		return false
	}
	if len(f.body) == 0 {
		clear(dst)
	}
	copy(dst, f.body)
	return true
}

func (w *wireDecoder) status(b []byte, code *int32, message *string) (ok bool) {
	ok = true
	for len(b) > 0 && ok {
		var f wireField
		f, b, ok = nextField(b)
		switch {
		case !ok:
		case f.is(2, bytesType, &ok):
			*message = w.text(f.body)
		case f.is(3, varintType, &ok):
			*code = int32(f.value)
		}
	}
	return ok
}
