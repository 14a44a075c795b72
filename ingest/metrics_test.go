package ingest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
)

// everyMetric returns one metric of each type, with every field set.
func everyMetric() pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.SetSchemaUrl("https://example.com/resource")
	rm.Resource().Attributes().PutStr("service.name", "engine")
	rm.Resource().SetDroppedAttributesCount(1)
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.SetSchemaUrl("https://example.com/scope")
	sm.Scope().SetName("scope")
	sm.Scope().SetVersion("v1")
	sm.Scope().SetDroppedAttributesCount(2)
	sm.Scope().Attributes().PutBool("s", true)
	metric := func(name string) pmetric.Metric {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetDescription("about " + name)
		m.SetUnit("s")
		m.Metadata().PutStr("from", "prometheus")
		return m
	}
	point := func(p interface {
		Attributes() pcommon.Map
		SetStartTimestamp(pcommon.Timestamp)
		SetTimestamp(pcommon.Timestamp)
		SetFlags(pmetric.DataPointFlags)
	}) {
		p.Attributes().PutStr("model", "llama")
		p.SetStartTimestamp(1)
		p.SetTimestamp(2)
		p.SetFlags(1)
	}
	exemplars := func(list pmetric.ExemplarSlice) {
		for i := range 2 {
			e := list.AppendEmpty()
			e.SetTimestamp(3)
			e.SetTraceID(pcommon.TraceID{1})
			e.SetSpanID(pcommon.SpanID{2})
			e.FilteredAttributes().PutStr("user", "u")
			if i == 0 {
				e.SetIntValue(7)
			} else {
				e.SetDoubleValue(0.5)
			}
		}
	}
	numbers := func(list pmetric.NumberDataPointSlice) {
		for i := range 3 {
			p := list.AppendEmpty()
			point(p)
			exemplars(p.Exemplars())
			switch i {
			case 0:
				p.SetIntValue(-4)
			case 1:
				p.SetDoubleValue(1.5)
			}
		}
	}
	numbers(metric("gauge").SetEmptyGauge().DataPoints())
	sum := metric("sum").SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	sum.SetIsMonotonic(true)
	numbers(sum.DataPoints())

	histogram := metric("histogram").SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	h := histogram.DataPoints().AppendEmpty()
	point(h)
	exemplars(h.Exemplars())
	h.SetCount(3)
	h.SetSum(0.75)
	h.SetMin(0.1)
	h.SetMax(0.4)
	h.ExplicitBounds().FromRaw([]float64{0.2, 0.3})
	h.BucketCounts().FromRaw([]uint64{1, 1, 1})
	bare := histogram.DataPoints().AppendEmpty()
	bare.SetCount(1)

	exponential := metric("exponential").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	x := exponential.DataPoints().AppendEmpty()
	point(x)
	exemplars(x.Exemplars())
	x.SetCount(9)
	x.SetSum(1)
	x.SetMin(-2)
	x.SetMax(2)
	x.SetScale(3)
	x.SetZeroCount(4)
	x.SetZeroThreshold(0.01)
	x.Positive().SetOffset(-1)
	x.Positive().BucketCounts().FromRaw([]uint64{1, 2})
	x.Negative().SetOffset(2)
	x.Negative().BucketCounts().FromRaw([]uint64{2})

	summary := metric("summary").SetEmptySummary().DataPoints().AppendEmpty()
	point(summary)
	summary.SetCount(5)
	summary.SetSum(2.5)
	q := summary.QuantileValues().AppendEmpty()
	q.SetQuantile(0.99)
	q.SetValue(0.9)

	metric("without data")
	return md
}

