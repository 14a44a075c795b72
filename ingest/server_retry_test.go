package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failing returns an insert hook that fails n times with err.
func failing(n int32, err error) (hook func(context.Context) error, calls *atomic.Int32) {
	calls = new(atomic.Int32)
	return func(context.Context) error {
		if calls.Add(1) <= n {
			return err
		}
		return nil
	}, calls
}

func TestAFullSinkSaysWhenToComeBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		grpc  codes.Code
		http  int
		delay time.Duration
	}{
		{"full", fmt.Errorf("insert: %w", fullFor(0)), codes.ResourceExhausted, http.StatusTooManyRequests, time.Second},
		{"full for 2.1 s", fullFor(2100 * time.Millisecond), codes.ResourceExhausted, http.StatusTooManyRequests, 3 * time.Second},
		{"disk full", errors.New("disk full"), codes.Unavailable, http.StatusServiceUnavailable, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := &memorySink{insert: func(context.Context) error { return c.err }}
			s := startServer(t, ServerConfig{}, sink)
			_, err := dial(t, s.Info().GRPC).Export(t.Context(), request(spansNamed("span")))
			if status.Code(err) != c.grpc {
				t.Errorf("gRPC answers %v, want %v", err, c.grpc)
			}
			var delay time.Duration
			for _, detail := range status.Convert(err).Details() {
				if retry, ok := detail.(*errdetails.RetryInfo); ok {
					delay = retry.RetryDelay.AsDuration()
				}
			}
			if delay != c.delay {
				t.Errorf("RetryInfo says %v, want %v", delay, c.delay)
			}
			retryAfter := strconv.Itoa(int(c.delay.Seconds()))
			for _, asJSON := range []bool{false, true} {
				got := post(t, s, "/v1/traces", encode(t, spansNamed("span"), asJSON), contentType(asJSON), "")
				if got.code != c.http || got.header.Get("Retry-After") != retryAfter {
					t.Errorf("json=%v: HTTP answers %d, Retry-After %q; want %d, %s", asJSON, got.code, got.header.Get("Retry-After"), c.http, retryAfter)
				}
			}
			wantNames(t, sink)
		})
	}
}

// TestTheSDKsExportersRetryUntilStored sends through the exporters that applications use, to a sink that is full once.
func TestTheSDKsExportersRetryUntilStored(t *testing.T) {
	for name, newExporter := range map[string]func(context.Context, ServerInfo) (sdk.SpanExporter, error){
		"otlptracegrpc": func(ctx context.Context, info ServerInfo) (sdk.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(info.GRPC), otlptracegrpc.WithInsecure(),
				otlptracegrpc.WithCompressor("gzip"), otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
					Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: time.Minute}))
		},
		"otlptracehttp": func(ctx context.Context, info ServerInfo) (sdk.SpanExporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(info.HTTP), otlptracehttp.WithInsecure(),
				otlptracehttp.WithCompression(otlptracehttp.GzipCompression), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
					Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: time.Minute}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			hook, calls := failing(1, fullFor(0))
			sink := &memorySink{insert: hook}
			s := startServer(t, ServerConfig{}, sink)
			exporter, err := newExporter(t.Context(), s.Info())
			if err != nil {
				t.Fatal(err)
			}
			provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_, span := provider.Tracer("test").Start(ctx, "chat")
			span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", 12))
			span.End() // exports, and returns when the exporter is done
			if err := provider.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			wantNames(t, sink, "chat")
			if calls.Load() != 2 {
				t.Errorf("the sink was called %d times, want 2: full, then not", calls.Load())
			}
			if v, _ := sink.spans[0].Attributes.Number("gen_ai.usage.input_tokens"); v != 12 {
				t.Errorf("attributes %v", sink.spans[0].Attributes)
			}
		})
	}
}
