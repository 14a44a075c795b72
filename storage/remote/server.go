package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// Serve answers clients from db until ctx ends, and then lets running answers finish for a while. The version is shown
// to clients that speak another protocol. It closes the listener, but not db.
func Serve(ctx context.Context, listener net.Listener, db Store, version string) error {
	s := &server{db: db, version: version, stall: stallLimit}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/hello", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /v1/insert", s.insert)
	mux.HandleFunc("POST /v1/metrics", s.insertMetrics)
	mux.HandleFunc("POST /v1/spans", s.spans)
	mux.HandleFunc("POST /v1/points", s.points)
	mux.HandleFunc("POST /v1/parquet", s.parquet)
	mux.HandleFunc("POST /v1/count", s.count)
	mux.HandleFunc("GET /v1/status", s.status)

	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	web := &http.Server{
		Handler:           s.checkProtocol(mux),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the database on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer stop()
	err := web.Shutdown(grace)
	if err != nil { // answers that run on: cut them, which their readers see as an error
		cancel()
		err = web.Close()
	}
	<-failed
	if err != nil {
		return fmt.Errorf("stop serving the database on %s: %w", listener.Addr(), err)
	}
	return nil
}

// shutdownGrace is how long running answers may take after the server was told to stop.
const shutdownGrace = 10 * time.Second

// stallLimit is how long a client may take to accept a frame. One that was suspended would otherwise hold its snapshot
// of the database, and what that keeps from being reused, for ever.
const stallLimit = 10 * time.Minute

type server struct {
	db      Store
	version string
	stall   time.Duration
}

// frames returns the writer of an answer, and what to call when the answer is complete.
func (s *server) frames(w http.ResponseWriter) (f *frameWriter, done func()) {
	c := http.NewResponseController(w)
	f = &frameWriter{w: w, before: func() error { return c.SetWriteDeadline(time.Now().Add(s.stall)) }}
	return f, func() { _ = c.SetWriteDeadline(time.Time{}) } // fails when the connection is gone
}

// checkProtocol refuses clients of another protocol before anything is read from them.
func (s *server) checkProtocol(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerProtocol, strconv.Itoa(Protocol))
		w.Header().Set(headerVersion, s.version)
		if r.Header.Get(headerProtocol) != strconv.Itoa(Protocol) {
			writeError(w, http.StatusUpgradeRequired, protocolError(s.version, Protocol, r.Header.Get(headerVersion), r.Header.Get(headerProtocol)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// protocolError says which binary would fit.
func protocolError(serverVersion string, serverProtocol int, clientVersion, clientProtocol string) error {
	return fmt.Errorf("%w: the running server is slowtoken %s (protocol %d), this command is slowtoken %s (protocol %s): "+
		"run the command with the server's binary, or restart the server with this one",
		ErrProtocol, orUnknown(serverVersion), serverProtocol, orUnknown(clientVersion), orUnknown(clientProtocol))
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

func writeError(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(newErrorMessage(err)) // a client that is gone hears nothing
}

// fail answers with an error of the database or of the request.
func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, storage.ErrBusy):
		code = http.StatusTooManyRequests
	case errors.Is(err, storage.ErrDiskFull):
		code = http.StatusInsufficientStorage
	case errors.Is(err, errDamaged), errors.Is(err, errCut):
		code = http.StatusBadRequest
	case errors.As(err, new(*http.MaxBytesError)):
		code, err = http.StatusRequestEntityTooLarge, fmt.Errorf("one insertion of more than %d MiB: insert in smaller batches", maxInsert>>20)
	}
	writeError(w, code, err)
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // likewise
}

// maxQuery bounds a query, which names trace ids one by one.
const maxQuery = 64 << 20

func readQuery(w http.ResponseWriter, r *http.Request) (q storage.Query, ok bool) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery)).Decode(&q); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("read the query: %w", err))
		return q, false
	}
	return q, true
}

func (s *server) count(w http.ResponseWriter, r *http.Request) {
	if q, ok := readQuery(w, r); ok {
		counts, err := s.db.Count(r.Context(), q)
		answer(w, counts, err)
	}
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	status, err := s.db.Status(r.Context())
	answer(w, status, err)
}

