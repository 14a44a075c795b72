package source_test

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"slices"
	"strings"
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
