package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A collector takes telemetry as it comes over the wire, from the same SDK and through the same reader as everybody's.
type collector struct {
	mu       sync.Mutex
	received []analyzer.Span
	problem  error
	servers  []*httptest.Server
	senders  []*sdktrace.TracerProvider
}

// clientService is the name under which the load generator sends.
const clientService = "application"

// queueLength is more spans than any run has: none is dropped on the way.
const queueLength = 1 << 17

// tracer returns where the spans of a service's instance go.
func (c *collector) tracer(ctx context.Context, service string, instance int) (trace.Tracer, error) {
	server := httptest.NewServer(http.HandlerFunc(c.receive))
	c.servers = append(c.servers, server)
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(strings.TrimPrefix(server.URL, "http://")), otlptracehttp.WithInsecure())
	if err != nil {
		return nil, fmt.Errorf("send telemetry: %w", err)
	}
	about := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.instance.id", fmt.Sprintf("%s-%d", service, instance)))
	limits := sdktrace.NewSpanLimits()
	limits.EventCountLimit = 8192 // as the gateway has it
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(queueLength), sdktrace.WithBatchTimeout(time.Hour))) // sent when all is over
	c.senders = append(c.senders, provider)
	return provider.Tracer("github.com/slowtoken/slowtoken/cmd/realtruth"), nil
}

func noTelemetry() (trace.TracerProvider, trace.Tracer) {
	p := noop.NewTracerProvider()
	return p, p.Tracer("")
}

func (c *collector) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := ptraceotlp.NewExportRequest()
	if err == nil {
		err = request.UnmarshalProto(body)
	}
	spans, refused := ingest.FromTraces(request.Traces())
	if err == nil && refused.Total() > 0 {
		err = fmt.Errorf("%d spans were refused: %v", refused.Total(), refused.Reasons())
	}
	c.mu.Lock()
	c.received = append(c.received, spans...)
	if c.problem == nil && err != nil {
		c.problem = fmt.Errorf("receive telemetry: %w", err)
	}
	c.mu.Unlock()
	answer, err := ptraceotlp.NewExportResponse().MarshalProto()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(answer)
}

// spans ends the sending and returns what came of traces that started from a time on.
func (c *collector) spans(from int64) (list []analyzer.Span, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, sender := range c.senders {
		if err := sender.Shutdown(ctx); err != nil {
			return nil, fmt.Errorf("send telemetry: %w", err)
		}
	}
	for _, server := range c.servers {
		server.Close()
	}
	if c.problem != nil {
		return nil, c.problem
	}
	early := map[analyzer.TraceID]bool{}
	for i := range c.received {
		early[c.received[i].TraceID] = early[c.received[i].TraceID] || c.received[i].Start < from
	}
	for i := range c.received {
		if !early[c.received[i].TraceID] {
			list = append(list, c.received[i])
		}
	}
	return list, nil
}

// ofClient keeps what the application's own telemetry says, as where the server's is out of reach.
func ofClient(spans []analyzer.Span) (list []analyzer.Span) {
	for i := range spans {
		if spans[i].Resource.Attributes.Text("service.name") == clientService {
			list = append(list, spans[i])
		}
	}
	return list
}
