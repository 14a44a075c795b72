package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// A fakeStore answers from memory; spans, when set, makes what Spans gives.
type fakeStore struct {
	spans   func(context.Context, storage.Query) iter.Seq2[[]analyzer.Span, error]
	err     error // of everything else
	parquet []byte

	mu       sync.Mutex
	inserted []analyzer.Span
	closed   bool
	points   []analyzer.MetricPoint
	query    storage.Query
}

func (f *fakeStore) Insert(_ context.Context, spans []analyzer.Span, o storage.InsertOptions) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inserted, f.closed = append(f.inserted, spans...), o.Closed
	return f.err
}

func (f *fakeStore) InsertMetrics(_ context.Context, points []analyzer.MetricPoint) error {
	f.points = append(f.points, points...)
	return f.err
}

func (f *fakeStore) Spans(ctx context.Context, q storage.Query) iter.Seq2[[]analyzer.Span, error] {
	f.query = q
	return f.spans(ctx, q)
}

func (f *fakeStore) MetricPoints(_ context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error] {
	f.query = storage.Query{Since: since, Until: until}
	return func(yield func([]analyzer.MetricPoint, error) bool) {
		if yield(f.points, nil) && f.err != nil {
			yield(nil, f.err)
		}
	}
}

func (f *fakeStore) Count(_ context.Context, q storage.Query) (storage.Counts, error) {
	f.query = q
	return storage.Counts{Traces: 3, OpenTraces: 1}, f.err
}

func (f *fakeStore) Status(context.Context) (storage.Status, error) {
	return storage.Status{Path: "p", Spans: 1 << 60, Services: []storage.Named{{Name: "vllm", Spans: 2}}}, f.err
}

func (f *fakeStore) ExportParquet(_ context.Context, _ storage.Query, w io.Writer) error {
	if _, err := w.Write(f.parquet); err != nil {
		return err
	}
	return f.err
}

func (f *fakeStore) Close() error { return nil }

// given makes Spans give these batches, and err at the end if there is one.
func given(err error, batches ...[]analyzer.Span) func(context.Context, storage.Query) iter.Seq2[[]analyzer.Span, error] {
	return func(context.Context, storage.Query) iter.Seq2[[]analyzer.Span, error] {
		return func(yield func([]analyzer.Span, error) bool) {
			for _, batch := range batches {
				if !yield(batch, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		}
	}
}

// serve runs a server for db and returns its client. The test fails if the server does not stop cleanly.
func serve(t *testing.T, db Store) *Client {
	t.Helper()
	before := goleak.IgnoreCurrent()
	path := filepath.Join(t.TempDir(), "spans.duckdb")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- Serve(ctx, listener, db, "server-version") }()
	client, err := Dial(t.Context(), Info{PID: os.Getpid(), Socket: listener.Addr().String()}, "client-version")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("serve: %v", err)
		}
		if _, err := os.Stat(listener.Addr().String()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a stopped server leaves its socket: %v", err)
		}
		goleak.VerifyNone(t, before)
	})
	return client
}

func collect(seq iter.Seq2[[]analyzer.Span, error]) (spans []analyzer.Span, err error) {
	for batch, err := range seq {
		if err != nil {
			return spans, err
		}
		spans = append(spans, batch...)
	}
	return spans, nil
}

func TestTheSameSpansThroughTheSocket(t *testing.T) {
	for _, n := range []int{0, 1, frameItems, 3*frameItems + 1} {
		want := exampleSpans(n)
		client := serve(t, &fakeStore{spans: given(nil, want[:n/2], nil, want[n/2:])})
		got, err := collect(client.Spans(t.Context(), storage.Query{}))
		if err == nil {
			err = sameSpans(got, want)
		}
		if err != nil {
			t.Errorf("%d spans: %v", n, err)
		}
	}
}

