package ingest

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// fromTags sets what Jaeger and Zipkin spans can only say in tags: kind, status, trace state and scope, by the names
// that OpenTelemetry's exporters use for them. The tags stay.
func (j *jsonReader) fromTags(s *analyzer.Span) {
	var name, version string
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
	s.Scope = j.sharedScope(name, version)
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

// micros reads microseconds and returns nanoseconds. Fractions of a microsecond count to the nanosecond.
func (c *checks) micros(v scalar) int64 {
	if v.kind == 'n' {
		return 0
	}
	if whole, fraction, ok := bytes.Cut(v.text, []byte(".")); ok && v.kind == '0' && !bytes.ContainsAny(fraction, "eE") {
		us, err := strconv.ParseInt(string(whole), 10, 64)
		ns, err2 := strconv.ParseInt((string(fraction) + "000")[:3], 10, 64)
		if err == nil && err2 == nil {
			if v.text[0] == '-' {
				ns = -ns
			}
			return c.plus(c.times1000(us), ns)
		}
	}
	us, ok := v.integer()
	if !ok {
		c.fail(ReasonTime)
		return 0
	}
	return c.times1000(us)
}

func (c *checks) times1000(us int64) int64 {
	if us > math.MaxInt64/1000 || us < math.MinInt64/1000 {
		c.fail(ReasonTimeRange)
		return 0
	}
	return us * 1000
}

func (c *checks) plus(a, b int64) int64 {
	sum := a + b
	if sum < 0 || a < 0 || (b >= 0 && sum < a) {
		c.fail(ReasonTimeRange)
		return 0
	}
	return sum
}