// frameItems is how many spans or points go into one frame: enough that the dictionary pays, little enough to stay in cache.
const frameItems = 16 << 10

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func (s *server) spans(w http.ResponseWriter, r *http.Request) {
	if q, ok := readQuery(w, r); ok {
		sendBatches(s, w, s.db.Spans(r.Context(), q), (*encoder).send)
	}
}

// points answers with the metric points of the query's window; the rest of the query has no meaning here.
func (s *server) points(w http.ResponseWriter, r *http.Request) {
	if q, ok := readQuery(w, r); ok {
		sendBatches(s, w, s.db.MetricPoints(r.Context(), q.Since, q.Until), (*encoder).sendPoints)
	}
}

// sendBatches answers with batches as they are read, in frames, and with the error that ended them.
func sendBatches[T any](s *server, w http.ResponseWriter, batches iter.Seq2[[]T, error], send func(*encoder, *frameWriter, []T) error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	f, done := s.frames(w)
	defer done()
	for batch, err := range batches {
		if err == nil {
			err = send(e, f, batch)
		}
		if err != nil {
			_ = f.finish(err) // fails when the client is gone, who then needs no answer
			return
		}
	}
	_ = f.finish(nil) // likewise
}

// send writes spans as frames.
func (e *encoder) send(f *frameWriter, spans []analyzer.Span) error {
	return sendFrames(f, frameSpans, spans, e.encode)
}

// sendPoints writes metric points as frames.
func (e *encoder) sendPoints(f *frameWriter, points []analyzer.MetricPoint) error {
	return sendFrames(f, framePoints, points, e.encodePoints)
}

func sendFrames[T any](f *frameWriter, kind byte, items []T, encode func([]T) ([]byte, error)) error {
	for batch := range slices.Chunk(items, frameItems) {
		data, err := encode(batch)
		if err != nil {
			return err
		}
		if err := f.write(kind, data, len(batch)); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) parquet(w http.ResponseWriter, r *http.Request) {
	q, ok := readQuery(w, r)
	if !ok {
		return
	}
	f, done := s.frames(w)
	defer done()
	err := s.db.ExportParquet(r.Context(), q, parquetWriter{f})
	_ = f.finish(err) // likewise
}

type parquetWriter struct{ f *frameWriter }

func (p parquetWriter) Write(b []byte) (int, error) {
	return len(b), p.f.write(frameParquet, b, len(b))
}

// maxInsert bounds one insertion, which is committed as a whole and therefore held as a whole.
const maxInsert = 2 << 30

// insert stores nothing before it has read everything: a client that breaks off has inserted nothing.
func (s *server) insert(w http.ResponseWriter, r *http.Request) {
	var spans []analyzer.Span
	f := &frameReader{r: http.MaxBytesReader(w, r.Body, maxInsert)}
	err := f.each(frameSpans, func(data []byte) (int, error) {
		batch, err := decode(data)
		spans = append(spans, batch...)
		return len(batch), err
	})
	if err == nil {
		err = s.db.Insert(r.Context(), spans, storage.InsertOptions{Closed: r.URL.Query().Get("closed") == "true"})
	}
	answer(w, struct{}{}, err)
}

func (s *server) insertMetrics(w http.ResponseWriter, r *http.Request) {
	var points []analyzer.MetricPoint
	f := &frameReader{r: http.MaxBytesReader(w, r.Body, maxInsert)}
	err := f.each(framePoints, func(data []byte) (int, error) {
		batch, err := decodePoints(data)
		points = append(points, batch...)
		return len(batch), err
	})
	if err == nil {
		err = s.db.InsertMetrics(r.Context(), points)
	}
	answer(w, struct{}{}, err)
}

// each calls read for every frame of a complete stream, all of which must be of one kind. read returns how many items
// the frame held.
func (f *frameReader) each(kind byte, read func([]byte) (int, error)) error {
	for {
		got, content, err := f.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if got != kind {
			return damaged("a frame of kind %q among those of kind %q", got, kind)
		}
		n, err := read(content)
		if err != nil {
			return err
		}
		f.count += uint64(n)
	}
}
