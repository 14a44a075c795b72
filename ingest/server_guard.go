package ingest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that the guard wraps
	"google.golang.org/grpc/mem"
)

const (
	contentProto = "application/x-protobuf"
	contentJSON  = "application/json"
)

// handshakeTime is how long a client may take from connecting to being ready to call.
const handshakeTime = 20 * time.Second

// A guard stands between the wire and the receiver's decoder, on both protocols: it bounds what messages take in memory
// together ([intake]), refuses those that would blow up while they are decoded ([checkProto], [checkJSON]), counts bytes,
// and afterwards tells the sender of refused spans through partial_success, which the receiver cannot do by itself.
type guard struct {
	noLifecycle
	counters *counters
	log      *slog.Logger
	bearer   *bearer // nil without a token
	paths    map[string]signal
	codings  []string // that HTTP takes
	intake   *intake
	maxGRPC  int64 // bytes of one message
	maxHTTP  int64
}

func newGuard(s *Server, bearer *bearer) *guard {
	g := &guard{counters: s.counters, log: s.log, bearer: bearer, intake: s.intake, codings: s.codings}
	if h := s.receiver.Protocols.HTTP.Get(); h != nil {
		g.maxHTTP = h.ServerConfig.MaxRequestBodySize
		g.paths = map[string]signal{
			string(h.TracesURLPath): traces, string(h.MetricsURLPath): metrics, string(h.LogsURLPath): logs,
		}
	}
	if p := s.receiver.Protocols.GRPC.Get(); p != nil {
		g.maxGRPC = int64(p.MaxRecvMsgSizeMiB) << 20
	}
	if g.maxGRPC <= 0 {
		g.maxGRPC = 4 << 20 // gRPC's own
	}
	if g.maxHTTP <= 0 {
		g.maxHTTP = 20 << 20 // the receiver's own
	}
	return g
}

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	calls := &callGuard{counters: g.counters, log: g.log, bearer: g.bearer, intake: g.intake, maxMessage: g.maxGRPC}
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(&guardCodec{CodecV2: encoding.GetCodecV2("proto"), counters: g.counters, calls: calls}),
		grpc.ChainUnaryInterceptor(g.intercept),
		grpc.StatsHandler(calls),
		// The receiver asks for the token only after it has decoded the message. The tap spares that work for strangers.
		grpc.InTapHandle(calls.tap),
		grpc.ConnectionTimeout(handshakeTime),
		// A window that grows with the connection would let a call that waits send megabytes.
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
	}, nil
}

// connectionWindow bounds what is on its way at once over one connection; it is given back as soon as it arrives.
const connectionWindow = 8 << 20

// intercept lets a consumer state refused records, and puts them into the response.
func (g *guard) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if c := callOf(ctx); c != nil {
		c.handled = true
		if c.busy {
			g.counters.messagesRefused.WithLabelValues("grpc", "busy").Inc()
			return nil, retryLater(codes.ResourceExhausted, errIntakeFull{}.RetryAfter(), errIntakeFull{}.Error())
		}
	}
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
	calls    *callGuard
}

func (c *guardCodec) Unmarshal(data mem.BufferSlice, v any) error {
	signal := requestSignal(v)
	var head []byte
	if signal == traces {
		head = envelopeHead(data.Len())
	}
	pool := mem.DefaultBufferPool()
	buffer := pool.Get(len(head) + data.Len())
	whole := mem.NewBuffer(buffer, pool)
	defer whole.Free()
	copy(*buffer, head)
	message := (*buffer)[len(head):]
	data.CopyTo(message)
	c.counters.bytes.WithLabelValues("grpc").Add(float64(len(message)))
	size, err := checkProto(message, signal)
	if err != nil {
		c.counters.messagesRefused.WithLabelValues("grpc", "too_complex").Inc()
		return err
	}
	if !c.calls.keep(v, size+int64(len(message))) { // its texts and itself
		return nil
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

// GetHTTPHandler implements extensionmiddleware.HTTPServer. The handler runs after authentication; it unpacks by itself.
func (g *guard) GetHTTPHandler(context.Context) (func(context.Context, http.Handler) (http.Handler, error), error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serveHTTP(w, r, next) }), nil
	}, nil
}

func (g *guard) serveHTTP(w http.ResponseWriter, r *http.Request, next http.Handler) {
	content, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	sig, known := g.paths[r.URL.Path]
	if r.Method != http.MethodPost || !known || content != contentProto && content != contentJSON {
		next.ServeHTTP(w, r) // which answers with the right status
		return
	}
	asJSON := content == contentJSON
	body, kept, refused := g.receive(w, r, sig, asJSON)
	if refused != nil {
		g.refuse(w, asJSON, refused)
		return
	}
	defer kept.release()
	defer body.putBack()
	g.counters.bytes.WithLabelValues("http").Add(float64(len(body.message())))
	outcome := &outcome{transport: "http", enveloped: sig == traces && !asJSON}
	r = r.WithContext(context.WithValue(r.Context(), outcomeKey{}, outcome))
	message := body.message()
	if outcome.enveloped {
		message = body.envelope()
	}
	r.Body = io.NopCloser(bytes.NewReader(message))
	next.ServeHTTP(&partialWriter{ResponseWriter: w, outcome: outcome, asJSON: asJSON}, r)
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
