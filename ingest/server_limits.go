package ingest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Limits bound what one request may hold, beside its size. Zero stands for the default.
type Limits struct {
	// Spans a request. Those beyond are refused, and the sender is told.
	Spans int
	// Attributes of one span, event, link, resource or scope. Those beyond are dropped, and counted as
	// DroppedAttributes as an SDK counts those that it drops.
	Attributes int
	// ValueBytes is how long a string, a byte string, or one inside an array or map may be. Longer ones are cut.
	ValueBytes int
	// Depth is how deep arrays and maps may nest in a value, itself included; at most [MaxValueDepth]. A span with a
	// deeper one is refused.
	Depth int
}

// DefaultLimits are above what instrumentation makes, and below what harms.
var DefaultLimits = Limits{Spans: 100_000, Attributes: 4096, ValueBytes: 4 << 20, Depth: MaxValueDepth}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value *int
		of    int
	}{
		{&l.Spans, DefaultLimits.Spans}, {&l.Attributes, DefaultLimits.Attributes},
		{&l.ValueBytes, DefaultLimits.ValueBytes}, {&l.Depth, DefaultLimits.Depth},
	} {
		if *f.value == 0 {
			*f.value = f.of
		}
	}
	return l
}

func (l Limits) check() error {
	if l.Spans < 1 || l.Attributes < 1 || l.ValueBytes < 1 || l.Depth < 1 || l.Depth > MaxValueDepth {
		return fmt.Errorf("limits of a request: want at least 1 of each, and a depth up to %d, not %+v", MaxValueDepth, l)
	}
	return nil
}

// A limiter holds the spans of one request to the limits, in place, and counts what it took away.
type limiter struct {
	Limits
	dropped int // attributes
	cut     int // values

	resource        *analyzer.Resource // the last one looked at: neighbours share them
	scope           *analyzer.Scope
	resourceTooDeep bool
	scopeTooDeep    bool
}

// enforce returns the spans that may stay.
func (l *limiter) enforce(spans []analyzer.Span, refused *Refusals) []analyzer.Span {
	if more := len(spans) - l.Spans; more > 0 {
		refused.Add(fmt.Sprintf("request holds more than %d spans", l.Spans), more)
		spans = spans[:l.Spans]
	}
	kept := spans[:0]
	for i := range spans {
		if l.span(&spans[i]) {
			if len(kept) != i {
				spans[len(kept)] = spans[i]
			}
			kept = kept[:len(kept)+1]
		}
	}
	refused.Add(fmt.Sprintf("attribute value is nested deeper than %d levels", l.Depth), len(spans)-len(kept))
	return kept
}

// span reports whether a span may stay.
func (l *limiter) span(s *analyzer.Span) bool {
	if s.Resource != l.resource {
		l.resource = s.Resource
		l.resourceTooDeep = !l.attributes(&s.Resource.Attributes, &s.Resource.DroppedAttributes)
	}
	if s.Scope != l.scope {
		l.scope = s.Scope
		l.scopeTooDeep = !l.attributes(&s.Scope.Attributes, &s.Scope.DroppedAttributes)
	}
	ok := l.attributes(&s.Attributes, &s.DroppedAttributes)
	for i := range s.Events {
		ok = l.attributes(&s.Events[i].Attributes, &s.Events[i].DroppedAttributes) && ok
	}
	for i := range s.Links {
		ok = l.attributes(&s.Links[i].Attributes, &s.Links[i].DroppedAttributes) && ok
	}
	return ok && !l.resourceTooDeep && !l.scopeTooDeep
}

// attributes reports whether all values nest no deeper than allowed.
func (l *limiter) attributes(list *analyzer.Attributes, dropped *uint32) bool {
	if more := len(*list) - l.Attributes; more > 0 {
		l.dropped += more
		*dropped += uint32(more)
		*list = (*list)[:l.Attributes:l.Attributes]
	}
	for i := range *list {
		if !l.value(&(*list)[i].Value, 1) {
			return false
		}
	}
	return true
}

// value cuts what is too long in a value of the given level, and reports whether it nests no deeper than allowed.
func (l *limiter) value(v *analyzer.Value, level int) bool {
	switch v.Kind() {
	case analyzer.KindString:
		if s, _ := v.AsString(); len(s) > l.ValueBytes {
			*v = analyzer.String(strings.Clone(cutText(s, l.ValueBytes)))
			l.cut++
		}
	case analyzer.KindBytes:
		if b, _ := v.AsBytes(); len(b) > l.ValueBytes {
			*v = analyzer.Bytes(b[:l.ValueBytes])
			l.cut++
		}
	case analyzer.KindArray:
		list := v.List()
		for i := range list {
			if !l.value(&list[i], level+1) {
				return false
			}
		}
	case analyzer.KindMap:
		attrs := v.Attributes()
		for i := range attrs {
			if !l.value(&attrs[i].Value, level+1) {
				return false
			}
		}
	}
	return level <= l.Depth
}

// cutText cuts a text to at most n bytes, between characters.
func cutText(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// notes say what was taken away, for the sender.
func (l *limiter) notes() (notes []string) {
	if l.dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d attributes dropped: more than %d in one place", l.dropped, l.Attributes))
	}
	if l.cut > 0 {
		notes = append(notes, fmt.Sprintf("%d values cut: longer than %d bytes", l.cut, l.ValueBytes))
	}
	return notes
}
