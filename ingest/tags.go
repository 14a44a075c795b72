package ingest

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// fromTags sets what Jaeger and Zipkin spans can only say in tags: kind, status, trace state and scope. The tags stay.
func (j *jsonReader) fromTags(s *analyzer.Span) { s.Scope = j.sharedScope(fieldsFromTags(s)) }

// fieldsFromTags sets kind, status and trace state from the tags that OpenTelemetry's exporters use for them, and
// returns what they say of the scope.
func fieldsFromTags(s *analyzer.Span) (name, version string) {
	for _, a := range s.Attributes {
		text, _ := a.Value.AsString()
		switch a.Key {
		case "span.kind":
			if kind, ok := tagKinds[strings.ToLower(text)]; ok {
				s.Kind = kind
			}
		case "otel.status_code":
			switch strings.ToUpper(text) {
			case "OK":
				s.Status = analyzer.StatusOK
			case "ERROR":
				s.Status = analyzer.StatusError
			}
		case "otel.status_description":
			s.StatusMessage = text
		case "w3c.tracestate":
			s.TraceState = text
		case "otel.scope.name", "otel.library.name":
			name = text
		case "otel.scope.version", "otel.library.version":
			version = text
		}
	}
	if s.Status == analyzer.StatusUnset {
		if v, ok := s.Attributes.Get("error"); ok && meansError(v) {
			s.Status = analyzer.StatusError
		}
	}
	return name, version
}

// meansError reads the tag "error": true, "true", or, with Zipkin, a message.
func meansError(v analyzer.Value) bool {
	if b, ok := v.AsBool(); ok {
		return b
	}
	text, ok := v.AsString()
	return ok && text != "false"
}

var tagKinds = map[string]analyzer.SpanKind{
	"internal": analyzer.SpanKindInternal, "server": analyzer.SpanKindServer, "client": analyzer.SpanKindClient,
	"producer": analyzer.SpanKindProducer, "consumer": analyzer.SpanKindConsumer,
}

// maxShared bounds how many scopes or resources are remembered so that spans can share them.
const maxShared = 4096

func (j *jsonReader) sharedScope(name, version string) *analyzer.Scope {
	key := [2]string{name, version}
	if scope, ok := j.scopes[key]; ok {
		return scope
	}
	if j.scopes == nil || len(j.scopes) == maxShared {
		j.scopes = map[[2]string]*analyzer.Scope{}
	}
	scope := &analyzer.Scope{Name: name, Version: version}
	j.scopes[key] = scope
	return scope
}

func (j *jsonReader) sharedService(name string) *analyzer.Resource {
	if r, ok := j.services[name]; ok {
		return r
	}
	if j.services == nil || len(j.services) == maxShared {
		j.services = map[string]*analyzer.Resource{}
	}
	r := &analyzer.Resource{}
	if name != "" {
		r.Attributes = analyzer.Attributes{{Key: "service.name", Value: analyzer.String(name)}}
	}
	j.services[name] = r
	return r
}
