package inference

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A gpuReading is the state of one GPU; values that it does not tell are negative.
type gpuReading struct {
	id, name                string
	utilization             float64 // share of the last sampling period in which a kernel ran, 0 to 1
	memoryUsed, memoryLimit int64   // bytes
	pcieReceived, pcieSent  int64   // bytes a second, over the last 20 ms
	smClock, memoryClock    int64   // Hz
	power                   float64 // W
}

// A gpuSource reads the GPUs of this machine.
type gpuSource interface {
	read() []gpuReading
	close() error
}

// watchGPUs observes gpus whenever metrics are collected. The names are OpenTelemetry's for hardware where it has any.
func watchGPUs(meter metric.Meter, gpus gpuSource) error {
	gauge := func(name, unit, about string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
		if err != nil {
			panic(err) // a name that is no name of a metric
		}
		return g
	}
	use := gauge("hw.gpu.utilization", "1", "Share of time in which a kernel ran.")
	used := gauge("hw.gpu.memory.usage", "By", "Memory of the GPU that is taken.")
	limit := gauge("hw.gpu.memory.limit", "By", "Memory that the GPU has.")
	pcie := gauge("slowtoken.gpu.pcie.throughput", "By/s", "Bytes over PCIe, over 20 ms.")
	clock := gauge("slowtoken.gpu.clock", "Hz", "Clock of a part of the GPU.")
	power := gauge("hw.power", "W", "Power that the GPU draws.")
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, r := range gpus.read() {
			observe := func(g metric.Float64ObservableGauge, value float64, more ...attribute.KeyValue) {
				if value >= 0 {
					about := append(more, attribute.String("hw.id", r.id), attribute.String("hw.name", r.name), attribute.String("hw.type", "gpu"))
					o.ObserveFloat64(g, value, metric.WithAttributes(about...))
				}
			}
			observe(use, r.utilization, attribute.String("hw.gpu.task", "general"))
			observe(used, float64(r.memoryUsed))
			observe(limit, float64(r.memoryLimit))
			observe(pcie, float64(r.pcieReceived), attribute.String("network.io.direction", "receive"))
			observe(pcie, float64(r.pcieSent), attribute.String("network.io.direction", "transmit"))
			observe(clock, float64(r.smClock), attribute.String("slowtoken.gpu.part", "sm"))
			observe(clock, float64(r.memoryClock), attribute.String("slowtoken.gpu.part", "memory"))
			observe(power, r.power)
		}
		return nil
	}, use, used, limit, pcie, clock, power)
	return err
}
