package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Why one span of a JSON document is refused, beside the reasons of [FromTraces].
const (
	ReasonID   = "id is neither hexadecimal nor base64 of its length"
	ReasonTime = "time is no integer of nanoseconds"
	ReasonEnum = "kind or status is no number and no name that OTLP has"
)

// resourceSpans reads one ResourceSpans; false when its spans could not be handed over. Its spans wait until it ends,
// because what belongs to all of them may come last; a ResourceSpans above the record limit is handed over before that.
func (j *jsonReader) resourceSpans() bool {
	resource := &analyzer.Resource{}
	started := j.offset + int64(j.pos)
	first := len(j.batch)
	seen, handed := false, false
	for key := range j.fields {
		switch key {
		case "resource":
			seen = true
			for key := range j.fields {
				switch key {
				case "attributes":
					resource.Attributes = j.attributes()
				case "droppedAttributesCount", "dropped_attributes_count":
					resource.DroppedAttributes = j.count()
				default:
					j.skip()
				}
			}
		case "schemaUrl", "schema_url":
			if handed { // some spans went without it, and with this same resource
				j.summary.Warnings.Add("late_schema_url", 1)
				j.skip()
				continue
			}
			resource.SchemaURL = j.text()
		case "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans":
			for range j.items {
				j.scopeSpans(resource)
				if seen && j.offset+int64(j.pos)-started > int64(j.options.MaxRecord) {
					if j.flush(0) != nil {
						return false
					}
					handed = true
					started = j.offset + int64(j.pos)
				}
			}
		default:
			j.skip()
		}
	}
	if j.err != nil && !seen && len(j.batch) > first {
		// A resource may have been to come, and spans without theirs are not what was sent.
		j.refuse(j.where(), ReasonBroken, len(j.batch)-first)
		j.batch = j.batch[:first]
	}
	return j.flush(batchSpans) == nil
}

func (j *jsonReader) scopeSpans(resource *analyzer.Resource) {
	scope := &analyzer.Scope{}
	for key := range j.fields {
		switch key {
		case "scope", "instrumentationLibrary", "instrumentation_library":
			for key := range j.fields {
				switch key {
				case "name":
					scope.Name = j.text()
				case "version":
					scope.Version = j.text()
				case "attributes":
					scope.Attributes = j.attributes()
				case "droppedAttributesCount", "dropped_attributes_count":
					scope.DroppedAttributes = j.count()
				default:
					j.skip()
				}
			}
		case "schemaUrl", "schema_url":
			scope.SchemaURL = j.text()
		case "spans":
			for range j.items {
				j.otlpSpan(resource, scope)
			}
		default:
			j.skip()
		}
	}
}

func (j *jsonReader) otlpSpan(resource *analyzer.Resource, scope *analyzer.Scope) {
	if j.next() != '{' {
		j.skip()
		j.refuse(j.where(), ReasonNoTrace, 1)
		return
	}
	s := analyzer.Span{Resource: resource, Scope: scope}
	var c checks
	for key := range j.fields {
		switch key {
		case "traceId", "trace_id":
			c.id(s.TraceID[:], j.scalar())
		case "spanId", "span_id":
			c.id(s.ID[:], j.scalar())
		case "parentSpanId", "parent_span_id":
			c.id(s.Parent[:], j.scalar())
		case "traceState", "trace_state":
			s.TraceState = j.text()
		case "flags":
			s.Flags = j.count()
		case "name":
			s.Name = j.text()
		case "kind":
			s.Kind = analyzer.SpanKind(c.enum(j.scalar(), kindNames, ReasonKindRange))
		case "startTimeUnixNano", "start_time_unix_nano":
			s.Start = c.nanos(j.scalar())
		case "endTimeUnixNano", "end_time_unix_nano":
			s.End = c.nanos(j.scalar())
		case "attributes":
			s.Attributes = j.attributes()
		case "droppedAttributesCount", "dropped_attributes_count":
			s.DroppedAttributes = j.count()
		case "droppedEventsCount", "dropped_events_count":
			s.DroppedEvents = j.count()
		case "droppedLinksCount", "dropped_links_count":
			s.DroppedLinks = j.count()
		case "events":
			s.Events = j.otlpEvents(&c)
		case "links":
			s.Links = j.otlpLinks(&c)
		case "status":
			for key := range j.fields {
				switch key {
				case "code":
					s.Status = analyzer.StatusCode(c.enum(j.scalar(), statusNames, ReasonCodeRange))
				case "message":
					s.StatusMessage = j.text()
				default:
					j.skip()
				}
			}
		default:
			j.skip()
		}
	}
	if j.err != nil {
		return // told as broken JSON
	}
	c.identity(&s)
	if c.reason != "" {
		j.refuse(j.where(), c.reason, 1)
		return
	}
	j.add(s)
}

func (j *jsonReader) otlpEvents(c *checks) []analyzer.Event {
	j.events = j.events[:0]
	for range j.items {
		var e analyzer.Event
		for key := range j.fields {
			switch key {
			case "timeUnixNano", "time_unix_nano":
				e.Time = c.nanos(j.scalar())
			case "name":
				e.Name = j.text()
			case "attributes":
				e.Attributes = j.attributes()
			case "droppedAttributesCount", "dropped_attributes_count":
				e.DroppedAttributes = j.count()
			default:
				j.skip()
			}
		}
		j.events = append(j.events, e)
	}
	return j.eventRoom.keep(j.events)
}

