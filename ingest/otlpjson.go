package ingest

import (
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A spanGroup is one ResourceSpans while it is read. Its spans wait until it ends, because what belongs to all of them
// may come last. One above the record limit is handed over in parts, and what comes after its first part is too late.
type spanGroup struct {
	resource     *analyzer.Resource
	resourceSeen bool
	scopeSeen    bool  // of the scope that is being read
	first        int   // of its spans in the batch
	started      int64 // where in the input the current part began
	handed       bool  // a part was handed over
}

// resourceSpans reads one ResourceSpans; false when its spans could not be handed over.
func (j *jsonReader) resourceSpans() bool {
	g := &spanGroup{resource: &analyzer.Resource{}, first: len(j.batch), started: j.position()}
	for key := range j.fields {
		switch key {
		case "resource":
			g.resourceSeen = true
			j.shareable(g, key, func() { j.otlpResource(g.resource) })
		case "schemaUrl", "schema_url":
			j.shareable(g, "schema_url", func() { g.resource.SchemaURL = j.text() })
		case "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans":
			for range j.items {
				j.scopeSpans(g)
			}
		default:
			j.skip()
		}
	}
	if !g.resourceSeen {
		j.loseFrom(g.first, "resource")
	}
	return j.flush(batchSpans) == nil
}

// loseFrom takes back the spans of something broken whose resource or scope may have been to come: without it they are
// not what was sent.
func (j *jsonReader) loseFrom(first int, what string) {
	lost := len(j.batch) - first
	if j.err == nil || lost <= 0 {
		return
	}
	j.refuseFor(j.where(), ReasonBroken, lost, fmt.Sprintf("spans lost with their %s, which was to come: %d", what, lost))
	clear(j.batch[first:])
	j.batch = j.batch[:first]
}

// shareable reads what all spans of a group share, unless some of them have gone without it.
func (j *jsonReader) shareable(g *spanGroup, what string, read func()) {
	if g.handed {
		j.summary.Warnings.Add("late_"+what, 1)
		j.skip()
		return
	}
	read()
}

func (j *jsonReader) otlpResource(r *analyzer.Resource) {
	for key := range j.fields {
		switch key {
		case "attributes":
			r.Attributes = j.attributes()
		case "droppedAttributesCount", "dropped_attributes_count":
			r.DroppedAttributes = j.count()
		default:
			j.skip()
		}
	}
}

func (j *jsonReader) scopeSpans(g *spanGroup) {
	scope := &analyzer.Scope{}
	begun := g.handed
	g.handed, g.scopeSeen = false, false // no span of this scope has gone yet
	first := len(j.batch)
	for key := range j.fields {
		switch key {
		case "scope", "instrumentationLibrary", "instrumentation_library":
			g.scopeSeen = true
			j.shareable(g, "scope", func() { j.otlpScope(scope) })
		case "schemaUrl", "schema_url":
			j.shareable(g, "schema_url", func() { scope.SchemaURL = j.text() })
		case "spans":
			for range j.items {
				j.otlpSpan(g.resource, scope)
				if j.position()-g.started > int64(j.options.MaxRecord) && !j.handOver(g) {
					return
				}
			}
		default:
			j.skip()
		}
	}
	if g.handed {
		first = 0
	}
	if !g.scopeSeen {
		j.loseFrom(first, "scope")
	}
	g.handed = g.handed || begun
}

// handOver hands a part of a large group over.
func (j *jsonReader) handOver(g *spanGroup) bool {
	if !g.resourceSeen {
		j.fail(fmt.Errorf("the resource of these spans comes after more than %d bytes of them: raise the limit for one record to read them",
			j.options.MaxRecord))
		return false
	}
	if j.flush(0) != nil {
		j.fail(j.stop)
		return false
	}
	g.handed, g.first, g.started = true, 0, j.position()
	return true
}

func (j *jsonReader) otlpScope(scope *analyzer.Scope) {
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
			s.Attributes = j.wantedAttributes(j.options.Attributes)
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
		j.limit(len(j.events))
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
		j.limit(len(j.links))
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
