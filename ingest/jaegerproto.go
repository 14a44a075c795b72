package ingest

import (
	"encoding/binary"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A JaegerModel converts spans of Jaeger's own model, as its gRPC api_v2 gives them, to the same spans as their JSON
// form does. Spans of equal processes share a Resource. The zero value is ready to use.
type JaegerModel struct {
	processes map[string]*analyzer.Resource
	scopes    map[[2]string]*analyzer.Scope
}

// Spans converts spans in their order. What has no identity or no representable time is left out and counted.
func (m *JaegerModel) Spans(list []model.Span) (spans []analyzer.Span, refused Refusals) {
	spans = make([]analyzer.Span, 0, len(list))
	for i := range list {
		s, reason := m.span(&list[i])
		if reason != "" {
			refused.Add(reason, 1)
			continue
		}
		spans = append(spans, s)
	}
	return spans, refused
}

func (m *JaegerModel) span(from *model.Span) (s analyzer.Span, reason string) {
	start, ok := nanosOf(from.StartTime)
	end := start + int64(from.Duration)
	s = analyzer.Span{
		TraceID:    traceIDOf(from.TraceID),
		ID:         spanIDOf(from.SpanID),
		Start:      start,
		End:        end,
		Name:       from.OperationName,
		Flags:      uint32(from.Flags),
		Attributes: modelTags(from.Tags),
		Resource:   m.resource(from.Process),
	}
	switch {
	case s.TraceID.IsZero():
		return s, ReasonTraceID
	case s.ID.IsZero():
		return s, ReasonSpanID
	case !ok || end < 0 || (from.Duration >= 0 && end < start):
		return s, ReasonTimeRange
	}
	for _, log := range from.Logs {
		at, ok := nanosOf(log.Timestamp)
		if !ok {
			return s, ReasonTimeRange
		}
		s.Events = append(s.Events, modelEvent(at, modelTags(log.Fields)))
	}
	modelReferences(&s, from.References)
	if len(from.Warnings) > 0 {
		list := make([]analyzer.Value, len(from.Warnings))
		for i, w := range from.Warnings {
			list[i] = analyzer.String(w)
		}
		s.Attributes = append(s.Attributes, analyzer.Attribute{Key: JaegerWarnings, Value: analyzer.Array(list)})
	}
	s.Scope = m.scope(fieldsFromTags(&s))
	return s, ""
}

// modelEvent makes the text field "event", which is what OpenTelemetry's exporters make of an event's name, the name.
func modelEvent(at int64, fields analyzer.Attributes) analyzer.Event {
	e := analyzer.Event{Time: at, Attributes: fields}
	for i, a := range fields {
		if name, ok := a.Value.AsString(); ok && a.Key == "event" {
			e.Name = name
			e.Attributes = append(fields[:i:i], fields[i+1:]...)
			break
		}
	}
	return e
}

// modelReferences chooses the parent and keeps those references as links that a parent cannot state: several, one that
// follows, one to another trace.
func modelReferences(s *analyzer.Span, references []model.SpanRef) {
	var childOf, follows analyzer.SpanID
	var links []analyzer.Link
	for _, r := range references {
		l := analyzer.Link{TraceID: traceIDOf(r.TraceID), SpanID: spanIDOf(r.SpanID)}
		if l.SpanID.IsZero() {
			continue
		}
		if l.TraceID.IsZero() {
			l.TraceID = s.TraceID
		}
		kind := analyzer.RefChildOf
		if r.RefType == model.SpanRefType_FOLLOWS_FROM {
			kind = analyzer.RefFollowsFrom
		}
		l.Attributes = analyzer.Attributes{{Key: analyzer.RefType, Value: analyzer.String(kind)}}
		links = append(links, l)
		switch {
		case l.TraceID != s.TraceID:
		case kind == analyzer.RefChildOf && childOf.IsZero():
			childOf = l.SpanID
		case kind == analyzer.RefFollowsFrom && follows.IsZero():
			follows = l.SpanID
		}
	}
	s.Parent = childOf
	if childOf.IsZero() {
		s.Parent = follows
	}
	if len(links) != 1 || childOf.IsZero() {
		s.Links = links
	}
}

func (m *JaegerModel) resource(p *model.Process) *analyzer.Resource {
	if p == nil {
		p = &model.Process{}
	}
	wire, err := p.Marshal()
	key := string(wire)
	if r, ok := m.processes[key]; ok && err == nil {
		return r
	}
	r := &analyzer.Resource{}
	if p.ServiceName != "" {
		r.Attributes = analyzer.Attributes{{Key: "service.name", Value: analyzer.String(p.ServiceName)}}
	}
	r.Attributes = append(r.Attributes, modelTags(p.Tags)...)
	if m.processes == nil || len(m.processes) == maxShared {
		m.processes = map[string]*analyzer.Resource{}
	}
	m.processes[key] = r
	return r
}

func (m *JaegerModel) scope(name, version string) *analyzer.Scope {
	key := [2]string{name, version}
	if s, ok := m.scopes[key]; ok {
		return s
	}
	if m.scopes == nil || len(m.scopes) == maxShared {
		m.scopes = map[[2]string]*analyzer.Scope{}
	}
	s := &analyzer.Scope{Name: name, Version: version}
	m.scopes[key] = s
	return s
}

func modelTags(tags []model.KeyValue) analyzer.Attributes {
	if len(tags) == 0 {
		return nil
	}
	list := make(analyzer.Attributes, len(tags))
	for i := range tags {
		t := &tags[i]
		list[i].Key = t.Key
		switch t.VType {
		case model.ValueType_BOOL:
			list[i].Value = analyzer.Bool(t.VBool)
		case model.ValueType_INT64:
			list[i].Value = analyzer.Int(t.VInt64)
		case model.ValueType_FLOAT64:
			list[i].Value = analyzer.Double(t.VFloat64)
		case model.ValueType_BINARY:
			list[i].Value = analyzer.Bytes(t.VBinary)
		default:
			list[i].Value = analyzer.String(t.VStr)
		}
	}
	return list
}

func traceIDOf(from model.TraceID) (id analyzer.TraceID) {
	binary.BigEndian.PutUint64(id[:8], from.High)
	binary.BigEndian.PutUint64(id[8:], from.Low)
	return id
}

func spanIDOf(from model.SpanID) (id analyzer.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(from))
	return id
}

// nanosOf reports whether t lies in the years that spans can have.
func nanosOf(t time.Time) (ns int64, ok bool) {
	const lastSecond = 1<<63/1_000_000_000 - 1
	return t.UnixNano(), t.Unix() >= 0 && t.Unix() <= lastSecond
}
