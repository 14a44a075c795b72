package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A grpcClient asks one gRPC server.
type grpcClient struct {
	conn    *grpc.ClientConn
	headers metadata.MD
	link    string // template of the user interface beside it; empty when that is not known
}

// A message encodes itself.
type message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// wireCodec leaves encoding to the messages: grpc's own codec works with one protobuf library only, which is neither
// that of jaeger-idl nor that of pdata.
type wireCodec struct{}

func (wireCodec) Name() string { return "proto" }

func (wireCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(message)
	if !ok {
		return nil, fmt.Errorf("%T does not encode itself", v)
	}
	b, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (wireCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(message)
	if !ok {
		return fmt.Errorf("%T does not decode itself", v)
	}
	return m.Unmarshal(data.Materialize())
}

// newGRPCClient makes a client for host:port. It connects with the first request.
func newGRPCClient(address string, secure bool, o Options) (*grpcClient, error) {
	creds := insecure.NewCredentials()
	if secure {
		creds = credentials.NewTLS(o.TLS.Clone())
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(
		grpc.ForceCodecV2(wireCodec{}), grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		return nil, fmt.Errorf("gRPC address %s: %w", address, err)
	}
	g := &grpcClient{conn: conn, headers: metadata.MD{}}
	if o.Tenant != "" {
		g.headers.Set("x-tenant", o.Tenant)
	}
	if a := authorization(o); a != "" {
		g.headers.Set("authorization", a)
	}
	return g, nil
}

func (g *grpcClient) close() error { return g.conn.Close() }

// call asks for one message.
func (g *grpcClient) call(ctx context.Context, method string, request, reply message) error {
	return grpcError(g.conn.Invoke(metadata.NewOutgoingContext(ctx, g.headers), method, request, reply))
}

// stream asks for messages and hands each to take. It fails unless the server ended the stream as it should.
func (g *grpcClient) stream(ctx context.Context, method string, request message, reply func() message, take func(message) error) error {
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, g.headers))
	defer cancel()
	s, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return grpcError(err)
	}
	if err := s.SendMsg(request); err != nil && !errors.Is(err, io.EOF) { // io.EOF: RecvMsg says why
		return grpcError(err)
	}
	if err := s.CloseSend(); err != nil {
		return grpcError(err)
	}
	for {
		m := reply()
		switch err := s.RecvMsg(m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return grpcError(err)
		}
		if err := take(m); err != nil {
			return err
		}
	}
}

// grpcError says whether it is of use to try again after err.
func grpcError(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	err = fmt.Errorf("gRPC %s: %s", s.Code(), s.Message())
	text := s.Message()
	switch s.Code() {
	case codes.Unimplemented:
		return fmt.Errorf("%w: %w", err, errNotSpoken)
	case codes.NotFound:
		return err
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("%w: the credentials are missing or refused", err)
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			return fmt.Errorf("%w: %w", err, errTooLarge)
		}
	case codes.Unavailable:
		if strings.Contains(text, "handshake failed") || strings.Contains(text, "x509:") {
			return fmt.Errorf("TLS: %w (--source-ca FILE names the authority to trust; grpc:// goes without TLS)", err)
		}
		if strings.Contains(text, "server preface") || strings.Contains(text, "frame header looked like an HTTP/1.1") {
			return fmt.Errorf("%w: nobody speaks gRPC there: %w", err, errNotSpoken)
		}
	case codes.Unknown, codes.Internal:
		if strings.Contains(text, "content-type") || strings.Contains(text, "malformed header") {
			return fmt.Errorf("%w: nobody speaks gRPC there: %w", err, errNotSpoken)
		}
		if strings.Contains(text, "unexpected EOF") || strings.Contains(text, "RST_STREAM") || strings.Contains(text, "unmarshal") {
			return &temporaryError{err: err}
		}
		return err
	case codes.Aborted, codes.DeadlineExceeded:
	default:
		return err
	}
	t := &temporaryError{err: err}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			t.after = info.GetRetryDelay().AsDuration()
		}
	}
	return t
}
