package ingest

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Attributes that keep what Zipkin says of a span and OpenTelemetry has no field for.
const (
	ZipkinShared = "zipkin.shared" // true: the server's half of a span whose id the client's half has, too
	ZipkinDebug  = "zipkin.debug"
)

// A zipkinSpan is one object that may turn out to be a span of Zipkin v2.
type zipkinSpan struct {
	span     analyzer.Span
	checks   checks
	hasTrace bool
	hasID    bool
	duration int64
	timed    bool
	ended    bool
	service  string
	extra    analyzer.Attributes // endpoints, shared, debug
}

func (z *zipkinSpan) isSpan() bool { return z.hasTrace && z.hasID }

// zipkinField reads one field of a span; false, and nothing read, when Zipkin has no such field.
func (j *jsonReader) zipkinField(z *zipkinSpan, key string) bool {
	switch key {
	case "traceId":
		z.hasTrace = true
		z.checks.id(z.span.TraceID[:], j.scalar())
	case "id":
		z.hasID = true
		z.checks.id(z.span.ID[:], j.scalar())
	case "parentId":
		z.checks.id(z.span.Parent[:], j.scalar())
	case "name":
		z.span.Name = j.text()
	case "kind":
		z.span.Kind = tagKinds[strings.ToLower(j.text())]
	case "timestamp":
		z.span.Start = z.checks.micros(j.scalar())
		z.timed = z.span.Start != 0
	case "duration":
		z.duration = z.checks.micros(j.scalar())
		z.ended = true
	case "localEndpoint":
		z.service = j.zipkinEndpoint(z, "local")
	case "remoteEndpoint":
		if peer := j.zipkinEndpoint(z, "peer"); peer != "" {
			z.add("peer.service", analyzer.String(peer))
		}
	case "annotations":
		z.span.Events = j.zipkinAnnotations(&z.checks)
	case "tags":
		from := len(j.scratch)
		for key := range j.fields {
			j.scratch = append(j.scratch, analyzer.Attribute{Key: key, Value: analyzer.String(j.text())})
			j.limit(len(j.scratch))
		}
		z.span.Attributes = j.attributeRoom.keep(j.scratch[from:])
		clear(j.scratch[from:])
		j.scratch = j.scratch[:from]
	case "shared", "debug":
		if j.scalar().kind == 't' {
			z.add("zipkin."+key, analyzer.Bool(true))
		}
	default:
		return false
	}
	return true
}

func (z *zipkinSpan) add(key string, value analyzer.Value) {
	z.extra = append(z.extra, analyzer.Attribute{Key: key, Value: value})
}

// zipkinEndpoint returns the service's name and keeps the addresses as attributes.
func (j *jsonReader) zipkinEndpoint(z *zipkinSpan, side string) (service string) {
	address := "network." + side + ".address"
	for key := range j.fields {
		switch key {
		case "serviceName":
			service = j.text()
		case "ipv4", "ipv6":
			ip := analyzer.String(j.text())
			if _, taken := z.extra.Get(address); taken {
				z.add("zipkin."+side+"."+key, ip)
			} else {
				z.add(address, ip)
			}
		case "port":
			if port, ok := j.scalar().integer(); ok && port != 0 {
				z.add("network."+side+".port", analyzer.Int(port))
			}
		default:
			j.skip()
		}
	}
	return service
}

func (j *jsonReader) zipkinAnnotations(c *checks) []analyzer.Event {
	j.events = j.events[:0]
	for range j.items {
		var e analyzer.Event
		for key := range j.fields {
			switch key {
			case "timestamp":
				e.Time = c.micros(j.scalar())
			case "value":
				e.Name = j.text()
			default:
				j.skip()
			}
		}
		j.events = append(j.events, e)
		j.limit(len(j.events))
	}
	return j.eventRoom.keep(j.events)
}

// ReasonNoTimestamp counts Zipkin spans that cannot be placed in time.
const ReasonNoTimestamp = "span has neither a timestamp nor annotations"

// finishZipkin takes in a span that was read to its end. The two halves of a shared span stay two spans with one id:
// that is how they were sent, and only the whole trace tells which is whose parent.
func (j *jsonReader) finishZipkin(z *zipkinSpan, line string) {
	j.format("Zipkin JSON")
	s := &z.span
	if !z.timed {
		for _, e := range s.Events {
			if !z.timed || e.Time < s.Start {
				s.Start, z.timed = e.Time, true
			}
		}
		if !z.timed {
			z.checks.fail(ReasonNoTimestamp)
		}
	}
	s.End = z.checks.plus(s.Start, z.duration)
	z.checks.identity(s)
	if z.checks.reason != "" {
		j.refuse(line, z.checks.reason, 1)
		return
	}
	if !z.ended {
		j.summary.Warnings.Add("no_duration", 1)
	}
	s.Resource = j.sharedService(z.service)
	kind := s.Kind
	j.fromTags(s)
	if kind != analyzer.SpanKindUnspecified {
		s.Kind = kind
	}
	if s.Status == analyzer.StatusError && s.StatusMessage == "" {
		if text := s.Attributes.Text("error"); text != "true" {
			s.StatusMessage = text
		}
	}
	s.Attributes = append(s.Attributes[:len(s.Attributes):len(s.Attributes)], z.extra...)
	j.add(*s)
}
