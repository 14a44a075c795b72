package source_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A backend holds traces and finds them as Jaeger's memory storage does: a trace is found when a span of the service
// starts in the range, both ends included; the newest first, and no more than the depth.
type backend struct {
	traces [][]analyzer.Span
	cap    int // most traces that any search gives; 0 for no limit of its own
	rows   int // most spans that a search looks at for each trace asked for, as Jaeger on Cassandra; 0 for no limit
}

func serviceOf(s *analyzer.Span) string { return s.Resource.Attributes.Text("service.name") }

func (b *backend) services() []string {
	var names []string
	for _, t := range b.traces {
		for i := range t {
			if n := serviceOf(&t[i]); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

func (b *backend) find(service string, from, to int64, depth int) (list [][]analyzer.Span) {
	if b.cap > 0 {
		depth = min(depth, b.cap)
	}
	rows := b.rows * depth
	for _, t := range slices.Backward(b.traces) {
		if len(list) == depth || (b.rows > 0 && rows <= 0) {
			break
		}
		matches := 0
		for i := range t {
			if s := &t[i]; (service == "" || service == serviceOf(s)) && from <= s.Start && s.Start <= to {
				matches++
			}
		}
		if rows -= matches; matches > 0 {
			list = append(list, t)
		}
	}
	return list
}

// traffic makes n traces of two services each, spread over a time.
func traffic(n int, start time.Time, spread time.Duration) *backend {
	b := &backend{}
	chat := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("chat")}}}
	engine := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("engine")}}}
	for i := range n {
		at := start.Add(spread * time.Duration(i) / time.Duration(n)).Truncate(time.Microsecond).UnixNano()
		b.traces = append(b.traces, twoSpans(i, at, chat, engine))
	}
	return b
}

func twoSpans(i int, at int64, chat, engine *analyzer.Resource) []analyzer.Span {
	var id analyzer.TraceID
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	id[0] = 1
	scope := &analyzer.Scope{}
	return []analyzer.Span{
		{TraceID: id, ID: analyzer.SpanID{1}, Start: at, End: at + 2_000_000, Name: "chat", Kind: analyzer.SpanKindServer, Resource: chat, Scope: scope},
		{TraceID: id, ID: analyzer.SpanID{2}, Parent: analyzer.SpanID{1}, Start: at + 1000, End: at + 1_900_000, Name: "llm_request", Kind: analyzer.SpanKindServer,
			Attributes: analyzer.Attributes{{Key: "n", Value: analyzer.Int(int64(i))}}, Resource: engine, Scope: scope},
	}
}

// A server speaks APIs of Jaeger and Tempo over a backend, with faults when asked for.
type server struct {
	*backend
	mu     sync.Mutex
	faults []fault // of the requests for traces, in turn
	asked  []string
	header http.Header // of the last request
}

// A fault takes over one answer.
type fault struct {
	name       string
	status     int           // answer with it instead
	retryAfter string        // with this header
	cut        bool          // end the connection in the middle of the body
	truncated  bool          // leave out the second half of the body, and say nothing
	slow       bool          // say nothing until the client gives up
	code       codes.Code    // of gRPC, instead of an answer
	midStream  bool          // after the first trace
	delay      time.Duration // that a gRPC error asks for
}

func (s *server) next() (f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	return f
}

func (s *server) note(what string, h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.header = append(s.asked, what), h
}

