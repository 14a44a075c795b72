package source

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/ingest"
)

// jaegerV3GRPC is Jaeger's api_v3 over gRPC. Its answers are OTLP.
type jaegerV3GRPC struct{ grpc *grpcClient }

const jaegerV3Service = "/jaeger.api_v3.QueryService/"

func (*jaegerV3GRPC) name() string         { return JaegerV3GRPC }
func (*jaegerV3GRPC) grain() time.Duration { return time.Microsecond }
func (*jaegerV3GRPC) losses() []Loss       { return []Loss{lossBackend} }
func (*jaegerV3GRPC) anyService() bool     { return false }
func (j *jaegerV3GRPC) traceLink() string  { return j.grpc.link }
func (j *jaegerV3GRPC) close() error       { return j.grpc.close() }

func (j *jaegerV3GRPC) services(ctx context.Context) ([]string, error) {
	var reply wire
	if err := j.grpc.call(ctx, jaegerV3Service+"GetServices", &wire{}, &reply); err != nil {
		return nil, err
	}
	var names []string
	err := reply.fields(func(field protowire.Number, value []byte) error {
		if field == 1 {
			names = append(names, string(value))
		}
		return nil
	})
	return names, err
}

func (j *jaegerV3GRPC) operations(ctx context.Context, service string) ([]Operation, error) {
	request, reply := wire{}, wire{}
	request.text(1, service)
	if err := j.grpc.call(ctx, jaegerV3Service+"GetOperations", &request, &reply); err != nil {
		return nil, err
	}
	var list []Operation
	err := reply.fields(func(field protowire.Number, value []byte) error {
		if field != 1 {
			return nil
		}
		var o Operation
		err := (&wire{value}).fields(func(field protowire.Number, value []byte) error {
			switch field {
			case 1:
				o.Name = string(value)
			case 2:
				o.Kind = string(value)
			}
			return nil
		})
		list = append(list, o)
		return err
	})
	return list, err
}

func (j *jaegerV3GRPC) find(ctx context.Context, s search) (*found, error) {
	var query, request wire
	if s.service != "" {
		query.text(1, s.service)
	}
	query.timestamp(4, s.from)
	query.timestamp(5, s.to)
	query.number(8, uint64(s.depth))
	query.number(9, 1) // raw_traces: as stored, without adjusted clocks
	request.bytes(1, query.data)
	f, ids := newFound(), map[pcommon.TraceID]bool{}
	err := j.grpc.stream(ctx, jaegerV3Service+"FindTraces", &request, func() message { return &wire{} }, func(m message) error {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(m.(*wire).data)
		if err != nil {
			return &temporaryError{err: fmt.Errorf("a trace does not decode: %w", err)}
		}
		f.addOTLP(td, ids)
		return nil
	})
	return f, err
}

// addOTLP takes the spans of td in and counts their traces.
func (f *found) addOTLP(td ptrace.Traces, ids map[pcommon.TraceID]bool) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				ids[s.TraceID()] = true
			}
		}
	}
	f.hits = len(ids)
	spans, refused := ingest.FromTraces(td)
	f.add(spans)
	f.refuse(refused)
}

// jaegerV3HTTP is Jaeger's api_v3 over HTTP. Its answers are OTLP JSON.
type jaegerV3HTTP struct{ http *httpClient }

func (*jaegerV3HTTP) name() string         { return JaegerV3HTTP }
func (*jaegerV3HTTP) grain() time.Duration { return time.Microsecond }
func (*jaegerV3HTTP) losses() []Loss       { return []Loss{lossBackend} }
func (*jaegerV3HTTP) anyService() bool     { return false }
func (j *jaegerV3HTTP) traceLink() string  { return jaegerLink(j.http.base) }
func (j *jaegerV3HTTP) close() error       { return j.http.close() }

func (j *jaegerV3HTTP) services(ctx context.Context) ([]string, error) {
	var reply struct {
		Services *[]string `json:"services"`
	}
	if err := j.http.getJSON(ctx, "/api/v3/services", nil, &reply); err != nil {
		return nil, err
	}
	if reply.Services == nil {
		return nil, nil // without services the field is left out
	}
	return *reply.Services, nil
}