func TestTheQueryArrivesWhole(t *testing.T) {
	store := &fakeStore{spans: given(nil)}
	client := serve(t, store)
	q := storage.Query{Since: -1, Until: 1 << 62, TraceIDs: []analyzer.TraceID{{1, 15: 2}, {255}}, Columns: storage.AllColumns,
		OpenSince: 7, Partition: 3, Partitions: 256}
	if _, err := collect(client.Spans(t.Context(), q)); err != nil {
		t.Fatal(err)
	}
	if !equalQuery(store.query, q) {
		t.Errorf("Spans was asked for %+v, want %+v", store.query, q)
	}
	store.query = storage.Query{}
	if counts, err := client.Count(t.Context(), q); err != nil || counts != (storage.Counts{Traces: 3, OpenTraces: 1}) {
		t.Errorf("Count gives %+v, %v", counts, err)
	}
	if !equalQuery(store.query, q) {
		t.Errorf("Count was asked for %+v, want %+v", store.query, q)
	}
}

func equalQuery(a, b storage.Query) bool {
	ids := slices.Equal(a.TraceIDs, b.TraceIDs)
	a.TraceIDs, b.TraceIDs = nil, nil
	return ids && a.Since == b.Since && a.Until == b.Until && a.Columns == b.Columns && a.OpenSince == b.OpenSince &&
		a.Partition == b.Partition && a.Partitions == b.Partitions
}

func TestInsertsArriveWhole(t *testing.T) {
	store := &fakeStore{}
	client := serve(t, store)
	want := exampleSpans(2*frameItems + 3)
	if err := client.Insert(t.Context(), want, storage.InsertOptions{Closed: true}); err != nil {
		t.Fatal(err)
	}
	if err := sameSpans(store.inserted, want); err != nil || !store.closed {
		t.Errorf("inserted with closed=%v: %v", store.closed, err)
	}
	if err := client.Insert(t.Context(), want[:1], storage.InsertOptions{}); err != nil || store.closed {
		t.Errorf("insert: %v, closed=%v", err, store.closed)
	}
	points := examplePoints()
	if err := client.InsertMetrics(t.Context(), points); err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(store.points, points, samePoint) {
		t.Errorf("inserted points\n%+v, want\n%+v", store.points, points)
	}
}

func TestMetricPointsArriveWhole(t *testing.T) {
	want := slices.Repeat(examplePoints(), frameItems)[:frameItems+3]
	store := &fakeStore{points: want}
	client := serve(t, store)
	var got []analyzer.MetricPoint
	for points, err := range client.MetricPoints(t.Context(), 5, 9) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, points...)
	}
	if !slices.EqualFunc(got, want, samePoint) || store.query.Since != 5 || store.query.Until != 9 {
		t.Errorf("%d points of %d for %+v", len(got), len(want), store.query)
	}
	for range client.MetricPoints(t.Context(), 0, 0) {
		break // the server stops then, which serve checks
	}
}

func TestAFailedReadOfMetricPointsIsAnError(t *testing.T) {
	store := &fakeStore{points: examplePoints(), err: errors.New("disk read failed")}
	var last error
	for _, err := range serve(t, store).MetricPoints(t.Context(), 0, 0) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), store.err.Error()) {
		t.Errorf("%v, want %v", last, store.err)
	}
}