func (s *server) requests(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// answer sends a body, or the fault in its place.
func (s *server) answer(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	f := s.next()
	switch {
	case f.slow:
		<-r.Context().Done()
		return
	case f.status != 0:
		if f.retryAfter != "" {
			w.Header().Set("Retry-After", f.retryAfter)
		}
		http.Error(w, "not now", f.status)
		return
	case f.cut:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case f.truncated:
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body)
}

// httpAPIs serves the HTTP APIs that are named, and for every other path a web page, as Jaeger's user interface does.
func (s *server) httpAPIs(names ...string) http.Handler {
	mux := http.NewServeMux()
	for _, name := range names {
		switch name {
		case "v3":
			mux.HandleFunc("GET /api/v3/services", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"services": s.services()}) })
			mux.HandleFunc("GET /api/v3/operations", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"operations": []map[string]string{{"name": "chat", "spanKind": "server"}}})
			})
			mux.HandleFunc("GET /api/v3/traces", s.v3Traces)
		case "legacy":
			mux.HandleFunc("GET /api/services", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"data": s.services(), "errors": nil})
			})
			mux.HandleFunc("GET /api/services/{service}/operations", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"data": []string{"chat"}})
			})
			mux.HandleFunc("GET /api/traces", s.legacyTraces)
		case "tempo-v2", "tempo-v1":
			mux.HandleFunc("GET /api/search", s.tempoSearch)
			values := func(w http.ResponseWriter, _ *http.Request) {
				var list []map[string]string
				for _, n := range s.services() {
					list = append(list, map[string]string{"type": "string", "value": n})
				}
				writeJSON(w, map[string]any{"tagValues": list})
			}
			if name == "tempo-v2" {
				mux.HandleFunc("GET /api/v2/search/tag/resource.service.name/values", values)
				mux.HandleFunc("GET /api/v2/search/tag/name/values", func(w http.ResponseWriter, _ *http.Request) {
					writeJSON(w, map[string]any{"tagValues": []map[string]string{{"type": "string", "value": "chat"}}})
				})
				mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.tempoTrace(w, r, 2) })
			}
			mux.HandleFunc("GET /api/search/tag/service.name/values", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"tagValues": s.services()}) })
			mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.tempoTrace(w, r, 1) })
			mux.HandleFunc("/api/", http.NotFound)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Jaeger UI</title>")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r.URL.Path, r.Header)
		mux.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func parsedTime(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

func (s *server) v3Traces(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	depth, _ := strconv.Atoi(q.Get("query.num_traces"))
	list := s.find(q.Get("query.service_name"), parsedTime(q.Get("query.start_time_min")), parsedTime(q.Get("query.start_time_max")), depth)
	if len(list) == 0 {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"httpCode":404,"message":"No traces found"}}`)
		return
	}
	body, err := new(ptrace.JSONMarshaler).MarshalTraces(ingest.ToTraces(slices.Concat(list...)))
	if err != nil {
		panic(err)
	}
	s.answer(w, r, "application/json", slices.Concat([]byte(`{"result":`), body, []byte("}")))
}

func (s *server) legacyTraces(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int64 { n, _ := strconv.ParseInt(q.Get(key), 10, 64); return n }
	data := []any{}
	for _, t := range s.find(q.Get("service"), number("start")*1000, number("end")*1000+999, int(number("limit"))) {
		data = append(data, legacyTrace(t))
	}
	body, _ := json.Marshal(map[string]any{"data": data, "total": 0, "errors": nil})
	s.answer(w, r, "application/json", body)
}

func legacyTrace(t []analyzer.Span) map[string]any {
	processes, spans := map[string]any{}, []any{}
	for i := range t {
		s := &t[i]
		p := "p" + serviceOf(s)
		processes[p] = map[string]any{"serviceName": serviceOf(s), "tags": []any{}}
		references := []any{}
		if !s.Parent.IsZero() {
			references = append(references, map[string]string{"refType": "CHILD_OF", "traceID": s.TraceID.String(), "spanID": s.Parent.String()})
		}
		tags := []any{map[string]any{"key": "span.kind", "type": "string", "value": "server"}}
		for _, a := range s.Attributes {
			n, _ := a.Value.AsInt()
			tags = append(tags, map[string]any{"key": a.Key, "type": "int64", "value": n})
		}
		spans = append(spans, map[string]any{
			"traceID": s.TraceID.String(), "spanID": s.ID.String(), "operationName": s.Name, "references": references,
			"startTime": s.Start / 1000, "duration": (s.End - s.Start) / 1000, "tags": tags, "logs": []any{}, "processID": p,
		})
	}
	return map[string]any{"traceID": t[0].TraceID.String(), "spans": spans, "processes": processes}
}

func (s *server) tempoSearch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int64 { n, _ := strconv.ParseInt(q.Get(key), 10, 64); return n }
	if number("end") <= number("start") {
		http.Error(w, "http parameter start must be before end", http.StatusBadRequest)
		return
	}
	service := ""
	if q.Get("q") != "{}" {
		_, service, _ = strings.Cut(q.Get("q"), `"`)
		service, _, _ = strings.Cut(service, `"`)
	}
	list := []any{}
	for _, t := range s.find(service, number("start")*1e9, number("end")*1e9, int(number("limit"))) {
		list = append(list, map[string]string{"traceID": strings.TrimLeft(t[0].TraceID.String(), "0")})
	}
	body, _ := json.Marshal(map[string]any{"traces": list, "metrics": map[string]int{"completedJobs": 1, "totalJobs": 1}})
	s.answer(w, r, "application/json", body)
}

