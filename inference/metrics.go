package inference

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what /metrics shows in Prometheus' format.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	first    prometheus.Histogram
	queue    prometheus.Histogram
	tokens   *prometheus.CounterVec
}

// buckets reach from a millisecond to 8 minutes.
var buckets = prometheus.ExponentialBuckets(0.001, 2, 20)

// NewMetrics returns metrics that stand at zero.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slowtoken_gateway_requests_total", Help: "Requests that ended, by API and outcome (an HTTP status, or cancelled).",
		}, []string{"route", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slowtoken_gateway_request_seconds", Help: "From a request's arrival to its end.", Buckets: buckets,
		}, []string{"route"}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "slowtoken_gateway_time_to_first_chunk_seconds", Help: "From a request's arrival until its first chunk was passed on; streamed answers only.", Buckets: buckets,
		}),
		queue: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "slowtoken_gateway_queue_seconds", Help: "Waits for a slot of requests that got one.", Buckets: buckets,
		}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slowtoken_gateway_tokens_total", Help: "Tokens as Ollama counts them.",
		}, []string{"type"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.first, m.queue, m.tokens)
	return m
}

// watch adds the state of a gateway's queue.
func (m *Metrics) watch(q *fairQueue) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slowtoken_gateway_waiting", Help: "Requests that wait for a slot."},
			func() float64 { _, waiting := q.state(); return float64(waiting) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "slowtoken_gateway_free_slots", Help: "Slots that nobody holds."},
			func() float64 { free, _ := q.state(); return float64(free) }),
	)
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// ended counts a request.
func (m *Metrics) ended(x *exchange) {
	outcome := x.failed
	if outcome == "" {
		outcome = "200"
	}
	m.requests.WithLabelValues(x.api.path, outcome).Inc()
	m.seconds.WithLabelValues(x.api.path).Observe(time.Duration(x.stamps.Ended - x.stamps.Arrived).Seconds())
	if x.stamps.Granted != 0 {
		m.queue.Observe(time.Duration(x.stamps.Granted - x.stamps.Queued).Seconds())
	}
	if len(x.chunks) > 0 {
		m.first.Observe(time.Duration(x.chunks[0] - x.stamps.Arrived).Seconds())
	}
	for name, n := range map[string]*int{"input": x.last.PromptEvalCount, "output": x.last.EvalCount} {
		if n != nil && *n > 0 {
			m.tokens.WithLabelValues(name).Add(float64(*n))
		}
	}
}