func TestMetricPointsKeepWhatOTLPSays(t *testing.T) {
	resource := &analyzer.Resource{
		Attributes:        analyzer.Attributes{{Key: "service.name", Value: analyzer.String("engine")}},
		DroppedAttributes: 1, SchemaURL: "https://example.com/resource",
	}
	scope := &analyzer.Scope{
		Name: "scope", Version: "v1", DroppedAttributes: 2, SchemaURL: "https://example.com/scope",
		Attributes: analyzer.Attributes{{Key: "s", Value: analyzer.Bool(true)}},
	}
	exemplar := func(v analyzer.Value) analyzer.Exemplar {
		return analyzer.Exemplar{
			Time: 3, Value: v, TraceID: analyzer.TraceID{1}, SpanID: analyzer.SpanID{2},
			Attributes: analyzer.Attributes{{Key: "user", Value: analyzer.String("u")}},
		}
	}
	point := func(p analyzer.MetricPoint) analyzer.MetricPoint {
		p.Description, p.Unit, p.Resource, p.Scope = "about "+p.Name, "s", resource, scope
		p.Metadata = analyzer.Attributes{{Key: "from", Value: analyzer.String("prometheus")}}
		p.Start, p.Time, p.Flags = 1, 2, 1
		p.Attributes = analyzer.Attributes{{Key: "model", Value: analyzer.String("llama")}}
		if p.Type != analyzer.MetricSummary {
			p.Exemplars = []analyzer.Exemplar{exemplar(analyzer.Int(7)), exemplar(analyzer.Double(0.5))}
		}
		return p
	}
	var want []analyzer.MetricPoint
	for _, value := range []analyzer.Value{analyzer.Int(-4), analyzer.Double(1.5), {}} {
		want = append(want, point(analyzer.MetricPoint{Name: "gauge", Type: analyzer.MetricGauge, Value: value}))
	}
	for _, value := range []analyzer.Value{analyzer.Int(-4), analyzer.Double(1.5), {}} {
		want = append(want, point(analyzer.MetricPoint{
			Name: "sum", Type: analyzer.MetricSum, Temporality: analyzer.TemporalityCumulative, Monotonic: true, Value: value,
		}))
	}
	bare := point(analyzer.MetricPoint{Name: "histogram", Type: analyzer.MetricHistogram, Temporality: analyzer.TemporalityDelta, Count: 1})
	bare.Start, bare.Time, bare.Flags, bare.Attributes, bare.Exemplars = 0, 0, 0, nil, nil
	want = append(want,
		point(analyzer.MetricPoint{
			Name: "histogram", Type: analyzer.MetricHistogram, Temporality: analyzer.TemporalityDelta, Count: 3,
			Sum: analyzer.Double(0.75), Min: analyzer.Double(0.1), Max: analyzer.Double(0.4),
			Bounds: []float64{0.2, 0.3}, Buckets: []uint64{1, 1, 1},
		}),
		bare,
		point(analyzer.MetricPoint{
			Name: "exponential", Type: analyzer.MetricExponentialHistogram, Temporality: analyzer.TemporalityDelta, Count: 9,
			Sum: analyzer.Double(1), Min: analyzer.Double(-2), Max: analyzer.Double(2),
			Exponential: &analyzer.ExponentialBuckets{
				Scale: 3, ZeroCount: 4, ZeroThreshold: 0.01,
				PositiveOffset: -1, Positive: []uint64{1, 2}, NegativeOffset: 2, Negative: []uint64{2},
			},
		}),
		point(analyzer.MetricPoint{
			Name: "summary", Type: analyzer.MetricSummary, Count: 5, Sum: analyzer.Double(2.5),
			Quantiles: []analyzer.Quantile{{Quantile: 0.99, Value: 0.9}},
		}),
	)
	if diff := cmp.Diff(want, FromMetrics(everyMetric())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricPointsComeBack: what is exported is what was received, through both encodings.
func TestMetricPointsComeBack(t *testing.T) {
	want := FromMetrics(everyMetric())
	want = append(want, analyzer.MetricPoint{Name: "alone", Type: analyzer.MetricGauge, Time: 1, Value: analyzer.Int(1)})
	other := want[0] // of another metric that differs in its unit only, between two points of the first
	other.Unit = "ms"
	want = append(want[:1:1], append([]analyzer.MetricPoint{other}, want[1:]...)...)
	wire, err := new(pmetric.ProtoMarshaler).MarshalMetrics(ToMetrics(want))
	if err != nil {
		t.Fatal(err)
	}
	text, err := new(pmetric.JSONMarshaler).MarshalMetrics(ToMetrics(want))
	if err != nil {
		t.Fatal(err)
	}
	fromWire, err1 := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(wire)
	fromText, err2 := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(text)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	// OTLP has no message without resource and scope.
	want[len(want)-1].Resource, want[len(want)-1].Scope = &analyzer.Resource{}, &analyzer.Scope{}
	for name, md := range map[string]pmetric.Metrics{"protobuf": fromWire, "JSON": fromText} {
		if diff := cmp.Diff(want, FromMetrics(md), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if md := ToMetrics(want[:4]); md.ResourceMetrics().Len() != 1 || md.MetricCount() != 3 {
		t.Errorf("four points of one resource, the second of another metric, come to %d resources and %d metrics, want 1 and 3",
			md.ResourceMetrics().Len(), md.MetricCount())
	}
}

// TestEveryMetricFieldIsSet fails when a later version of OTLP has a field that everyMetric leaves empty.
func TestEveryMetricFieldIsSet(t *testing.T) {
	requireFieldsSet(t, reflect.ValueOf(everyMetric()).FieldByName("orig"), "everyMetric()", 60)
}

func TestMetricsOfAFileAreHandedOver(t *testing.T) {
	md := everyMetric()
	text, err := new(pmetric.JSONMarshaler).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := new(pmetric.ProtoMarshaler).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"JSON": text, "protobuf": wire} {
		var got []analyzer.MetricPoint
		summary, err := readWith(file, ReadOptions{Metrics: func(points []analyzer.MetricPoint) error {
			got = append(got, points...)
			return nil
		}})
		if err != nil || summary.Points != len(got) || summary.Refused.Total() != 0 {
			t.Fatalf("%s: %v %v", name, err, summary)
		}
		if diff := cmp.Diff(FromMetrics(md), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
