package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Sink is where received spans go. Insert returns once the spans are safe; the sink takes the slice over. An error
// that wraps one with a method RetryAfter() time.Duration says that the sink is full for now: the sender is told to come
// back then.
type Sink interface {
	Insert(ctx context.Context, spans []analyzer.Span) error
}

// A MetricSink is where received metric points go, on the terms of [Sink].
type MetricSink interface {
	InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error
}

// A Server receives OTLP over gRPC and HTTP and hands what it receives to its sinks. A sender is answered after its
// spans are safe, never before. It embeds the collector's own receiver, so that clients meet the status codes, limits
// and settings that they know from a collector; around that stand a guard against messages that are small on the wire
// and huge in memory, a bearer token, and partial_success for spans that were refused.
type Server struct {
	config   ServerConfig
	log      *slog.Logger
	receiver *otlpreceiver.Config
	codings  []string // that HTTP takes, beside none
	spans    Sink
	points   MetricSink
	counters *counters
	intake   *intake
	info     ServerInfo
	failed   chan error
	ready    atomic.Bool

	otlp  component.Component
	admin *http.Server
}

// ServerInfo tells where a started Server listens and what is doubtful about it.
type ServerInfo struct {
	GRPC, HTTP, Admin string   // host:port as bound; "" when off
	Warnings          []string // for people: an open address without protection, a token sent in clear
}

// NewServer checks config and returns a server that is not started yet.
func NewServer(config ServerConfig, spans Sink, points MetricSink) (*Server, error) {
	receiver, err := config.receiver()
	if err != nil {
		return nil, err
	}
	config.Limits = config.Limits.withDefaults()
	if err := config.Limits.check(); err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	counters, err := newCounters(config)
	if err != nil {
		return nil, fmt.Errorf("register the OTLP server's metrics: %w", err)
	}
	return &Server{
		config: config, log: config.Logger, receiver: receiver, codings: takeCodings(receiver), spans: spans, points: points,
		counters: counters, intake: newIntake(), failed: make(chan error, 1),
	}, nil
}

// Start opens the listeners and returns. The context bounds starting only.
func (s *Server) Start(ctx context.Context) (ServerInfo, error) {
	factory := otlpreceiver.NewFactory()
	bound := &boundAddresses{}
	settings := receiver.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger:         zap.New(&slogCore{log: s.log, bound: bound}),
			TracerProvider: tracenoop.NewTracerProvider(),
			MeterProvider:  noop.NewMeterProvider(),
			Resource:       pcommon.NewResource(),
		},
		BuildInfo: component.BuildInfo{Command: "slowtoken", Version: s.config.Version},
	}
	// The three calls return one receiver: the factory keeps it by the address of its config.
	traces, err1 := consumer.NewTraces(s.consumeTraces)
	metrics, err2 := consumer.NewMetrics(s.consumeMetrics)
	logs, err3 := consumer.NewLogs(s.consumeLogs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return ServerInfo{}, fmt.Errorf("prepare the OTLP receiver: %w", err)
	}
	otlp, err1 := factory.CreateTraces(ctx, settings, s.receiver, traces)
	_, err2 = factory.CreateMetrics(ctx, settings, s.receiver, metrics)
	_, err3 = factory.CreateLogs(ctx, settings, s.receiver, logs)
	if err := errors.Join(err1, err2, err3); err != nil {
		return ServerInfo{}, fmt.Errorf("prepare the OTLP receiver: %w", err)
	}

	if err := s.startAdmin(); err != nil {
		return ServerInfo{}, err
	}
	if err := otlp.Start(ctx, s.host()); err != nil {
		s.stopAdmin(ctx)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w; is another collector on the same port? choose others with --otlp-grpc-endpoint and --otlp-http-endpoint", err)
		}
		return ServerInfo{}, fmt.Errorf("start the OTLP receiver: %w", err)
	}
	s.otlp = otlp
	s.info.GRPC, s.info.HTTP = bound.grpc(), bound.http()
	s.info.Warnings = s.exposure()
	for _, warning := range s.info.Warnings {
		s.log.Warn(warning)
	}
	s.ready.Store(true)
	return s.info, nil
}

// Info tells where the started server listens.
func (s *Server) Info() ServerInfo { return s.info }

// Failed delivers the error of a listener that broke while the server ran.
func (s *Server) Failed() <-chan error { return s.failed }

// Shutdown stops accepting, waits until everything in flight is stored and answered, and returns. When ctx ends first
// it returns an error, and what is still in flight is abandoned unanswered, so that its senders send it again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.ready.Store(false)
	var err error
	if s.otlp != nil {
		// A client that stalls in the middle of a gRPC message can hold the receiver's shutdown for ever.
		done := make(chan error, 1)
		go func() { done <- s.otlp.Shutdown(ctx) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		err = fmt.Errorf("stop the OTLP receiver with %d batches in flight: %w", s.counters.flying.Load(), err)
	}
	return errors.Join(err, s.stopAdmin(ctx))
}

// now is the time of receipt of a batch, one for all its spans.
func now() int64 { return time.Now().UnixNano() }