func (j *jaegerV3HTTP) operations(ctx context.Context, service string) ([]Operation, error) {
	var reply struct {
		Operations []struct {
			Name  string `json:"name"`
			Kind  string `json:"spanKind"`
			Kind2 string `json:"span_kind"`
		} `json:"operations"`
	}
	err := j.http.getJSON(ctx, "/api/v3/operations", url.Values{"service": {service}}, &reply)
	var list []Operation
	for _, o := range reply.Operations {
		list = append(list, Operation{o.Name, o.Kind + o.Kind2})
	}
	return list, err
}

func (j *jaegerV3HTTP) find(ctx context.Context, s search) (*found, error) {
	depth := strconv.Itoa(s.depth)
	query := url.Values{
		"query.start_time_min": {s.from.UTC().Format(time.RFC3339Nano)},
		"query.start_time_max": {s.to.UTC().Format(time.RFC3339Nano)},
		"query.search_depth":   {depth},
		"query.num_traces":     {depth}, // its former name
		"query.raw_traces":     {"true"},
	}
	if s.service != "" {
		query.Set("query.service_name", s.service)
	}
	const path = "/api/v3/traces"
	a, err := j.http.get(ctx, path, query, "application/json")
	if err != nil {
		return nil, err
	}
	if a.isPage() {
		return nil, fmt.Errorf("GET %s: the answer is a web page: %w", path, errNotSpoken)
	}
	return decodeV3(path, a)
}

// A v3Answer is one of the JSON documents that an answer of api_v3 consists of.
type v3Answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code     int    `json:"httpCode"`
		GRPCCode int    `json:"grpcCode"`
		Message  string `json:"message"`
	} `json:"error"`
}

// decodeV3 reads an answer: one document, or, when it was streamed, several in a row.
func decodeV3(path string, a *answer) (*found, error) {
	f, ids := newFound(), map[pcommon.TraceID]bool{}
	documents := json.NewDecoder(strings.NewReader(string(a.body)))
	for n := 0; ; n++ {
		if n > 0 && !documents.More() {
			return f, nil
		}
		var document v3Answer
		if err := documents.Decode(&document); err != nil {
			return nil, &temporaryError{err: fmt.Errorf("GET %s: the answer of %d bytes is no whole JSON: %w", path, len(a.body), err)}
		}
		switch e := document.Error; {
		case e != nil && e.Code == http.StatusNotFound && a.status == http.StatusNotFound:
			return f, nil // that is how it says that there are no such traces
		case e != nil:
			err := fmt.Errorf("GET %s: Jaeger says: %s", path, says([]byte(e.Message)))
			if e.Code == http.StatusServiceUnavailable || e.Code == http.StatusTooManyRequests {
				return nil, &temporaryError{err: err}
			}
			return nil, err
		case a.status == http.StatusNotFound:
			return nil, fmt.Errorf("GET %s: 404 Not Found%s: %w", path, says(a.body), errNotSpoken)
		case document.Result == nil:
			return nil, fmt.Errorf("GET %s: the answer has no result%s", path, says(a.body))
		}
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(document.Result)
		if err != nil {
			return nil, &temporaryError{err: fmt.Errorf("GET %s: the traces do not decode: %w", path, err)}
		}
		f.addOTLP(td, ids)
	}
}

// A wire is a protobuf message as its bytes.
type wire struct{ data []byte }

func (w *wire) Marshal() ([]byte, error) { return w.data, nil }
func (w *wire) Unmarshal(b []byte) error { w.data = b; return nil }

func (w *wire) bytes(field protowire.Number, value []byte) {
	w.data = protowire.AppendBytes(protowire.AppendTag(w.data, field, protowire.BytesType), value)
}

func (w *wire) text(field protowire.Number, value string) { w.bytes(field, []byte(value)) }

func (w *wire) number(field protowire.Number, value uint64) {
	w.data = protowire.AppendVarint(protowire.AppendTag(w.data, field, protowire.VarintType), value)
}

func (w *wire) timestamp(field protowire.Number, t time.Time) {
	var ts wire
	ts.number(1, uint64(t.Unix()))
	ts.number(2, uint64(t.Nanosecond()))
	w.bytes(field, ts.data)
}

// fields calls take for each field that holds bytes.
func (w *wire) fields(take func(protowire.Number, []byte) error) error {
	for b := w.data; len(b) > 0; {
		field, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("the answer does not decode: %w", protowire.ParseError(n))
		}
		b = b[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, typ, b); n < 0 {
				return fmt.Errorf("the answer does not decode: %w", protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return fmt.Errorf("the answer does not decode: %w", protowire.ParseError(n))
		}
		if err := take(field, value); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
