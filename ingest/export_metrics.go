package ingest

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ToMetrics converts metric points to OTLP, the inverse of [FromMetrics]. Points that share a Resource come under one
// ResourceMetrics, those that also share a Scope under one ScopeMetrics, in order of first appearance; neighbours there of
// which all that a metric says is the same are points of one metric.
func ToMetrics(points []analyzer.MetricPoint) pmetric.Metrics {
	type place struct {
		resource *analyzer.Resource
		scope    *analyzer.Scope
	}
	type open struct { // the last metric of a scope
		metric pmetric.Metric
		of     *analyzer.MetricPoint
	}
	md := pmetric.NewMetrics()
	resources := map[*analyzer.Resource]pmetric.ResourceMetrics{}
	scopes := map[place]pmetric.ScopeMetrics{}
	last := map[place]open{}
	for i := range points {
		p := &points[i]
		rm, ok := resources[p.Resource]
		if !ok {
			rm = md.ResourceMetrics().AppendEmpty()
			if p.Resource != nil {
				rm.SetSchemaUrl(putResource(rm.Resource(), p.Resource))
			}
			resources[p.Resource] = rm
		}
		at := place{p.Resource, p.Scope}
		sm, ok := scopes[at]
		if !ok {
			sm = rm.ScopeMetrics().AppendEmpty()
			if p.Scope != nil {
				sm.SetSchemaUrl(putScope(sm.Scope(), p.Scope))
			}
			scopes[at] = sm
		}
		m := last[at]
		if m.of == nil || !sameMetric(m.of, p) {
			m = open{sm.Metrics().AppendEmpty(), p}
			putMetric(m.metric, p)
			last[at] = m
		}
		putPoint(m.metric, p)
	}
	return md
}

// sameMetric reports whether two points say the same of their metric.
func sameMetric(a, b *analyzer.MetricPoint) bool {
	return a.Name == b.Name && a.Description == b.Description && a.Unit == b.Unit && a.Type == b.Type &&
		a.Temporality == b.Temporality && a.Monotonic == b.Monotonic && a.Metadata.Equal(b.Metadata)
}

// putMetric fills in what p says of its metric.
func putMetric(dst pmetric.Metric, p *analyzer.MetricPoint) {
	dst.SetName(p.Name)
	dst.SetDescription(p.Description)
	dst.SetUnit(p.Unit)
	putAttributes(dst.Metadata(), p.Metadata)
	temporality := pmetric.AggregationTemporality(p.Temporality)
	switch p.Type {
	case analyzer.MetricGauge:
		dst.SetEmptyGauge()
	case analyzer.MetricSum:
		dst.SetEmptySum().SetAggregationTemporality(temporality)
		dst.Sum().SetIsMonotonic(p.Monotonic)
	case analyzer.MetricHistogram:
		dst.SetEmptyHistogram().SetAggregationTemporality(temporality)
	case analyzer.MetricExponentialHistogram:
		dst.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
	case analyzer.MetricSummary:
		dst.SetEmptySummary()
	}
}

// putPoint adds p to its metric.
func putPoint(metric pmetric.Metric, p *analyzer.MetricPoint) {
	switch p.Type {
	case analyzer.MetricGauge:
		putNumber(metric.Gauge().DataPoints().AppendEmpty(), p)
	case analyzer.MetricSum:
		putNumber(metric.Sum().DataPoints().AppendEmpty(), p)
	case analyzer.MetricHistogram:
		dst := metric.Histogram().DataPoints().AppendEmpty()
		putCommon(dst, p)
		putSpread(dst, p)
		putExemplars(dst.Exemplars(), p.Exemplars)
		dst.ExplicitBounds().FromRaw(p.Bounds)
		dst.BucketCounts().FromRaw(p.Buckets)
	case analyzer.MetricExponentialHistogram:
		dst := metric.ExponentialHistogram().DataPoints().AppendEmpty()
		putCommon(dst, p)
		putSpread(dst, p)
		putExemplars(dst.Exemplars(), p.Exemplars)
		if e := p.Exponential; e != nil {
			dst.SetScale(e.Scale)
			dst.SetZeroCount(e.ZeroCount)
			dst.SetZeroThreshold(e.ZeroThreshold)
			dst.Positive().SetOffset(e.PositiveOffset)
			dst.Positive().BucketCounts().FromRaw(e.Positive)
			dst.Negative().SetOffset(e.NegativeOffset)
			dst.Negative().BucketCounts().FromRaw(e.Negative)
		}
	case analyzer.MetricSummary:
		dst := metric.Summary().DataPoints().AppendEmpty()
		putCommon(dst, p)
		dst.SetCount(p.Count)
		if sum, ok := p.Sum.AsDouble(); ok {
			dst.SetSum(sum)
		}
		for _, q := range p.Quantiles {
			value := dst.QuantileValues().AppendEmpty()
			value.SetQuantile(q.Quantile)
			value.SetValue(q.Value)
		}
	}
}

func putNumber(dst pmetric.NumberDataPoint, p *analyzer.MetricPoint) {
	putCommon(dst, p)
	putExemplars(dst.Exemplars(), p.Exemplars)
	if n, ok := p.Value.AsInt(); ok {
		dst.SetIntValue(n)
	} else if f, ok := p.Value.AsDouble(); ok {
		dst.SetDoubleValue(f)
	}
}

func putCommon(dst interface {
	Attributes() pcommon.Map
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}, p *analyzer.MetricPoint) {
	putAttributes(dst.Attributes(), p.Attributes)
	dst.SetStartTimestamp(pcommon.Timestamp(p.Start))
	dst.SetTimestamp(pcommon.Timestamp(p.Time))
	dst.SetFlags(pmetric.DataPointFlags(p.Flags))
}

func putSpread(dst interface {
	SetCount(uint64)
	SetSum(float64)
	SetMin(float64)
	SetMax(float64)
}, p *analyzer.MetricPoint) {
	dst.SetCount(p.Count)
	for _, f := range []struct {
		value analyzer.Value
		set   func(float64)
	}{{p.Sum, dst.SetSum}, {p.Min, dst.SetMin}, {p.Max, dst.SetMax}} {
		if v, ok := f.value.AsDouble(); ok {
			f.set(v)
		}
	}
}

func putExemplars(dst pmetric.ExemplarSlice, list []analyzer.Exemplar) {
	dst.EnsureCapacity(len(list))
	for _, e := range list {
		exemplar := dst.AppendEmpty()
		exemplar.SetTimestamp(pcommon.Timestamp(e.Time))
		exemplar.SetTraceID(pcommon.TraceID(e.TraceID))
		exemplar.SetSpanID(pcommon.SpanID(e.SpanID))
		putAttributes(exemplar.FilteredAttributes(), e.Attributes)
		if n, ok := e.Value.AsInt(); ok {
			exemplar.SetIntValue(n)
		} else if f, ok := e.Value.AsDouble(); ok {
			exemplar.SetDoubleValue(f)
		}
	}
}
