package ingest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	grpcstatus "google.golang.org/grpc/status"
)

// A refusalCounter counts the calls that grpc-go refuses by itself because their message is larger than the limit, as
// sent or after decompression. No other hook hears of them.
type refusalCounter struct{ counters *counters }

type callKey struct{}

// A call is one RPC as grpc-go sees it.
type call struct{ handled bool }

// markHandled notes that the message of a call was read.
func markHandled(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.handled = true
	}
}

// TagRPC implements stats.Handler.
func (r *refusalCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{})
}

// HandleRPC implements stats.Handler.
func (r *refusalCounter) HandleRPC(ctx context.Context, s stats.RPCStats) {
	end, ok := s.(*stats.End)
	if !ok || grpcstatus.Code(end.Error) != codes.ResourceExhausted {
		return
	}
	if c, ok := ctx.Value(callKey{}).(*call); ok && !c.handled {
		r.counters.messagesRefused.WithLabelValues("grpc", "too_large").Inc()
	}
}

// TagConn implements stats.Handler.
func (r *refusalCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// HandleConn implements stats.Handler.
func (r *refusalCounter) HandleConn(context.Context, stats.ConnStats) {}
