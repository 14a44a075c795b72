package analyzer

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// A TraceID is OTLP's 16-byte trace id. Sources with 64-bit ids fill the low half. The zero id is invalid.
type TraceID [16]byte

// A SpanID is OTLP's 8-byte span id. The zero id means "none".
type SpanID [8]byte

// IsZero reports whether id is the invalid id.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether id is the invalid id.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// String returns id as 32 lower-case hex digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// String returns id as 16 lower-case hex digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText spells id as String does.
func (id TraceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText spells id as String does.
func (id SpanID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *TraceID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseTraceID(string(text))
	return err
}

// UnmarshalText reads what MarshalText writes.
func (id *SpanID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseSpanID(string(text))
	return err
}

// Compare orders ids as unsigned big-endian numbers.
func (id TraceID) Compare(other TraceID) int { return bytes.Compare(id[:], other[:]) }

// Compare orders ids as unsigned big-endian numbers.
func (id SpanID) Compare(other SpanID) int { return bytes.Compare(id[:], other[:]) }

// ParseTraceID reads 1 to 32 hex digits; shorter ids fill the low digits, as 64-bit ids of Jaeger and Zipkin do.
func ParseTraceID(s string) (TraceID, error) {
	var id TraceID
	if err := parseHexID(id[:], s); err != nil {
		return TraceID{}, fmt.Errorf("trace id %q: %w", s, err)
	}
	return id, nil
}

// ParseSpanID reads 1 to 16 hex digits; shorter ids fill the low digits.
func ParseSpanID(s string) (SpanID, error) {
	var id SpanID
	if err := parseHexID(id[:], s); err != nil {
		return SpanID{}, fmt.Errorf("span id %q: %w", s, err)
	}
	return id, nil
}

func parseHexID(dst []byte, s string) error {
	if s == "" {
		return fmt.Errorf("is empty")
	}
	if len(s) > 2*len(dst) {
		return fmt.Errorf("has %d digits, more than %d", len(s), 2*len(dst))
	}
	padded := append(bytes.Repeat([]byte{'0'}, 2*len(dst)-len(s)), s...)
	if _, err := hex.Decode(dst, padded); err != nil {
		return fmt.Errorf("is not hexadecimal")
	}
	return nil
}

// A SpanKind says which side of a call a span is on; the numbers are OTLP's.
type SpanKind uint8

// The span kinds of OTLP.
const (
	SpanKindUnspecified SpanKind = iota
	SpanKindInternal
	SpanKindServer
	SpanKindClient
	SpanKindProducer
	SpanKindConsumer
)

// A StatusCode is a span's outcome; the numbers are OTLP's.
type StatusCode uint8

// The status codes of OTLP.
const (
	StatusUnset StatusCode = iota
	StatusOK
	StatusError
)

// A Span is one timed operation, as received: nothing that the source stated is dropped. Its identity is
// (TraceID, ID, content): one id can come with two contents, and both are kept.
type Span struct {
	TraceID TraceID
	ID      SpanID
	Parent  SpanID // zero for a root

	// Start and End are nanoseconds since the Unix epoch. End can lie before Start when the source says so.
	Start, End int64

	Name          string
	Kind          SpanKind
	Status        StatusCode
	StatusMessage string
	TraceState    string // W3C tracestate
	Flags         uint32 // W3C trace flags in the low 8 bits, OTLP's remote-parent bits above

	Attributes Attributes
	Events     []Event
	Links      []Link

	DroppedAttributes uint32 // dropped by the source before it sent the span
	DroppedEvents     uint32
	DroppedLinks      uint32

	Resource *Resource // never nil once a span left its source; shared between spans
	Scope    *Scope    // never nil once a span left its source; shared between spans

	// ReceivedAt is when slowtoken took the span in, in nanoseconds since the Unix epoch; zero while it is unknown.
	ReceivedAt int64
}

// An Event is a point in time inside a span.
type Event struct {
	Time              int64 // nanoseconds since the Unix epoch
	Name              string
	Attributes        Attributes
	DroppedAttributes uint32
}

// A Link points at another span, of this trace or another. Links are never parents, but for the references of
// OpenTracing sources, which carry RefType in their attributes.
type Link struct {
	TraceID           TraceID
	SpanID            SpanID
	TraceState        string
	Flags             uint32
	Attributes        Attributes
	DroppedAttributes uint32
}

// RefType is the link attribute, named by OpenTelemetry's OpenTracing compatibility specification, that says what an
// OpenTracing reference was: [RefChildOf] or [RefFollowsFrom]. Importers of such sources write every reference of a
// span as a link with it, in the order received, whenever the span has more than one or its only one is
// [RefFollowsFrom]; [Span.Parent] then is the first CHILD_OF, else the first FOLLOWS_FROM. Where none of such links
// names the Parent they came with a span that states its parent itself, and say nothing about it.
const (
	RefType        = "opentracing.ref_type"
	RefChildOf     = "child_of"
	RefFollowsFrom = "follows_from"
)

// A Resource is what emitted spans: a process, a pod, a service instance.
type Resource struct {
	Attributes        Attributes
	DroppedAttributes uint32
	SchemaURL         string
}

// A Scope is the instrumentation library that made spans.
type Scope struct {
	Name, Version     string
	Attributes        Attributes
	DroppedAttributes uint32
	SchemaURL         string
}

// Service returns the resource's service.name, or "" when there is none.
func (s *Span) Service() string {
	if s.Resource == nil {
		return ""
	}
	return s.Resource.Attributes.Text("service.name")
}

// Duration returns End - Start in nanoseconds; negative when the source says so.
func (s *Span) Duration() int64 { return s.End - s.Start }

// Equal reports whether two spans have the same identity: the same ids and the same content. ReceivedAt is not content.
func (s *Span) Equal(o *Span) bool {
	if s.TraceID != o.TraceID || s.ID != o.ID || s.Parent != o.Parent || s.Start != o.Start || s.End != o.End ||
		s.Name != o.Name || s.Kind != o.Kind || s.Status != o.Status || s.StatusMessage != o.StatusMessage ||
		s.TraceState != o.TraceState || s.Flags != o.Flags || s.DroppedAttributes != o.DroppedAttributes ||
		s.DroppedEvents != o.DroppedEvents || s.DroppedLinks != o.DroppedLinks ||
		len(s.Events) != len(o.Events) || len(s.Links) != len(o.Links) || !s.Attributes.Equal(o.Attributes) {
		return false
	}
	for i := range s.Events {
		if !s.Events[i].equal(&o.Events[i]) {
			return false
		}
	}
	for i := range s.Links {
		if !s.Links[i].equal(&o.Links[i]) {
			return false
		}
	}
	return s.Resource.equal(o.Resource) && s.Scope.equal(o.Scope)
}

func (e *Event) equal(o *Event) bool {
	return e.Time == o.Time && e.Name == o.Name && e.DroppedAttributes == o.DroppedAttributes && e.Attributes.Equal(o.Attributes)
}

func (l *Link) equal(o *Link) bool {
	return l.TraceID == o.TraceID && l.SpanID == o.SpanID && l.TraceState == o.TraceState && l.Flags == o.Flags &&
		l.DroppedAttributes == o.DroppedAttributes && l.Attributes.Equal(o.Attributes)
}

func (r *Resource) equal(o *Resource) bool {
	if r == nil || o == nil || r == o {
		return r == o
	}
	return r.DroppedAttributes == o.DroppedAttributes && r.SchemaURL == o.SchemaURL && r.Attributes.Equal(o.Attributes)
}

func (c *Scope) equal(o *Scope) bool {
	if c == nil || o == nil || c == o {
		return c == o
	}
	return c.Name == o.Name && c.Version == o.Version && c.DroppedAttributes == o.DroppedAttributes &&
		c.SchemaURL == o.SchemaURL && c.Attributes.Equal(o.Attributes)
}
