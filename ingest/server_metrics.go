package ingest

import (
	"runtime"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// counters are what the server tells about itself on /metrics.
type counters struct {
	minuteLog
	registry *prometheus.Registry
	flying   atomic.Int64

	spansReceived   *prometheus.CounterVec // by transport
	spansStored     prometheus.Counter
	spansRefused    *prometheus.CounterVec // by reason
	messagesRefused *prometheus.CounterVec // by transport and reason
	limited         *prometheus.CounterVec // by limit
	unauthenticated prometheus.Counter
	batches         *prometheus.CounterVec // by signal, transport and result
	bytes           *prometheus.CounterVec // by transport
	insertSeconds   prometheus.Histogram
	pointsStored    prometheus.Counter
	logsReceived    prometheus.Counter
	contentDropped  *prometheus.CounterVec // by kind
}

func newCounters(config ServerConfig) (*counters, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	c := &counters{
		registry:        config.Registry,
		spansReceived:   vector("slowtoken_spans_received_total", "Spans that senders sent, copies included.", "transport"),
		spansStored:     counter("slowtoken_spans_stored_total", "Spans that were committed and acknowledged."),
		spansRefused:    vector("slowtoken_spans_refused_total", "Spans refused one by one; the sender was told through partial_success.", "reason"),
		messagesRefused: vector("slowtoken_messages_refused_total", "Whole messages refused before decoding.", "transport", "reason"),
		limited:         vector("slowtoken_limited_total", "Attributes dropped (attributes) and values cut (value_bytes) because they exceed a limit; the sender was told through partial_success.", "limit"),
		unauthenticated: counter("slowtoken_unauthenticated_total", "Calls refused for a missing or wrong bearer token."),
		batches:         vector("slowtoken_batches_total", "Export requests by what became of them: stored, busy (retry later) or failed (retry).", "signal", "transport", "result"),
		bytes:           vector("slowtoken_received_bytes_total", "Bytes of messages received, after decompression.", "transport"),
		insertSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "slowtoken_insert_seconds", Help: "Time from a decoded batch of spans to its commit.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		pointsStored:   counter("slowtoken_metric_points_stored_total", "Metric points that were committed and acknowledged."),
		logsReceived:   counter("slowtoken_log_records_received_total", "Log records that were accepted and left."),
		contentDropped: vector("slowtoken_content_dropped_total", "Prompts and completions removed before storing, by where they were: attribute or event.", "kind"),
	}
	if c.registry == nil {
		c.registry = prometheus.NewRegistry()
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "slowtoken_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": config.Version, "go": runtime.Version()},
	})
	build.Set(1)
	all := []prometheus.Collector{
		c.spansReceived, c.spansStored, c.spansRefused, c.messagesRefused, c.limited, c.unauthenticated, c.batches, c.bytes,
		c.insertSeconds, c.pointsStored, c.logsReceived, c.contentDropped, build,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "slowtoken_batches_in_flight", Help: "Export requests received and not answered yet.",
		}, func() float64 { return float64(c.flying.Load()) }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	all = append(all, config.Collectors...)
	if config.QueueDepth != nil {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "slowtoken_insert_queue_spans", Help: "Spans that wait for the next commit.",
		}, func() float64 { return float64(config.QueueDepth()) }))
	}
	for _, collector := range all {
		if err := c.registry.Register(collector); err != nil {
			return nil, err
		}
	}
	// Label values that are known beforehand show as 0 from the start, so that a rate over them has a beginning.
	for _, limit := range []string{"attributes", "value_bytes"} {
		c.limited.WithLabelValues(limit)
	}
	for _, transport := range []string{"grpc", "http"} {
		c.spansReceived.WithLabelValues(transport)
		for _, result := range []string{stored, busy, failed} {
			c.batches.WithLabelValues("traces", transport, result)
		}
	}
	return c, nil
}

// fly counts a batch as in flight until the returned function is called.
func (c *counters) fly() func() {
	c.flying.Add(1)
	return func() { c.flying.Add(-1) }
}

// What becomes of an export request.
const (
	stored = "stored"
	busy   = "busy"   // the sender is told to come back
	failed = "failed" // likewise
)

// batch counts what became of an export request.
func (c *counters) batch(signal string, o *outcome, result string) {
	c.batches.WithLabelValues(signal, o.transport, result).Inc()
}