func TestAnInsertThatCannotBeEncodedInsertsNothing(t *testing.T) {
	store := &fakeStore{}
	client := serve(t, store)
	deep := analyzer.Int(1)
	for range maxDepth + 1 {
		deep = analyzer.Array([]analyzer.Value{deep})
	}
	spans := exampleSpans(frameItems + 1)
	spans[frameItems].Attributes = analyzer.Attributes{{Key: "deep", Value: deep}} // in the second frame
	err := client.Insert(t.Context(), spans, storage.InsertOptions{})
	if err == nil || !strings.Contains(err.Error(), "attribute deep: its value nests deeper") {
		t.Errorf("insert: %v, want the attribute's name and its depth", err)
	}
	if len(store.inserted) != 0 {
		t.Errorf("%d spans of a broken insert were inserted", len(store.inserted))
	}
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	for _, want := range []error{storage.ErrBusy, storage.ErrDiskFull, storage.ErrClosed, storage.ErrReadOnly} {
		client := serve(t, &fakeStore{err: want, spans: given(want)})
		_, spansErr := collect(client.Spans(t.Context(), storage.Query{}))
		_, countErr := client.Count(t.Context(), storage.Query{})
		_, statusErr := client.Status(t.Context())
		for what, err := range map[string]error{
			"insert": client.Insert(t.Context(), exampleSpans(1), storage.InsertOptions{}), "metrics": client.InsertMetrics(t.Context(), examplePoints()),
			"spans": spansErr, "count": countErr, "status": statusErr, "parquet": client.ExportParquet(t.Context(), storage.Query{}, io.Discard),
		} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
	}
}

func TestAnErrorInMidStreamIsAnErrorAtTheClient(t *testing.T) {
	broken := errors.New("disk read failed")
	client := serve(t, &fakeStore{spans: given(broken, exampleSpans(10)), err: broken, parquet: []byte("PAR1...")})
	spans, err := collect(client.Spans(t.Context(), storage.Query{}))
	if len(spans) != 10 || err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Errorf("%d spans and error %v, want 10 and %v", len(spans), err, broken)
	}
	if err := client.ExportParquet(t.Context(), storage.Query{}, io.Discard); err == nil || !strings.Contains(err.Error(), broken.Error()) {
		t.Errorf("export: %v, want %v", err, broken)
	}
}

func TestParquetArrivesWhole(t *testing.T) {
	want := bytes.Repeat([]byte("PAR1 and more "), 100_000)
	client := serve(t, &fakeStore{parquet: want})
	var got bytes.Buffer
	if err := client.ExportParquet(t.Context(), storage.Query{}, &got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes of %d, %v", got.Len(), len(want), err)
	}
	if err := client.ExportParquet(t.Context(), storage.Query{}, brokenWriter{}); !errors.Is(err, errBrokenWriter) {
		t.Errorf("export into a broken writer: %v", err)
	}
}

type brokenWriter struct{}

var errBrokenWriter = errors.New("no space left")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBrokenWriter }

// endless gives batches until its context ends or the consumer stops, and closes done then.
func endless(done chan struct{}) func(context.Context, storage.Query) iter.Seq2[[]analyzer.Span, error] {
	batch := exampleSpans(1000)
	return func(ctx context.Context, _ storage.Query) iter.Seq2[[]analyzer.Span, error] {
		return func(yield func([]analyzer.Span, error) bool) {
			defer close(done)
			for ctx.Err() == nil && yield(batch, nil) {
			}
		}
	}
}

func TestStoppingEarlyStopsTheServer(t *testing.T) {
	for name, stop := range map[string]func(cancel func()) (goOn bool){
		"break":  func(func()) bool { return false },
		"cancel": func(cancel func()) bool { cancel(); return true },
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			client := serve(t, &fakeStore{spans: endless(done)})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var last error
			for _, err := range client.Spans(ctx, storage.Query{}) {
				last = err
				if err == nil && !stop(cancel) {
					break
				}
			}
			if name == "cancel" && !errors.Is(last, context.Canceled) {
				t.Errorf("a cancelled read ends with %v", last)
			}
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("the server reads on for nobody")
			}
		})
	}
}

// TestAClientThatReadsNothingIsCutOff: a suspended process must not hold its snapshot for ever.
func TestAClientThatReadsNothingIsCutOff(t *testing.T) {
	done := make(chan struct{})
	s := &server{db: &fakeStore{spans: endless(done)}, stall: 50 * time.Millisecond}
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(s.spans)}
	go web.Serve(listener)
	defer web.Close()
	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the server waits for a client that reads nothing")
	}
}

