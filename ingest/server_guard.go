package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that the guard wraps
	"google.golang.org/grpc/mem"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	contentProto = "application/x-protobuf"
	contentJSON  = "application/json"
)

// handshakeTime is how long a client may take from connecting to being ready to call.
const handshakeTime = 20 * time.Second

// maxReading is how many bytes of HTTP messages may be in memory at once, decompressed. A sender that comes when there are
// more is told to come back.
const maxReading = 128 << 20

// A guard stands between the wire and the receiver's decoder, on both protocols: it refuses messages that would blow
// up in memory while they are decoded ([checkProto], [checkJSON]), counts bytes, and afterwards tells the sender of
// refused spans through partial_success, which the receiver cannot do by itself.
type guard struct {
	noLifecycle
	counters *counters
	bearer   *bearer // nil without a token
	paths    map[string]signal
	reading  atomic.Int64 // bytes of HTTP messages in memory
}

func newGuard(s *Server, bearer *bearer) *guard {
	g := &guard{counters: s.counters, bearer: bearer}
	if h := s.receiver.Protocols.HTTP.Get(); h != nil {
		g.paths = map[string]signal{
			string(h.TracesURLPath): traces, string(h.MetricsURLPath): metrics, string(h.LogsURLPath): logs,
		}
	}
	return g
}

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(&guardCodec{CodecV2: encoding.GetCodecV2("proto"), counters: g.counters}),
		grpc.ChainUnaryInterceptor(g.intercept),
		grpc.StatsHandler(&refusalCounter{g.counters}),
		grpc.ConnectionTimeout(handshakeTime),
	}
	if g.bearer != nil {
		// The receiver asks for the token only after it has decoded the message. Asking here first spares that work
		// and memory for strangers.
		options = append(options, grpc.InTapHandle(func(ctx context.Context, info *tap.Info) (context.Context, error) {
			ctx, err := g.bearer.Authenticate(ctx, info.Header)
			if err != nil {
				return nil, grpcstatus.Error(codes.Unauthenticated, err.Error())
			}
			return ctx, nil
		}))
	}
	return options, nil
}

// intercept lets a consumer state refused records, and puts them into the response.
func (g *guard) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	markHandled(ctx)
	outcome := &outcome{transport: "grpc", enveloped: requestSignal(request) == traces}
	response, err := handler(context.WithValue(ctx, outcomeKey{}, outcome), request)
	if err != nil || outcome.message == "" {
		return response, err
	}
	message, err := outcome.response(false)
	if err != nil {
		return response, nil // the count is lost to the sender, the spans are not
	}
	return rawMessage(message), nil
}

// A guardCodec checks a message before the codec that it wraps decodes it.
type guardCodec struct {
	encoding.CodecV2
	counters *counters
}

func (c *guardCodec) Unmarshal(data mem.BufferSlice, v any) error {
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	message := whole.ReadOnlyData()
	c.counters.bytes.WithLabelValues("grpc").Add(float64(len(message)))
	signal := requestSignal(v)
	if err := checkProto(message, signal); err != nil {
		c.counters.messagesRefused.WithLabelValues("grpc", "too_complex").Inc()
		return err
	}
	if signal == traces {
		return c.CodecV2.Unmarshal(mem.BufferSlice{mem.SliceBuffer(envelopeHead(len(message))), whole}, v)
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
}

// requestSignal reads the signal off the type that a request is decoded into, which has no other public trait.
func requestSignal(v any) signal {
	switch t := reflect.TypeOf(v); {
	case t.Kind() != reflect.Pointer:
		return anySignal
	case t.Elem().Name() == "ExportTraceServiceRequest":
		return traces
	case t.Elem().Name() == "ExportMetricsServiceRequest":
		return metrics
	case t.Elem().Name() == "ExportLogsServiceRequest":
		return logs
	}
	return anySignal
}

// GetHTTPHandler implements extensionmiddleware.HTTPServer. The handler runs after authentication and decompression.
func (g *guard) GetHTTPHandler(context.Context) (func(context.Context, http.Handler) (http.Handler, error), error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serveHTTP(w, r, next) }), nil
	}, nil
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBody keeps one huge body from staying in memory for good.
const maxPooledBody = 4 << 20

