package inference

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Without a GPU nothing is said of GPUs, and OTEL_* variables are obeyed.
func TestTelemetryObeysTheEnvironment(t *testing.T) {
	var log bytes.Buffer
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	telemetry, err := StartTelemetry(t.Context(), Sender{Service: "s", Version: "v1", GPUs: true}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := telemetry.Tracer.Start(t.Context(), "x")
	span.End()
	if err := telemetry.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if log.Len() > 0 {
		t.Errorf("it says: %s", log.String())
	}

	t.Setenv("OTEL_TRACES_EXPORTER", "pigeon")
	if _, err := StartTelemetry(t.Context(), Sender{Service: "s", Version: "v1", GPUs: true}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "OTEL_* variables): unknown exporter") {
		t.Errorf("an exporter that is not known: %v", err)
	}
}

func TestExportProblemsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	complain := quiet(slog.New(slog.NewTextHandler(&log, nil)))
	for range 10 {
		complain(errors.New("connection refused"))
	}
	if n := strings.Count(log.String(), "connection refused"); n != 1 {
		t.Errorf("it was logged %d times, want once", n)
	}
}

// twoGPUs are one that tells everything and one that tells little.
type twoGPUs struct{}

func (twoGPUs) close() error { return nil }

func (twoGPUs) read() []gpuReading {
	none := gpuReading{utilization: -1, memoryUsed: 7, memoryLimit: -1, pcieReceived: -1, pcieSent: -1, smClock: -1, memoryClock: -1, power: -1}
	all := gpuReading{id: "GPU-1", name: "H200", utilization: 0.5, memoryUsed: 1 << 30, memoryLimit: 2 << 30, pcieReceived: 3e9, pcieSent: 1e9, smClock: 1.98e9, memoryClock: 3.2e9, power: 412.5}
	return []gpuReading{all, none}
}

// What a GPU does not tell is not sent as a number.
func TestGPUMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	if err := watchGPUs(provider.Meter("test"), twoGPUs{}); err != nil {
		t.Fatal(err)
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	points := map[string][]float64{}
	for _, m := range got.ScopeMetrics[0].Metrics {
		for _, p := range m.Data.(metricdata.Gauge[float64]).DataPoints {
			points[m.Name+" "+m.Unit] = append(points[m.Name+" "+m.Unit], p.Value)
		}
	}
	for name, want := range map[string]int{
		"hw.gpu.utilization 1": 1, "hw.gpu.memory.usage By": 2, "hw.gpu.memory.limit By": 1, "slowtoken.gpu.pcie.throughput By/s": 2,
		"slowtoken.gpu.clock Hz": 2, "hw.power W": 1,
	} {
		if len(points[name]) != want {
			t.Errorf("%s has the points %v, want %d", name, points[name], want)
		}
	}
	if p := points["hw.power W"]; len(p) == 1 && p[0] != 412.5 {
		t.Errorf("power is %v W", p[0])
	}
}
