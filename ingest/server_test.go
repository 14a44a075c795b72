package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A memorySink keeps what it is given. insert, when set, goes first and can refuse or wait.
type memorySink struct {
	insert func(context.Context) error
	forget bool // it keeps nothing

	mu     sync.Mutex
	spans  []analyzer.Span
	points []analyzer.MetricPoint
}

func (m *memorySink) Insert(ctx context.Context, spans []analyzer.Span) error {
	if m.insert != nil {
		if err := m.insert(ctx); err != nil {
			return err
		}
	}
	if m.forget {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spans = append(m.spans, spans...)
	return nil
}

func (m *memorySink) InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.points = append(m.points, points...)
	return nil
}

func (m *memorySink) names() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.spans {
		names = append(names, m.spans[i].Name)
	}
	slices.Sort(names)
	return names
}

// A fullFor is the error of a sink that is full for a while.
type fullFor time.Duration

func (fullFor) Error() string               { return "the queue is full" }
func (f fullFor) RetryAfter() time.Duration { return time.Duration(f) }

// startServer starts a server on free ports of 127.0.0.1 and stops it with the test, which fails if anything is left
// running then.
func startServer(t *testing.T, config ServerConfig, sink *memorySink) *Server {
	t.Helper()
	before := goleak.IgnoreCurrent()
	s := newTestServer(t, config, sink)
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		goleak.VerifyNone(t, before)
	})
	return s
}

