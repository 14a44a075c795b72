package ingest

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// JaegerWarnings is the attribute that keeps the warnings Jaeger put on a span, a list of strings.
const JaegerWarnings = "jaeger.warnings"

// A jaegerTrace is one trace of Jaeger's JSON while it is read. Its spans name processes that may come after them.
type jaegerTrace struct {
	hasSpans  bool
	internal  bool // it is a dump of the user interface's memory
	id        analyzer.TraceID
	spans     []analyzer.Span
	processes map[string]*analyzer.Resource
	described map[*analyzer.Resource]bool
	started   int64 // where in the input it begins
}

func newJaegerTrace(position int64) *jaegerTrace {
	return &jaegerTrace{
		started:   position,
		processes: map[string]*analyzer.Resource{},
		described: map[*analyzer.Resource]bool{},
	}
}

// process returns the resource of a process, to be described later if it is not yet.
func (t *jaegerTrace) process(id string) *analyzer.Resource {
	r, ok := t.processes[id]
	if !ok {
		r = &analyzer.Resource{}
		t.processes[id] = r
	}
	return r
}

// jaegerField reads one field of a trace.
func (j *jsonReader) jaegerField(t *jaegerTrace, key string) {
	switch key {
	case "traceID":
		var c checks
		c.id(t.id[:], j.scalar())
	case "spans":
		t.hasSpans = t.hasSpans || j.next() == '['
		for range j.items {
			if j.jaegerSpan(t); j.position()-t.started > int64(j.options.MaxRecord) {
				j.fail(fmt.Errorf("the trace is longer than %d bytes: raise the limit for one record to read it", j.options.MaxRecord))
			}
		}
	case "processes":
		for id := range j.fields {
			r := t.process(id)
			t.described[r] = true
			j.jaegerProcess(r)
		}
	}
}

func (j *jsonReader) jaegerProcess(r *analyzer.Resource) {
	for key := range j.fields {
		switch key {
		case "serviceName":
			name := analyzer.Attribute{Key: "service.name", Value: analyzer.String(j.text())}
			r.Attributes = append(analyzer.Attributes{name}, r.Attributes...)
		case "tags":
			r.Attributes = append(r.Attributes, j.jaegerTags()...)
		default:
			j.skip()
		}
	}
}

// finishJaeger takes in the spans of a trace that was read to its end, or to where it breaks.
func (j *jsonReader) finishJaeger(t *jaegerTrace, line string) {
	if t.internal {
		e := j.shape(namedShape("relativeStartTime"))
		j.refuse(line, e.Shape, len(t.spans))
		return
	}
	j.format("Jaeger JSON")
	lost := 0
	for i := range t.spans {
		s := &t.spans[i]
		if s.TraceID.IsZero() {
			s.TraceID = t.id
		}
		switch {
		case s.TraceID.IsZero():
			j.refuse(line, ReasonTraceID, 1)
			continue
		case !t.described[s.Resource] && j.err != nil:
			lost++ // its process was to come
			continue
		case !t.described[s.Resource]:
			j.summary.Warnings.Add("process_not_described", 1)
		}
		j.add(*s)
	}
	if lost > 0 {
		j.refuseFor(line, ReasonBroken, lost, fmt.Sprintf("spans lost with their processes, which were to come: %d", lost))
	}
}

