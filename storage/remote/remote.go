// Package remote lets many processes read a database that one process writes. DuckDB gives a file that is being written
// to one process only: slowtoken serve owns it, answers the others over a unix socket that only its own user can open,
// and says in a lock file beside the database where that socket is. A caller finds either with [Open], and gets the same
// methods and the same spans from both.
//
// On the socket runs HTTP/1.1, for its routing, cancellation and errors. Requests are JSON, or frames (frame.go) of
// batches in columns (columns.go); answers that can be long are frames, with a last one that says that they are complete.
// An answer that fails half-way is an error at the caller, never a short answer.
package remote

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// Protocol is the version of what client and server say to each other. It changes with every change of requests,
// frames or batches: both sides are usually the same binary, and a mixed pair must say so and stop.
const Protocol = 2

// ErrProtocol says that client and server speak different versions.
var ErrProtocol = errors.New("client and server are of different versions")

const (
	headerProtocol = "Slowtoken-Protocol"
	headerVersion  = "Slowtoken-Version"
)

// A Store is what both a database file and a [Client] offer.
type Store interface {
	Insert(ctx context.Context, spans []analyzer.Span, o storage.InsertOptions) error
	InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error
	Spans(ctx context.Context, q storage.Query) iter.Seq2[[]analyzer.Span, error]
	MetricPoints(ctx context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error]
	Count(ctx context.Context, q storage.Query) (storage.Counts, error)
	Status(ctx context.Context) (storage.Status, error)
	ExportParquet(ctx context.Context, q storage.Query, w io.Writer) error
	Close() error
}
