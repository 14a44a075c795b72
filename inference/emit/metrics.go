package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// prometheusScope is that of OpenTelemetry's receiver, which reads the /metrics of servers that speak no OTLP.
var prometheusScope = &analyzer.Scope{
	Name: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver", Version: "0.141.0",
}

func (w *writer) gauge(resource *analyzer.Resource, s sim.Sample, name, unit string, value float64) analyzer.MetricPoint {
	return analyzer.MetricPoint{
		Name: name, Unit: unit, Type: analyzer.MetricGauge, Time: s.At, Value: analyzer.Double(value),
		Attributes: analyzer.Attributes{text("model_name", w.run.Config.Model.Name)}, Resource: resource, Scope: prometheusScope,
	}
}

// counter is a sum since the run began.
func (w *writer) counter(resource *analyzer.Resource, s sim.Sample, name string, value float64) analyzer.MetricPoint {
	p := w.gauge(resource, s, name, "", value)
	p.Type, p.Temporality, p.Monotonic, p.Start = analyzer.MetricSum, analyzer.TemporalityCumulative, true, w.run.Config.Start
	return p
}

// histogram is one over all requests since the run began that counts says are in it, by what it says of each. It has no
// bounds: its count and sum are what the emitted stacks' readers go by.
func (w *writer) histogram(resource *analyzer.Resource, s sim.Sample, name string, counts func(*sim.Request) (value int, at int64)) analyzer.MetricPoint {
	p := w.gauge(resource, s, name, "", 0)
	p.Type, p.Temporality, p.Start, p.Value, p.Attributes = analyzer.MetricHistogram, analyzer.TemporalityCumulative, w.run.Config.Start, analyzer.Value{}, nil
	sum := 0
	for i := range w.run.Requests {
		r := &w.run.Requests[i]
		if value, at := counts(r); r.Replica == s.Replica && at > 0 && at <= s.At {
			p.Count++
			sum += value
		}
	}
	p.Sum, p.Buckets = analyzer.Double(float64(sum)), []uint64{p.Count}
	return p
}

// gpu returns what NVIDIA's exporter says of the device: its use over the last interval, and its clock. Source:
// https://github.com/NVIDIA/dcgm-exporter, etc/dcp-metrics-included.csv.
func (w *writer) gpu(s sim.Sample) []analyzer.MetricPoint {
	device := func(name string, value float64) analyzer.MetricPoint {
		p := w.gauge(w.devices[s.Replica], s, name, "", value)
		p.Attributes = analyzer.Attributes{text("gpu", "0"), text("modelName", w.run.Config.Device.Name)}
		return p
	}
	return []analyzer.MetricPoint{
		device("DCGM_FI_DEV_GPU_UTIL", float64(int(100*s.Use+0.5))),
		device("DCGM_FI_DEV_SM_CLOCK", float64(int(w.run.Config.ClockAt(s.At)))),
	}
}