func (j *jsonReader) jaegerSpan(t *jaegerTrace) {
	if j.next() != '{' {
		j.skip()
		j.refuse(j.where(), ReasonNoTrace, 1)
		return
	}
	var (
		s        analyzer.Span
		c        checks
		duration int64
		warnings []analyzer.Value
	)
	j.links = j.links[:0]
	for key := range j.fields {
		switch key {
		case "traceID":
			c.id(s.TraceID[:], j.scalar())
		case "spanID":
			c.id(s.ID[:], j.scalar())
		case "parentSpanID":
			c.id(s.Parent[:], j.scalar())
		case "flags":
			s.Flags = j.count()
		case "operationName":
			s.Name = j.text()
		case "references":
			for range j.items {
				j.jaegerReference()
			}
		case "startTime":
			s.Start = c.micros(j.scalar())
		case "duration":
			duration = c.micros(j.scalar())
		case "tags":
			s.Attributes = j.jaegerTags()
		case "logs":
			s.Events = j.jaegerLogs(&c)
		case "processID":
			s.Resource = t.process(j.text())
		case "process":
			s.Resource = &analyzer.Resource{}
			t.described[s.Resource] = true
			j.jaegerProcess(s.Resource)
		case "warnings":
			for range j.items {
				warnings = append(warnings, analyzer.String(j.text()))
			}
		case "relativeStartTime", "hasChildren", "subsidiarilyReferencedBy":
			t.internal = true
			j.skip()
		default:
			j.skip()
		}
	}
	if j.err != nil {
		return
	}
	if s.TraceID.IsZero() {
		s.TraceID = t.id
	}
	s.End = c.plus(s.Start, duration)
	if c.reason == "" && s.ID.IsZero() {
		c.fail(ReasonSpanID)
	}
	if c.reason != "" {
		j.refuse(j.where(), c.reason, 1)
		return
	}
	if s.Resource == nil {
		s.Resource = t.process("")
	}
	j.jaegerParent(&s)
	if len(warnings) > 0 {
		s.Attributes = append(s.Attributes, analyzer.Attribute{Key: JaegerWarnings, Value: analyzer.Array(warnings)})
	}
	j.fromTags(&s)
	t.spans = append(t.spans, s)
}

// jaegerReference reads one reference into j.links, as a link that says what it was.
func (j *jsonReader) jaegerReference() {
	var l analyzer.Link
	var c checks
	kind := analyzer.RefChildOf
	for key := range j.fields {
		switch key {
		case "refType":
			kind = strings.ToLower(j.text())
		case "traceID":
			c.id(l.TraceID[:], j.scalar())
		case "spanID":
			c.id(l.SpanID[:], j.scalar())
		default:
			j.skip()
		}
	}
	if j.err != nil {
		return
	}
	if c.reason != "" || l.SpanID.IsZero() {
		j.summary.Warnings.Add("reference_not_read", 1)
		return
	}
	l.Attributes = j.attributeRoom.keep([]analyzer.Attribute{{Key: analyzer.RefType, Value: analyzer.String(kind)}})
	j.links = append(j.links, l)
	j.limit(len(j.links))
}

// jaegerParent chooses the parent among the references in j.links and keeps those as links that a parent cannot state:
// several, one that follows, one to another trace.
func (j *jsonReader) jaegerParent(s *analyzer.Span) {
	var childOf, follows analyzer.SpanID
	for i := range j.links {
		l := &j.links[i]
		if l.TraceID.IsZero() {
			l.TraceID = s.TraceID
		}
		switch kind := l.Attributes.Text(analyzer.RefType); {
		case l.TraceID != s.TraceID:
		case kind == analyzer.RefChildOf && childOf.IsZero():
			childOf = l.SpanID
		case kind == analyzer.RefFollowsFrom && follows.IsZero():
			follows = l.SpanID
		}
	}
	switch {
	case !childOf.IsZero():
		s.Parent = childOf
	case !follows.IsZero():
		s.Parent = follows
	}
	if len(j.links) == 1 && !childOf.IsZero() {
		return
	}
	s.Links = j.linkRoom.keep(j.links)
}

func (j *jsonReader) jaegerLogs(c *checks) []analyzer.Event {
	j.events = j.events[:0]
	for range j.items {
		var e analyzer.Event
		for key := range j.fields {
			switch key {
			case "timestamp":
				e.Time = c.micros(j.scalar())
			case "fields":
				e.Attributes = j.jaegerTags()
			default:
				j.skip()
			}
		}
		for i, a := range e.Attributes {
			// The field "event" is what OpenTelemetry's exporters to Jaeger make of an event's name.
			if name, ok := a.Value.AsString(); ok && a.Key == "event" {
				e.Name = name
				e.Attributes = append(e.Attributes[:i:i], e.Attributes[i+1:]...)
				break
			}
		}
		j.events = append(j.events, e)
		j.limit(len(j.events))
	}
	return j.eventRoom.keep(j.events)
}
