package ingest

import (
	"context"
	"log/slog"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// gRPC reads, unpacks and decodes a message before it asks anybody. Three hooks hold calls to the intake all the same: the
// tap, which sees the headers and can refuse; the stats handler, which begins each call in a goroutine of its own, before
// the message is read, and ends it; and the codec, which sees the message but not the call.

// A call is one RPC. Its fields belong to its goroutine.
type call struct {
	cancel  context.CancelFunc // of the reading
	packed  string             // how the message is compressed
	reader  *reader
	request any    // once decoded
	kept    *share // of the request
	busy    bool   // the request was not decoded, because too much is being received
	handled bool   // the message was read
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// A callGuard follows every call.
type callGuard struct {
	counters   *counters
	log        *slog.Logger
	bearer     *bearer // nil without a token
	intake     *intake
	maxMessage int64
	decoded    sync.Map // request to *share; the codec puts it there
}

// tap refuses strangers, and calls for which there is no room even to wait, before anything of their messages is read.
func (g *callGuard) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if g.bearer != nil {
		var err error
		if ctx, err = g.bearer.Authenticate(ctx, info.Header); err != nil {
			return nil, grpcstatus.Error(codes.Unauthenticated, err.Error())
		}
	}
	if g.intake.crowded() {
		g.counters.messagesRefused.WithLabelValues("grpc", "busy").Inc()
		return nil, retryLater(codes.ResourceExhausted, errIntakeFull{}.RetryAfter(), errIntakeFull{}.Error())
	}
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, callKey{}, &call{cancel: cancel}), nil
}

// TagRPC implements stats.Handler.
func (g *callGuard) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (g *callGuard) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	switch s := s.(type) {
	case *stats.InHeader:
		c.packed = s.Compression
	case *stats.Begin:
		g.begin(ctx, c)
	case *stats.InPayload:
		c.request = s.Payload
		c.kept, c.busy = g.take(s.Payload)
		c.reader.done()
	case *stats.End:
		g.end(ctx, c, s.Error)
	}
}

// begin waits until the message can be read. A call that waits in vain is cancelled, which tells the sender to send again;
// the reason cannot be said here.
func (g *callGuard) begin(ctx context.Context, c *call) {
	n := 2 * g.maxMessage // as it is sent and unpacked, or unpacked and in one piece for the decoder
	if coding, ok := codingNamed(c.packed, codingNames()); ok {
		n += coding.window
	}
	reader, err := g.intake.read(ctx, n, c.cancel)
	if err != nil {
		c.cancel()
		return
	}
	c.reader = reader
}

func (g *callGuard) end(ctx context.Context, c *call, err error) {
	stopped := c.reader.done()
	c.kept.release()
	if again, _ := g.take(c.request); again != nil { // a second message, which no call may have
		again.release()
	}
	c.cancel()
	switch code := grpcstatus.Code(err); {
	case c.handled || err == nil:
	case code == codes.ResourceExhausted: // by gRPC itself: the message is larger than the limit, as sent or unpacked
		g.refused(ctx, "too_large", err)
	case c.reader == nil || stopped:
		g.refused(ctx, "busy", errIntakeFull{})
	}
}

func (g *callGuard) refused(ctx context.Context, reason string, err error) {
	from := ""
	if p, ok := peer.FromContext(ctx); ok {
		from = p.Addr.String()
	}
	g.counters.tell(g.log, "refused a message", slog.String("reason", reason), slog.String("from", from), slog.String("error", err.Error()))
	g.counters.messagesRefused.WithLabelValues("grpc", reason).Inc()
}

// keep waits until a request can be decoded that takes n bytes. The call that it belongs to takes the share; a request
// for which there is no room is left empty, and its call answers.
func (g *callGuard) keep(request any, n int64) (decode bool) {
	kept, err := g.intake.keep(context.Background(), n) // the codec does not know the call
	if before, again := g.decoded.Swap(request, kept); again {
		before.(*share).release()
	}
	return err == nil
}

// take returns what the codec put there for a request.
func (g *callGuard) take(request any) (kept *share, busy bool) {
	if request == nil {
		return nil, false
	}
	held, found := g.decoded.LoadAndDelete(request)
	if !found {
		return nil, false
	}
	kept = held.(*share)
	return kept, kept == nil
}

// TagConn implements stats.Handler.
func (g *callGuard) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (g *callGuard) HandleConn(context.Context, stats.ConnStats) {}