func (j *jsonReader) otlpLinks(c *checks) []analyzer.Link {
	j.links = j.links[:0]
	for range j.items {
		var l analyzer.Link
		for key := range j.fields {
			switch key {
			case "traceId", "trace_id":
				c.id(l.TraceID[:], j.scalar())
			case "spanId", "span_id":
				c.id(l.SpanID[:], j.scalar())
			case "traceState", "trace_state":
				l.TraceState = j.text()
			case "flags":
				l.Flags = j.count()
			case "attributes":
				l.Attributes = j.attributes()
			case "droppedAttributesCount", "dropped_attributes_count":
				l.DroppedAttributes = j.count()
			default:
				j.skip()
			}
		}
		j.links = append(j.links, l)
	}
	return j.linkRoom.keep(j.links)
}

// count reads a uint32; what is none counts as zero and is told as a warning.
func (j *jsonReader) count() uint32 {
	v := j.scalar()
	i, ok := v.integer()
	if ok && i >= 0 && i <= math.MaxUint32 || v.kind == 'n' {
		return uint32(i)
	}
	if j.err == nil {
		j.summary.Warnings.Add("count_not_read", 1)
	}
	return 0
}

// checks collect the first reason why a span cannot be kept.
type checks struct{ reason string }

func (c *checks) fail(reason string) {
	if c.reason == "" {
		c.reason = reason
	}
}

// id reads an id in hexadecimal, as OTLP/JSON has it, or in base64, as protobuf's own JSON mapping has it. Leading zeros
// may be missing.
func (c *checks) id(dst []byte, v scalar) {
	if v.kind == 'n' || v.kind == '"' && len(v.text) == 0 {
		return
	}
	if v.kind == '"' && parseID(dst, v.text) {
		return
	}
	clear(dst)
	c.fail(ReasonID)
}

func parseID(dst, text []byte) bool {
	if len(text) == 2*len(dst) {
		_, err := hex.Decode(dst, text)
		return err == nil
	}
	if len(text) == base64.StdEncoding.EncodedLen(len(dst)) { // 24 or 12: no whole id has that many hex digits
		var room [18]byte
		if n, err := base64.StdEncoding.Decode(room[:], text); err == nil && n == len(dst) {
			copy(dst, room[:n])
			return true
		}
	}
	if len(text) > 2*len(dst) {
		return false
	}
	padded := [32]byte{}
	digits := padded[:2*len(dst)]
	for i := range digits {
		digits[i] = '0'
	}
	copy(digits[len(digits)-len(text):], text)
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// nanos reads nanoseconds since the Unix epoch.
func (c *checks) nanos(v scalar) int64 {
	if v.kind == 'n' || v.kind == '"' && len(v.text) == 0 {
		return 0
	}
	i, ok := v.integer()
	switch {
	case ok && i >= 0:
		return i
	case ok:
		c.fail(ReasonTimeRange)
	default:
		if f, isNumber := v.float(); isNumber && f >= math.MaxInt64 {
			c.fail(ReasonTimeRange)
		} else {
			c.fail(ReasonTime)
		}
	}
	return 0
}

// enum reads a number from 0 to 255, or the name of one.
func (c *checks) enum(v scalar, names map[string]uint8, outOfRange string) uint8 {
	if v.kind == 'n' {
		return 0
	}
	if i, ok := v.integer(); ok {
		if i < 0 || i > math.MaxUint8 {
			c.fail(outOfRange)
		}
		return uint8(i)
	}
	i, ok := names[v.str()]
	if !ok {
		c.fail(ReasonEnum)
	}
	return i
}

func (c *checks) identity(s *analyzer.Span) {
	switch {
	case c.reason != "":
	case s.TraceID.IsZero():
		c.fail(ReasonTraceID)
	case s.ID.IsZero():
		c.fail(ReasonSpanID)
	}
}

var kindNames = map[string]uint8{
	"SPAN_KIND_UNSPECIFIED": 0, "SPAN_KIND_INTERNAL": 1, "SPAN_KIND_SERVER": 2, "SPAN_KIND_CLIENT": 3,
	"SPAN_KIND_PRODUCER": 4, "SPAN_KIND_CONSUMER": 5, "": 0,
}

var statusNames = map[string]uint8{"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2, "": 0}

// resourceMetrics hands one ResourceMetrics to pdata's decoder; false when its points could not be handed over.
func (j *jsonReader) resourceMetrics() bool {
	raw := j.capture(j.skip)
	if j.err != nil {
		return true
	}
	document := append(append([]byte(`{"resourceMetrics":[`), raw...), "]}"...)
	md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(document)
	if err != nil {
		j.refuse(j.where(), "metrics are no OTLP: "+err.Error(), 1)
		return true
	}
	return j.points(md) == nil
}

// points hands metric points over.
func (in *reading) points(md pmetric.Metrics) error {
	points := FromMetrics(md)
	in.summary.Points += len(points)
	if len(points) == 0 || in.options.Metrics == nil {
		return nil
	}
	in.stop = in.options.Metrics(points)
	return in.stop
}

func (j *jsonReader) resourceLogs() {
	for key := range j.fields {
		switch key {
		case "scopeLogs", "scope_logs", "instrumentationLibraryLogs", "instrumentation_library_logs":
			for range j.items {
				for key := range j.fields {
					if key != "logRecords" && key != "log_records" && key != "logs" {
						j.skip()
						continue
					}
					for range j.items {
						j.skip()
						j.summary.Logs++
					}
				}
			}
		default:
			j.skip()
		}
	}
}