func (s *server) tempoTrace(w http.ResponseWriter, r *http.Request, version int) {
	for _, t := range s.traces {
		if strings.TrimLeft(t[0].TraceID.String(), "0") != r.PathValue("id") {
			continue
		}
		td := ingest.ToTraces(t)
		if r.Header.Get("Accept") == "application/protobuf" {
			body, _ := new(ptrace.ProtoMarshaler).MarshalTraces(td)
			if version == 2 {
				body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
			}
			s.answer(w, r, "application/protobuf", body)
			return
		}
		body, _ := new(ptrace.JSONMarshaler).MarshalTraces(td)
		if version == 2 {
			body = slices.Concat([]byte(`{"trace":`), body, []byte(`}`))
		} else {
			body = []byte(strings.Replace(string(body), `"resourceSpans"`, `"batches"`, 1))
		}
		s.answer(w, r, "application/json", body)
		return
	}
	http.NotFound(w, r)
}

// startHTTP listens on loopback until the test ends.
func startHTTP(t *testing.T, h http.Handler) string {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(func() { ts.CloseClientConnections(); ts.Close() })
	return ts.URL
}

// A rawMessage is an encoded message; codec leaves messages to encode themselves.
type rawMessage struct{ data []byte }

func (m *rawMessage) Marshal() ([]byte, error) { return m.data, nil }
func (m *rawMessage) Unmarshal(b []byte) error { m.data = slices.Clone(b); return nil }

type codec struct{}

func (codec) Name() string { return "proto" }
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	b, err := v.(interface{ Marshal() ([]byte, error) }).Marshal()
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}
func (codec) Unmarshal(d mem.BufferSlice, v any) error {
	return v.(interface{ Unmarshal([]byte) error }).Unmarshal(d.Materialize())
}

// startGRPC serves the gRPC APIs that are named, "v3" and "v2", and returns their URL.
func startGRPC(t *testing.T, s *server, certificate *tls.Certificate, names ...string) string {
	t.Helper()
	options := []grpc.ServerOption{grpc.ForceServerCodecV2(codec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		md, _ := metadata.FromIncomingContext(stream.Context())
		h := http.Header{}
		for key, values := range md {
			h[http.CanonicalHeaderKey(key)] = values
		}
		s.note(method, h)
		var request rawMessage
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(method, "/jaeger.api_v3.") && slices.Contains(names, "v3"):
			return s.v3GRPC(method, request.data, stream)
		case strings.HasPrefix(method, "/jaeger.api_v2.") && slices.Contains(names, "v2"):
			return s.v2GRPC(method, request.data, stream)
		}
		return status.Error(codes.Unimplemented, "unknown service")
	})}
	scheme := "grpc://"
	if certificate != nil {
		options, scheme = append(options, grpc.Creds(credentials.NewServerTLSFromCert(certificate))), "grpcs://"
	}
	g := grpc.NewServer(options...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return scheme + l.Addr().String()
}

