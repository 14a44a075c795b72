package ingest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// noExtensions is the host of an exporter that needs nothing from it.
type noExtensions struct{}

func (noExtensions) GetExtensions() map[component.ID]component.Component { return nil }

// The collector's own exporter, with its sending queue and its retries, loses nothing to a server that is full half of
// the time.
func TestTheCollectorsExporterLosesNothing(t *testing.T) {
	const batches, perBatch = 24, 50
	var calls, refused atomic.Int32
	sink := &memorySink{insert: func(context.Context) error {
		if calls.Add(1)%2 == 1 {
			refused.Add(1)
			return fullFor(0)
		}
		return nil
	}}
	s := startServer(t, ServerConfig{}, sink)

	factory := otlpexporter.NewFactory()
	config := factory.CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{
		"endpoint":         s.Info().GRPC,
		"tls":              map[string]any{"insecure": true},
		"sending_queue":    map[string]any{"num_consumers": batches},
		"retry_on_failure": map[string]any{"initial_interval": "10ms", "max_elapsed_time": "2m"},
	}).Unmarshal(config)
	if err != nil {
		t.Fatal(err)
	}
	e, err := factory.CreateTraces(t.Context(), exporter.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: zap.NewNop(), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: noop.NewMeterProvider(), Resource: pcommon.NewResource(),
		},
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := e.Start(ctx, noExtensions{}); err != nil {
		t.Fatal(err)
	}
	for i := range batches {
		if err := e.ConsumeTraces(ctx, numberedSpans(i, perBatch)); err != nil {
			t.Fatal(err)
		}
	}
	for ; len(sink.names()) < batches*perBatch && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
	}
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	stored := map[string]int{}
	for _, name := range sink.names() {
		stored[name]++
	}
	for i := range batches {
		for j := range perBatch {
			if name := fmt.Sprintf("span %d of %d", j, i); stored[name] != 1 {
				t.Errorf("%s was stored %d times", name, stored[name])
			}
		}
	}
	if refused.Load() < batches/2 {
		t.Errorf("only %d exports were refused: nothing was retried", refused.Load())
	}
}

// An application's batch processor loses nothing to such a server either.
func TestTheSDKsBatchProcessorLosesNothing(t *testing.T) {
	const spans = 2000
	var calls atomic.Int32
	sink := &memorySink{insert: func(context.Context) error {
		if calls.Add(1)%2 == 1 {
			return fullFor(0)
		}
		return nil
	}}
	s := startServer(t, ServerConfig{}, sink)
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(s.Info().GRPC), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Second, MaxElapsedTime: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(spans), sdk.WithMaxExportBatchSize(512)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range spans {
		_, span := provider.Tracer("test").Start(ctx, fmt.Sprintf("span %d", i))
		span.End()
	}
	if err := provider.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	stored := map[string]int{}
	for _, name := range sink.names() {
		stored[name]++
	}
	for i := range spans {
		if n := stored[fmt.Sprintf("span %d", i)]; n != 1 {
			t.Errorf("span %d was stored %d times", i, n)
		}
	}
	if calls.Load() < 8 {
		t.Errorf("the sink was called %d times: nothing was retried", calls.Load())
	}
}

func numberedSpans(batch, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetName(fmt.Sprintf("span %d of %d", i, batch))
		s.SetTraceID(pcommon.TraceID{14: byte(batch), 15: byte(i + 1)})
		s.SetSpanID(pcommon.SpanID{7: byte(i + 1)})
		s.SetStartTimestamp(1_000)
		s.SetEndTimestamp(2_000)
	}
	return td
}
