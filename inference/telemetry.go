package inference

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry sends spans and metrics to where the standard OTEL_* variables say; without any, over OTLP/HTTP to port 4318
// of this machine, where slowtoken serve listens.
type Telemetry struct {
	Tracer     trace.Tracer
	Propagator propagation.TextMapPropagator
	shutdown   []func(context.Context) error
}

// scope names the instrumentation.
const scope = "github.com/slowtoken/slowtoken/inference"

// chunkEvents is how many events, and so chunks, a span may carry unless OTEL_SPAN_EVENT_COUNT_LIMIT says otherwise. The
// SDK's own limit of 128 would cut most answers, and with a part of the chunks nothing can be said of any.
const chunkEvents = 8192

// StartTelemetry starts exporting. Metrics are sent only when there is a GPU to speak of. Problems on the way are logged,
// each message at most once a minute.
func StartTelemetry(ctx context.Context, version string, logger *slog.Logger) (_ *Telemetry, err error) {
	t := &Telemetry{Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start OpenTelemetry (OTEL_* variables): %w", err), t.Shutdown(context.WithoutCancel(ctx)))
		}
	}()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(quiet(logger)))
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "slowtoken-gateway"),
			attribute.String("service.version", version),
			attribute.String("service.instance.id", uuid.NewString()),
		),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	limits := sdktrace.NewSpanLimits()
	if os.Getenv("OTEL_SPAN_EVENT_COUNT_LIMIT") == "" {
		limits.EventCountLimit = chunkEvents
	}
	spans := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(exporter), sdktrace.WithRawSpanLimits(limits))
	t.shutdown = append(t.shutdown, spans.Shutdown)
	t.Tracer = spans.Tracer(scope)

	gpus, err := openGPUs()
	if err != nil {
		logger.Debug("no GPU metrics are sent", "why", err)
		return t, nil
	}
	t.shutdown = append(t.shutdown, func(context.Context) error { return gpus.close() })
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, err
	}
	points := metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(reader))
	t.shutdown = append(t.shutdown, points.Shutdown)
	return t, watchGPUs(points.Meter(scope), gpus)
}

// Shutdown sends what is left, and ends.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for i := len(t.shutdown) - 1; i >= 0; i-- {
		errs = append(errs, t.shutdown[i](ctx))
	}
	return errors.Join(errs...)
}

// quiet logs each message at most once a minute.
func quiet(logger *slog.Logger) func(error) {
	var mu sync.Mutex
	said := map[string]time.Time{}
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if message := err.Error(); time.Since(said[message]) > time.Minute && len(said) < 1000 {
			said[message] = time.Now()
			logger.Warn("telemetry was not sent: look at OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_TRACES_EXPORTER=none", "error", err)
		}
	}
}
