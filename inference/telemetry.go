package inference

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
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

// A Sender is who sends spans, and how.
type Sender struct {
	Service string // service.name, unless OTEL_SERVICE_NAME says otherwise
	Version string // of slowtoken
	// Endpoint is the base URL of an OTLP/HTTP receiver that spans go to, whatever OTEL_* variables say; "" for as they say.
	Endpoint string
	GPUs     bool // metrics of this machine's GPUs are sent, too, if it has any
}

// spanQueue is how many spans may wait to be sent unless OTEL_BSP_MAX_QUEUE_SIZE says otherwise; what goes beyond is lost.
// The SDK's own limit of 2048 is less than a burst of requests makes before the first batch is sent.
const spanQueue = 1 << 16

// StartTelemetry starts exporting. Problems on the way are logged, each message at most once a minute.
func StartTelemetry(ctx context.Context, s Sender, logger *slog.Logger) (_ *Telemetry, err error) {
	t := &Telemetry{Propagator: propagators()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start OpenTelemetry (OTEL_* variables): %w", err), t.Shutdown(context.WithoutCancel(ctx)))
		}
	}()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(quiet(logger)))
	about, err := resource.New(ctx,
		resource.WithAttributes(s.attributes()...),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	exporter, err := s.exporter(ctx)
	if err != nil {
		return nil, err
	}
	t.trace(about, exporter)
	if !s.GPUs {
		return t, nil
	}
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

// TelemetryTo sends spans over OTLP/HTTP to an address of this machine, such as 127.0.0.1:4318, whatever OTEL_* variables
// say of where spans go, and no metrics.
func TelemetryTo(ctx context.Context, address, version string, logger *slog.Logger) (*Telemetry, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(quiet(logger)))
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(address), otlptracehttp.WithURLPath("/v1/traces"),
		otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(map[string]string{}))
	if err != nil {
		return nil, fmt.Errorf("send spans to %s: %w", address, err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(Sender{Service: "slowtoken-gateway", Version: version}.attributes()...), resource.WithTelemetrySDK(), resource.WithHost())
	if err != nil {
		return nil, fmt.Errorf("describe this process: %w", err)
	}
	t := &Telemetry{Propagator: propagators()}
	t.trace(about, exporter)
	return t, nil
}

func propagators() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

func (s Sender) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("service.name", s.Service),
		attribute.String("service.version", s.Version),
		attribute.String("service.instance.id", uuid.NewString()),
	}
}

// trace lets spans be made and handed to the exporter.
func (t *Telemetry) trace(about *resource.Resource, exporter sdktrace.SpanExporter) {
	limits := sdktrace.NewSpanLimits()
	if os.Getenv("OTEL_SPAN_EVENT_COUNT_LIMIT") == "" {
		limits.EventCountLimit = chunkEvents
	}
	var batches []sdktrace.BatchSpanProcessorOption
	if os.Getenv("OTEL_BSP_MAX_QUEUE_SIZE") == "" {
		batches = append(batches, sdktrace.WithMaxQueueSize(spanQueue))
	}
	spans := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(exporter, batches...), sdktrace.WithRawSpanLimits(limits))
	t.shutdown = append(t.shutdown, spans.Shutdown)
	t.Tracer = spans.Tracer(scope)
}

func (s Sender) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if s.Endpoint == "" {
		return autoexport.NewSpanExporter(ctx)
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(s.Endpoint, "/")+"/v1/traces"))
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