// TestAServerThatGoesAwayIsAnError cuts the connection at every place of an answer, as a killed server does.
func TestAServerThatGoesAwayIsAnError(t *testing.T) {
	var whole bytes.Buffer
	f := &frameWriter{w: &whole}
	if err := errors.Join(new(encoder).send(f, exampleSpans(3)), f.finish(nil)); err != nil {
		t.Fatal(err)
	}
	cut := make(chan int, 1)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/hello" {
			return
		}
		_, _ = w.Write(whole.Bytes()[:<-cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})}
	go web.Serve(listener)
	defer web.Close()
	client, err := Dial(t.Context(), Info{Socket: listener.Addr().String()}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for n := range whole.Len() {
		cut <- n
		if _, err := collect(client.Spans(t.Context(), storage.Query{})); !errors.Is(err, errCut) {
			t.Fatalf("cut after %d of %d bytes: %v", n, whole.Len(), err)
		}
	}
}

func TestAnotherProtocolIsNamed(t *testing.T) {
	listener, err := Listen(filepath.Join(t.TempDir(), "spans.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: (&server{version: "0.9.0"}).checkProtocol(http.NotFoundHandler())}
	go web.Serve(listener)
	defer web.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", listener.Addr().String())
	}}
	defer transport.CloseIdleConnections()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://slowtoken/v1/hello", nil)
	r.Header.Set(headerProtocol, "99")
	r.Header.Set(headerVersion, "2.0.0")
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired || !strings.Contains(string(body), "slowtoken 0.9.0 (protocol 2)") || !strings.Contains(string(body), "slowtoken 2.0.0 (protocol 99)") {
		t.Errorf("the server answers %d %s", response.StatusCode, body)
	}
}

func TestTheStatusArrivesWhole(t *testing.T) {
	client := serve(t, &fakeStore{})
	status, err := client.Status(t.Context())
	if err != nil || status.Path != "p" || status.Spans != 1<<60 || !slices.Equal(status.Services, []storage.Named{{Name: "vllm", Spans: 2}}) {
		t.Errorf("status %+v, %v", status, err)
	}
}

// BenchmarkSocket reads spans through the socket; server and client share the process.
func BenchmarkSocket(b *testing.B) {
	batch := exampleSpans(frameItems)
	const batches = 16
	store := &fakeStore{spans: given(nil, slices.Repeat([][]analyzer.Span{batch}, batches)...)}
	listener, err := Listen(filepath.Join(b.TempDir(), "spans.duckdb"))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- Serve(ctx, listener, store, "") }()
	client, err := Dial(b.Context(), Info{Socket: listener.Addr().String()}, "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		for spans, err := range client.Spans(b.Context(), storage.Query{}) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(spans)
		}
		if n != batches*len(batch) {
			b.Fatalf("%d spans, want %d", n, batches*len(batch))
		}
	}
	b.ReportMetric(batches*float64(len(batch))*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
	_ = client.Close()
	stop()
	if err := <-stopped; err != nil {
		b.Fatal(err)
	}
}

func TestAnInsertionThatIsTooLargeIsExplained(t *testing.T) {
	s := &server{db: &fakeStore{}}
	var body bytes.Buffer
	f := &frameWriter{w: &body}
	if err := errors.Join(new(encoder).send(f, exampleSpans(100)), f.finish(nil)); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]int{100: http.StatusRequestEntityTooLarge, 1 << 20: http.StatusOK} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/insert", nil)
		w := httptest.NewRecorder()
		r.Body = http.MaxBytesReader(w, io.NopCloser(bytes.NewReader(body.Bytes())), limit)
		s.insert(w, r)
		if w.Code != want || want != http.StatusOK && !strings.Contains(w.Body.String(), "smaller batches") {
			t.Errorf("limit %d: %d %s", limit, w.Code, w.Body)
		}
	}
}
