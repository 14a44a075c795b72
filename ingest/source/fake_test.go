package source_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/slowtoken/slowtoken/analyzer"
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

// fail sets the faults of the answers to come.
func (s *server) fail(list ...fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = list
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
