package ingest

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
)

// FromMetrics converts every data point of md, in md's order. Strings are shared with md, which must not change
// afterwards. A metric without data gives no point.
func FromMetrics(md pmetric.Metrics) []analyzer.MetricPoint {
	c := metricsConverter{points: make([]analyzer.MetricPoint, 0, md.DataPointCount())}
	resources := md.ResourceMetrics()
	for i := range resources.Len() {
		rm := resources.At(i)
		resource := &analyzer.Resource{
			Attributes:        c.attributes(rm.Resource().Attributes()),
			DroppedAttributes: rm.Resource().DroppedAttributesCount(),
			SchemaURL:         rm.SchemaUrl(),
		}
		for j := range rm.ScopeMetrics().Len() {
			sm := rm.ScopeMetrics().At(j)
			scope := c.scope(sm.Scope(), sm.SchemaUrl())
			for k := range sm.Metrics().Len() {
				c.metric(sm.Metrics().At(k), resource, scope)
			}
		}
	}
	return c.points
}

type metricsConverter struct {
	attributeSlab
	points []analyzer.MetricPoint
}

func (c *metricsConverter) metric(m pmetric.Metric, resource *analyzer.Resource, scope *analyzer.Scope) {
	base := analyzer.MetricPoint{
		Name: m.Name(), Description: m.Description(), Unit: m.Unit(),
		Metadata: c.attributes(m.Metadata()),
		Resource: resource, Scope: scope,
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		base.Type = analyzer.MetricGauge
		c.numbers(base, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		base.Type = analyzer.MetricSum
		base.Temporality = analyzer.Temporality(m.Sum().AggregationTemporality())
		base.Monotonic = m.Sum().IsMonotonic()
		c.numbers(base, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		base.Type = analyzer.MetricHistogram
		base.Temporality = analyzer.Temporality(m.Histogram().AggregationTemporality())
		c.histograms(base, m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		base.Type = analyzer.MetricExponentialHistogram
		base.Temporality = analyzer.Temporality(m.ExponentialHistogram().AggregationTemporality())
		c.exponentials(base, m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		base.Type = analyzer.MetricSummary
		c.summaries(base, m.Summary().DataPoints())
	}
}

func (c *metricsConverter) numbers(base analyzer.MetricPoint, list pmetric.NumberDataPointSlice) {
	for i := range list.Len() {
		p := list.At(i)
		point := base
		c.common(&point, p)
		point.Exemplars = c.exemplars(p.Exemplars())
		switch p.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			point.Value = analyzer.Int(p.IntValue())
		case pmetric.NumberDataPointValueTypeDouble:
			point.Value = analyzer.Double(p.DoubleValue())
		}
		c.points = append(c.points, point)
	}
}

func (c *metricsConverter) histograms(base analyzer.MetricPoint, list pmetric.HistogramDataPointSlice) {
	for i := range list.Len() {
		p := list.At(i)
		point := base
		c.common(&point, p)
		point.Exemplars = c.exemplars(p.Exemplars())
		point.Count = p.Count()
		spread(&point, p)
		point.Bounds = p.ExplicitBounds().AsRaw()
		point.Buckets = p.BucketCounts().AsRaw()
		c.points = append(c.points, point)
	}
}

func (c *metricsConverter) exponentials(base analyzer.MetricPoint, list pmetric.ExponentialHistogramDataPointSlice) {
	for i := range list.Len() {
		p := list.At(i)
		point := base
		c.common(&point, p)
		point.Exemplars = c.exemplars(p.Exemplars())
		point.Count = p.Count()
		spread(&point, p)
		point.Exponential = &analyzer.ExponentialBuckets{
			Scale:          p.Scale(),
			ZeroCount:      p.ZeroCount(),
			ZeroThreshold:  p.ZeroThreshold(),
			PositiveOffset: p.Positive().Offset(),
			NegativeOffset: p.Negative().Offset(),
			Positive:       p.Positive().BucketCounts().AsRaw(),
			Negative:       p.Negative().BucketCounts().AsRaw(),
		}
		c.points = append(c.points, point)
	}
}

func (c *metricsConverter) summaries(base analyzer.MetricPoint, list pmetric.SummaryDataPointSlice) {
	for i := range list.Len() {
		p := list.At(i)
		point := base
		c.common(&point, p)
		point.Count = p.Count()
		point.Sum = analyzer.Double(p.Sum())
		for q := range p.QuantileValues().Len() {
			v := p.QuantileValues().At(q)
			point.Quantiles = append(point.Quantiles, analyzer.Quantile{Quantile: v.Quantile(), Value: v.Value()})
		}
		c.points = append(c.points, point)
	}
}

// A dataPoint is what data points of all types say.
type dataPoint interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

func (c *metricsConverter) common(point *analyzer.MetricPoint, p dataPoint) {
	point.Start = int64(p.StartTimestamp())
	point.Time = int64(p.Timestamp())
	point.Attributes = c.attributes(p.Attributes())
	point.Flags = uint32(p.Flags())
}

// A histogramPoint is what both kinds of histograms say of the values they count.
type histogramPoint interface {
	HasSum() bool
	Sum() float64
	HasMin() bool
	Min() float64
	HasMax() bool
	Max() float64
}

func spread(point *analyzer.MetricPoint, p histogramPoint) {
	if p.HasSum() {
		point.Sum = analyzer.Double(p.Sum())
	}
	if p.HasMin() {
		point.Min = analyzer.Double(p.Min())
	}
	if p.HasMax() {
		point.Max = analyzer.Double(p.Max())
	}
}

func (c *metricsConverter) exemplars(list pmetric.ExemplarSlice) []analyzer.Exemplar {
	if list.Len() == 0 {
		return nil
	}
	exemplars := make([]analyzer.Exemplar, list.Len())
	for i := range exemplars {
		e := list.At(i)
		exemplars[i] = analyzer.Exemplar{
			Time:       int64(e.Timestamp()),
			TraceID:    analyzer.TraceID(e.TraceID()),
			SpanID:     analyzer.SpanID(e.SpanID()),
			Attributes: c.attributes(e.FilteredAttributes()),
		}
		switch e.ValueType() {
		case pmetric.ExemplarValueTypeInt:
			exemplars[i].Value = analyzer.Int(e.IntValue())
		case pmetric.ExemplarValueTypeDouble:
			exemplars[i].Value = analyzer.Double(e.DoubleValue())
		}
	}
	return exemplars
}
