package ingest

import (
	"errors"
	"fmt"
	"io"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A jsonReader reads documents of every JSON format. Which format a document has is known from its keys, and one file
// may mix them.
type jsonReader struct {
	*reading
	*jsonStream
	slabs
	scratch []analyzer.Attribute // attributes of the maps that are being read, innermost last
	values  []analyzer.Value
	events  []analyzer.Event
	links   []analyzer.Link

	scopes   map[[2]string]*analyzer.Scope // that Jaeger and Zipkin spans share
	services map[string]*analyzer.Resource // that Zipkin spans share
}

// slabs are the storage that what belongs to spans is cut from.
type slabs struct {
	attributeRoom slab[analyzer.Attribute]
	eventRoom     slab[analyzer.Event]
	linkRoom      slab[analyzer.Link]
}

// A slab cuts small slices from large ones.
type slab[T any] struct{ free []T }

// keep returns a copy of list; nil when it is empty.
func (s *slab[T]) keep(list []T) []T {
	n := len(list)
	if n == 0 {
		return nil
	}
	if len(s.free) < n {
		s.free = make([]T, max(n, 2048))
	}
	kept := s.free[:n:n]
	s.free = s.free[n:]
	copy(kept, list)
	return kept
}

// readJSON reads values one after another. In lines, a line break ends a value, and what is broken costs its line only;
// else it costs what follows up to the next line that starts with a bracket.
func (in *reading) readJSON(r io.Reader, lines bool) error {
	j := &jsonReader{reading: in, jsonStream: newJSONStream(r, in.options.MaxRecord)}
	j.lineEnds = lines
	defer func() { in.summary.Warnings.Add("invalid_utf8", j.invalidUTF8) }()
	j.skipMark()
	for {
		if j.next() == 0 && j.err == nil {
			break
		}
		line := j.line
		kept := len(in.batch) + in.summary.Spans
		j.document()
		if j.err == nil && lines {
			j.lineRest()
		}
		if in.stop != nil {
			return in.stop
		}
		if err := j.err; err != nil {
			if errors.Is(err, j.readErr) {
				return err // not of the JSON
			}
			if lines {
				line = j.line
			}
			reason := err.Error()
			if n := len(in.batch) + in.summary.Spans - kept; n > 0 {
				reason += fmt.Sprintf(" (spans before that are kept: %d)", n)
			}
			in.refuseBroken(line, j.line, reason)
			if !j.resume() {
				if j.err != nil {
					return j.err
				}
				break
			}
		}
		if err := in.flush(batchSpans); err != nil {
			return err
		}
	}
	return nil
}

// ReasonBroken counts lines and documents that are no JSON; the details say what is wrong with each.
const ReasonBroken = "broken JSON"

func (in *reading) refuseBroken(from, at int, reason string) {
	where := fmt.Sprint(at)
	if at != from {
		reason += fmt.Sprintf(" (in the value that starts in line %d)", from)
	}
	in.refuseFor(where, ReasonBroken, 1, reason)
}

// skipMark passes over a byte-order mark.
func (s *jsonStream) skipMark() {
	for s.end-s.pos < 3 && s.fill() {
	}
	if s.end-s.pos >= 3 && string(s.buf[s.pos:s.pos+3]) == "\xef\xbb\xbf" {
		s.pos += 3
	}
}

// lineRest fails if something follows a value on its line.
func (j *jsonReader) lineRest() {
	line := j.line
	if j.next() != 0 && j.line == line {
		j.fail(errors.New("invalid JSON: something follows the value on its line"))
	}
}

// resume moves behind something broken; false at the end of the input.
func (j *jsonReader) resume() bool {
	for j.nextLine() {
		if j.lineEnds {
			return true
		}
		if j.pos < j.end || j.fill() {
			if b := j.buf[j.pos]; b == '{' || b == '[' {
				return true
			}
		}
	}
	return false
}

func (j *jsonReader) where() string { return fmt.Sprint(j.line) }

// document reads a top-level value: an object of a known format, or an array of them.
func (j *jsonReader) document() {
	switch j.next() {
	case '{':
		j.object()
	case '[':
		j.array()
	default:
		j.skip()
		if j.err == nil && j.depth == 0 && j.lineEnds {
			j.lineRest()
		}
		if j.err == nil {
			j.refuse(j.where(), ReasonNoTrace, 1)
		}
	}
}

// array reads documents in an array, which may be arrays again, as Zipkin's answers are, and returns how many.
func (j *jsonReader) array() (n int) {
	for range j.items {
		j.document()
		n++
		if err := j.flush(batchSpans); err != nil {
			j.fail(err)
		}
	}
	return n
}

// ReasonNoTrace counts JSON values that are well-formed and hold nothing that is known.
const ReasonNoTrace = "no spans, metrics or logs in this value"

// object reads a top-level object. Its keys decide what it is.
func (j *jsonReader) object() {
	var (
		line   = j.where()
		known  bool
		jaeger *jaegerTrace
		zipkin zipkinSpan
		named  string
	)
	for key := range j.fields {
		switch key {
		case "resourceSpans", "resource_spans", "batches":
			known = true
			j.format(map[bool]string{true: "Tempo JSON", false: "OTLP JSON"}[key == "batches"])
			for range j.items {
				if !j.resourceSpans() {
					return
				}
			}
		case "resourceMetrics", "resource_metrics":
			known = true
			j.format("OTLP JSON")
			for range j.items {
				if !j.resourceMetrics() {
					return
				}
			}
		case "resourceLogs", "resource_logs":
			known = true
			j.format("OTLP JSON")
			for range j.items {
				j.resourceLogs()
			}
		case "trace", "result": // Tempo's and Jaeger's APIs wrap OTLP in these
			if j.next() == '{' {
				known = true
				j.object()
			} else {
				j.skip()
			}
		case "data", "traces": // Jaeger's answers, Tempo's search results
			switch j.next() {
			case '{':
				known = true
				j.object()
			case '[':
				known = true
				if j.array() == 0 && key == "data" {
					j.format("Jaeger JSON") // an answer without traces
				}
			default:
				j.skip()
			}
		case "traceID", "spans", "processes":
			if jaeger == nil {
				jaeger = newJaegerTrace(j.position())
			}
			j.jaegerField(jaeger, key)
		default:
			if shape, advice := namedShape(key); shape != "" {
				j.shape(shape, advice)
				named = shape
				j.skip()
			} else if !j.zipkinField(&zipkin, key) {
				j.skip()
			}
		}
	}
	switch {
	case j.err != nil:
		if jaeger != nil {
			j.finishJaeger(jaeger, line)
		}
	case jaeger != nil && jaeger.hasSpans:
		j.finishJaeger(jaeger, line)
	case known:
	case named != "":
		j.refuse(line, named, 1)
	case zipkin.isSpan():
		j.finishZipkin(&zipkin, line)
	default:
		j.refuse(line, ReasonNoTrace, 1)
	}
}

// namedShape tells formats that hold no spans, or none that can be read, by a key that only they have.
func namedShape(key string) (shape, advice string) {
	switch key {
	case "traceEvents":
		return "a profiler's timeline (Chrome trace, PyTorch Kineto)",
			"it has no requests; record spans with OpenTelemetry, and give timelines to a trace viewer such as Perfetto"
	case "rootServiceName", "rootTraceName", "spanSet", "spanSets":
		return "Tempo search results",
			"they list traces without their spans; fetch each with GET /api/traces/{traceID} and read that answer"
	case "relativeStartTime", "hasChildren", "subsidiarilyReferencedBy":
		return "a trace as Jaeger's user interface keeps it in memory",
			"fetch it from Jaeger's API (GET /api/traces/{traceID}) or use \"Trace JSON\" in the trace's menu"
	case "binaryAnnotations":
		return "Zipkin v1 spans", "export them in Zipkin's v2 format (GET /api/v2/traces)"
	case "observations", "parentObservationId", "projectId":
		return "Langfuse's own records", "export the traces as OTLP, or send OTLP to slowtoken beside Langfuse"
	case "run_type", "dotted_order", "child_runs":
		return "LangSmith's own records", "export the traces as OTLP (LANGSMITH_OTEL_ENABLED=true sends them)"
	case "SpanContext", "context", "span_context":
		return "spans as an SDK's console exporter prints them",
			"use the SDK's OTLP exporter, or the collector's file exporter"
	case "swagger", "openapi":
		return "an API description", "name the file of traces itself"
	}
	return "", ""
}