func (g *guard) serveHTTP(w http.ResponseWriter, r *http.Request, next http.Handler) {
	content, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	sig, known := g.paths[r.URL.Path]
	if r.Method != http.MethodPost || !known || content != contentProto && content != contentJSON {
		next.ServeHTTP(w, r) // which answers with the right status
		return
	}
	asJSON := content == contentJSON
	body := bodies.Get().(*bytes.Buffer)
	body.Reset()
	defer func() {
		if body.Cap() <= maxPooledBody {
			bodies.Put(body)
		}
	}()
	charged := &chargedReader{r: r.Body, total: &g.reading}
	defer charged.release()
	if _, err := body.ReadFrom(charged); err != nil {
		code, reason := http.StatusBadRequest, "unreadable"
		if errors.Is(err, errReadingFull) {
			code, reason = http.StatusServiceUnavailable, "busy"
			w.Header().Set("Retry-After", "1")
		}
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			code, reason = http.StatusRequestEntityTooLarge, "too_large"
			err = fmt.Errorf("the message has more than %d bytes after decompression: send smaller batches, or raise --max-recv-size "+
				"(max_request_body_size)", tooLarge.Limit)
		}
		g.refuse(w, asJSON, code, reason, err)
		return
	}
	g.counters.bytes.WithLabelValues("http").Add(float64(body.Len()))
	check := checkProto
	if asJSON {
		check = checkJSON
	}
	if err := check(body.Bytes(), sig); err != nil {
		g.refuse(w, asJSON, http.StatusBadRequest, "too_complex", err)
		return
	}
	outcome := &outcome{transport: "http", enveloped: sig == traces && !asJSON}
	r = r.WithContext(context.WithValue(r.Context(), outcomeKey{}, outcome))
	message := io.Reader(bytes.NewReader(body.Bytes()))
	if outcome.enveloped {
		message = io.MultiReader(bytes.NewReader(envelopeHead(body.Len())), message)
	}
	r.Body = io.NopCloser(message)
	next.ServeHTTP(&partialWriter{ResponseWriter: w, outcome: outcome, asJSON: asJSON}, r)
}

// A chargedReader counts what is read from r towards a total of all messages.
type chargedReader struct {
	r     io.Reader
	n     int64
	total *atomic.Int64
}

var errReadingFull = fmt.Errorf("messages of together more than %d MiB are being received: send again later", maxReading>>20)

func (c *chargedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.total.Add(int64(n)) > maxReading {
		return n, errReadingFull
	}
	return n, err
}

func (c *chargedReader) release() { c.total.Add(-c.n) }

// refuse answers as OTLP/HTTP wants it: a google.rpc.Status in the encoding of the request.
func (g *guard) refuse(w http.ResponseWriter, asJSON bool, code int, reason string, err error) {
	g.counters.messagesRefused.WithLabelValues("http", reason).Inc()
	answer := &status.Status{Code: int32(codes.InvalidArgument), Message: err.Error()}
	if code == http.StatusServiceUnavailable {
		answer.Code = int32(codes.Unavailable)
	}
	content, marshal := contentProto, proto.Marshal
	if asJSON {
		content, marshal = contentJSON, protojson.Marshal
	}
	message, _ := marshal(answer) // of two scalars: cannot fail
	w.Header().Set("Content-Type", content)
	w.WriteHeader(code)
	_, _ = w.Write(message) // a sender that is gone is not our failure
}

// A partialWriter replaces the receiver's empty answer by one with the counts, when there is something to say.
type partialWriter struct {
	http.ResponseWriter
	outcome *outcome
	asJSON  bool
	code    int
}

func (w *partialWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (w *partialWriter) Write(p []byte) (int, error) {
	if w.outcome.message == "" || w.code != http.StatusOK {
		return w.ResponseWriter.Write(p)
	}
	message, err := w.outcome.response(w.asJSON)
	if err != nil {
		message = p
	}
	if _, err := w.ResponseWriter.Write(message); err != nil {
		return 0, err
	}
	return len(p), nil
}
