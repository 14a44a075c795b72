package analyzer

// A MetricType is the kind of an OTLP metric.
type MetricType uint8

// The metric types of OTLP.
const (
	MetricGauge MetricType = iota + 1
	MetricSum
	MetricHistogram
	MetricExponentialHistogram
	MetricSummary
)

// A Temporality says what a sum or histogram counts from; the numbers are OTLP's.
type Temporality uint8

// The temporalities of OTLP.
const (
	TemporalityUnspecified Temporality = iota
	TemporalityDelta
	TemporalityCumulative
)

// A MetricPoint is one data point of a metric, with what its metric, scope and resource say of it. Which of the value
// fields hold anything depends on Type.
type MetricPoint struct {
	Name, Description, Unit string
	Type                    MetricType
	Temporality             Temporality
	Monotonic               bool
	Metadata                Attributes // of the metric

	Start, Time int64 // nanoseconds since the Unix epoch; Start is zero when unstated
	Attributes  Attributes
	Flags       uint32
	Resource    *Resource
	Scope       *Scope
	Exemplars   []Exemplar

	Value Value // gauge and sum: an integer or a double; empty when the point says it has no value

	Count    uint64    // histograms and summaries
	Sum      Value     // a double, or empty when unstated
	Min, Max Value     // doubles, or empty when unstated
	Bounds   []float64 // explicit upper bounds of all buckets but the last
	Buckets  []uint64  // one more than Bounds

	Exponential *ExponentialBuckets
	Quantiles   []Quantile // summaries
}

// ExponentialBuckets are the buckets of an exponential histogram: bucket i counts values in (base^i, base^(i+1)] with
// base = 2^(2^-Scale).
type ExponentialBuckets struct {
	Scale                          int32
	ZeroCount                      uint64
	ZeroThreshold                  float64
	PositiveOffset, NegativeOffset int32
	Positive, Negative             []uint64
}

// A Quantile is one line of a summary.
type Quantile struct{ Quantile, Value float64 }

// An Exemplar is a measurement that a metric point points back to.
type Exemplar struct {
	Time       int64
	Value      Value
	TraceID    TraceID
	SpanID     SpanID
	Attributes Attributes
}