func (s *server) v3GRPC(method string, request []byte, stream grpc.ServerStream) error {
	switch {
	case strings.HasSuffix(method, "/GetServices"):
		var reply []byte
		for _, n := range s.services() {
			reply = protowire.AppendString(protowire.AppendTag(reply, 1, protowire.BytesType), n)
		}
		return stream.SendMsg(&rawMessage{reply})
	case strings.HasSuffix(method, "/GetOperations"):
		op := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "chat")
		op = protowire.AppendString(protowire.AppendTag(op, 2, protowire.BytesType), "server")
		return stream.SendMsg(&rawMessage{protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), op)})
	}
	// api_v2 asks with the same fields under the same numbers.
	var q api_v2.FindTracesRequest
	if err := q.Unmarshal(request); err != nil {
		return err
	}
	return s.stream(q.Query, stream, func(t []analyzer.Span) any {
		body, err := new(ptrace.ProtoMarshaler).MarshalTraces(ingest.ToTraces(t))
		if err != nil {
			panic(err)
		}
		return &rawMessage{body}
	})
}

// stream sends what q finds, or the next fault.
func (s *server) stream(q *api_v2.TraceQueryParameters, stream grpc.ServerStream, encode func([]analyzer.Span) any) error {
	if !q.RawTraces {
		return status.Error(codes.InvalidArgument, "traces would come with adjusted clocks")
	}
	f := s.next()
	if f.slow {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	failure := status.New(f.code, "not now")
	if f.delay > 0 {
		failure = withRetryInfo(failure, f.delay)
	}
	if f.code != codes.OK && !f.midStream {
		return failure.Err()
	}
	for _, t := range s.find(q.ServiceName, q.StartTimeMin.UnixNano(), q.StartTimeMax.UnixNano(), int(q.SearchDepth)) {
		if err := stream.SendMsg(encode(t)); err != nil {
			return err
		}
		if f.midStream {
			return failure.Err()
		}
	}
	return nil
}

func (s *server) v2GRPC(method string, request []byte, stream grpc.ServerStream) error {
	switch {
	case strings.HasSuffix(method, "/GetServices"):
		return stream.SendMsg(&api_v2.GetServicesResponse{Services: s.services()})
	case strings.HasSuffix(method, "/GetOperations"):
		return stream.SendMsg(&api_v2.GetOperationsResponse{Operations: []*api_v2.Operation{{Name: "chat", SpanKind: "server"}}})
	}
	var q api_v2.FindTracesRequest
	if err := q.Unmarshal(request); err != nil {
		return err
	}
	return s.stream(q.Query, stream, func(t []analyzer.Span) any {
		chunk := &api_v2.SpansResponseChunk{}
		for i := range t {
			chunk.Spans = append(chunk.Spans, modelSpan(&t[i]))
		}
		return chunk
	})
}

func modelSpan(s *analyzer.Span) model.Span {
	id := model.NewTraceID(binary.BigEndian.Uint64(s.TraceID[:8]), binary.BigEndian.Uint64(s.TraceID[8:]))
	m := model.Span{
		TraceID: id, SpanID: model.SpanID(binary.BigEndian.Uint64(s.ID[:])), OperationName: s.Name,
		StartTime: time.Unix(0, s.Start), Duration: time.Duration(s.End - s.Start),
		Tags:    []model.KeyValue{model.String("span.kind", "server")},
		Process: &model.Process{ServiceName: serviceOf(s)},
	}
	for _, a := range s.Attributes {
		n, _ := a.Value.AsInt()
		m.Tags = append(m.Tags, model.Int64(a.Key, n))
	}
	if !s.Parent.IsZero() {
		m.References = []model.SpanRef{model.NewChildOfRef(id, model.SpanID(binary.BigEndian.Uint64(s.Parent[:])))}
	}
	return m
}

// withTags is a span as an API of Jaeger's model delivers it: its kind is a tag, too.
func withTags(s analyzer.Span) analyzer.Span {
	s.Attributes = append(analyzer.Attributes{{Key: "span.kind", Value: analyzer.String("server")}}, s.Attributes...)
	return s
}

func hexID(id analyzer.TraceID) string { return hex.EncodeToString(id[:]) }

// waits records the pauses that a client takes, and takes none.
type waits struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	if ctx.Err() != nil {
		return fmt.Errorf("wait: %w", ctx.Err())
	}
	return nil
}