func newTestServer(t testing.TB, config ServerConfig, sink *memorySink) *Server {
	t.Helper()
	for _, endpoint := range []*string{&config.GRPCEndpoint, &config.HTTPEndpoint, &config.AdminEndpoint} {
		if *endpoint == "" {
			*endpoint = "127.0.0.1:0"
		}
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := NewServer(config, sink, sink)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dial connects a gRPC client in clear, and cuts the connection with the test.
func dial(t *testing.T, address string, options ...grpc.DialOption) ptraceotlp.GRPCClient {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return ptraceotlp.NewGRPCClient(conn)
}

// httpClient returns a client whose connections end with the test.
func httpClient(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// spansNamed makes a batch with a valid span for each name.
func spansNamed(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "test")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i, name := range names {
		s := spans.AppendEmpty()
		s.SetName(name)
		s.SetTraceID(pcommon.TraceID{15: byte(i + 1)})
		s.SetSpanID(pcommon.SpanID{7: byte(i + 1)})
		s.SetStartTimestamp(1_000)
		s.SetEndTimestamp(2_000)
	}
	return td
}

func request(td ptrace.Traces) ptraceotlp.ExportRequest {
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func wantNames(t *testing.T, sink *memorySink, want ...string) {
	t.Helper()
	if got := sink.names(); !slices.Equal(got, want) {
		t.Errorf("stored spans %q, want %q", got, want)
	}
}

func TestSpansAreStoredBeforeTheAnswer(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	if _, err := dial(t, s.Info().GRPC).Export(t.Context(), request(spansNamed("a", "b"))); err != nil {
		t.Fatal(err)
	}
	wantNames(t, sink, "a", "b")
	for _, span := range sink.spans {
		if age := time.Since(time.Unix(0, span.ReceivedAt)); age < 0 || age > time.Minute {
			t.Errorf("span %s was received %v ago", span.Name, age)
		}
		if span.Service() != "test" {
			t.Errorf("span %s is of service %q", span.Name, span.Service())
		}
	}
}

func TestSpansWithoutIDsAreRefusedOneByOne(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	td := spansNamed("good", "no trace id", "no span id")
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(1).SetTraceID(pcommon.TraceID{})
	spans.At(2).SetSpanID(pcommon.SpanID{})

	response, err := dial(t, s.Info().GRPC).Export(t.Context(), request(td))
	if err != nil {
		t.Fatal(err)
	}
	if got := response.PartialSuccess().RejectedSpans(); got != 2 {
		t.Errorf("the sender hears of %d refused spans, want 2", got)
	}
	if message := response.PartialSuccess().ErrorMessage(); !strings.Contains(message, ReasonTraceID) || !strings.Contains(message, ReasonSpanID) {
		t.Errorf("the sender hears %q, which lacks a reason", message)
	}
	wantNames(t, sink, "good")

	for _, asJSON := range []bool{false, true} {
		answer := post(t, s, "/v1/traces", encode(t, td, asJSON), contentType(asJSON), "")
		if answer.code != http.StatusOK {
			t.Fatalf("HTTP answers %d: %s", answer.code, answer.body)
		}
		response := ptraceotlp.NewExportResponse()
		unmarshal := response.UnmarshalProto
		if asJSON {
			unmarshal = response.UnmarshalJSON
		}
		if err := unmarshal(answer.body); err != nil {
			t.Fatal(err)
		}
		if got := response.PartialSuccess().RejectedSpans(); got != 2 {
			t.Errorf("json=%v: the sender hears of %d refused spans, want 2", asJSON, got)
		}
	}
	wantMetric(t, s, `slowtoken_spans_refused_total{reason="`+ReasonTraceID+`"} 3`)
	wantMetric(t, s, `slowtoken_spans_stored_total 3`)
}

func TestMetricsAreStoredAndLogsCounted(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	md := pmetric.NewMetrics()
	metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("vllm:num_requests_running")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(1_000)
	point.SetIntValue(7)
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	if answer := post(t, s, "/v1/metrics", body, contentProto, ""); answer.code != http.StatusOK {
		t.Fatalf("metrics: HTTP answers %d: %s", answer.code, answer.body)
	}
	if len(sink.points) != 1 || sink.points[0].Name != "vllm:num_requests_running" {
		t.Errorf("stored points %+v, want the one that was sent", sink.points)
	}
	logs := []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}},{}]}]}]}`)
	if answer := post(t, s, "/v1/logs", logs, contentJSON, ""); answer.code != http.StatusOK {
		t.Fatalf("logs: HTTP answers %d: %s", answer.code, answer.body)
	}
	wantMetric(t, s, `slowtoken_metric_points_stored_total 1`)
	wantMetric(t, s, `slowtoken_log_records_received_total 2`)
}

func TestShutdownDrainsWhatIsInFlight(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	sink := &memorySink{insert: func(context.Context) error {
		close(arrived)
		<-release
		return nil
	}}
	s := newTestServer(t, ServerConfig{}, sink)
	info, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, info.GRPC)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Export(t.Context(), request(spansNamed("in flight")))
		answered <- err
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	for s.ready.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("shutdown returned (%v) before the batch in flight was stored", err)
	default:
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the sender of the batch in flight got %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	wantNames(t, sink, "in flight")
	if _, err := client.Export(t.Context(), request(spansNamed("late"))); err == nil {
		t.Error("a stopped server accepted spans")
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	sink := &memorySink{insert: func(context.Context) error { close(arrived); <-release; return nil }}
	s := newTestServer(t, ServerConfig{}, sink)
	info, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, info.GRPC)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Export(context.Background(), request(spansNamed("stuck")))
		answered <- err
	}()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 batches in flight") {
		t.Errorf("shutdown: %v, want canceled with 1 batch in flight", err)
	}
	close(release)
	<-answered
}

func TestContentIsDroppedOnRequest(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{DropContent: true}, sink)
	td := spansNamed("chat")
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Attributes().PutStr("gen_ai.prompt.0.content", "SECRET")
	span.Attributes().PutInt("gen_ai.usage.input_tokens", 12)
	event := span.Events().AppendEmpty()
	event.SetName("gen_ai.content.prompt")
	event.SetTimestamp(1_500)
	event.Attributes().PutStr("gen_ai.prompt", "SECRET")
	if _, err := dial(t, s.Info().GRPC).Export(t.Context(), request(td)); err != nil {
		t.Fatal(err)
	}
	got := sink.spans[0]
	if len(got.Attributes) != 1 || got.Attributes[0].Key != "gen_ai.usage.input_tokens" {
		t.Errorf("attributes %v, want only the token count", got.Attributes)
	}
	if len(got.Events) != 1 || got.Events[0].Time != 1_500 || len(got.Events[0].Attributes) != 0 {
		t.Errorf("events %+v, want the event without its attributes", got.Events)
	}
	wantMetric(t, s, `slowtoken_content_dropped_total{kind="attribute"} 1`)
	wantMetric(t, s, `slowtoken_content_dropped_total{kind="event"} 1`)
}

// dialRaw connects a gRPC client that sends any message.
func dialRaw(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
