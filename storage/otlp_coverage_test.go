package storage

import (
	"context"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// otlpColumns says where each field of OTLP's messages is kept: "table.column", a path into a column's struct, or why it
// needs no place. A dropped field is invisible in the worst way, so a field that is not here fails the test.
var otlpColumns = map[string]string{
	"Span.trace_id": "spans.trace_id", "Span.span_id": "spans.span_id", "Span.parent_span_id": "spans.parent_id",
	"Span.trace_state": "spans.trace_state", "Span.flags": "spans.flags", "Span.name": "spans.name", "Span.kind": "spans.kind",
	"Span.start_time_unix_nano": "spans.start_ns", "Span.end_time_unix_nano": "spans.duration_ns",
	"Span.attributes": "spans.shape_id", "Span.dropped_attributes_count": "spans.dropped_attributes",
	"Span.events": "spans.events", "Span.dropped_events_count": "spans.dropped_events",
	"Span.links": "spans.links", "Span.dropped_links_count": "spans.dropped_links",
	"Span.status": "spans.status", "Status.message": "spans.status_message", "Status.code": "spans.status",

	"Event.time_unix_nano": "spans.events.time_ns", "Event.name": "spans.events.name",
	"Event.attributes": "spans.events.attributes", "Event.dropped_attributes_count": "spans.events.dropped_attributes",

	"Link.trace_id": "spans.links.trace_id", "Link.span_id": "spans.links.span_id", "Link.trace_state": "spans.links.trace_state",
	"Link.attributes": "spans.links.attributes", "Link.dropped_attributes_count": "spans.links.dropped_attributes",
	"Link.flags": "spans.links.flags",

	"ResourceSpans.resource": "spans.resource_id", "ResourceSpans.scope_spans": "spans.scope_id",
	"ResourceSpans.schema_url": "resources.schema_url", "ScopeSpans.scope": "spans.scope_id",
	"ScopeSpans.spans": "spans.span_id", "ScopeSpans.schema_url": "scopes.schema_url",
	"Resource.attributes": "resources.attributes", "Resource.dropped_attributes_count": "resources.dropped_attributes",
	"Resource.entity_refs":      "none: analyzer.Resource has no entities, which OTLP marks as in development",
	"InstrumentationScope.name": "scopes.name", "InstrumentationScope.version": "scopes.version",
	"InstrumentationScope.attributes":               "scopes.attributes",
	"InstrumentationScope.dropped_attributes_count": "scopes.dropped_attributes",

	"KeyValue.key": "attribute_shapes.keys", "KeyValue.value": "attribute_shapes.slots",
	"KeyValue.key_strindex": "none: profiles only", "AnyValue.string_value_strindex": "none: profiles only",
	"AnyValue.string_value": "spans.attr_strings", "AnyValue.bool_value": "spans.attr_ints", "AnyValue.int_value": "spans.attr_ints",
	"AnyValue.double_value": "spans.attr_doubles", "AnyValue.array_value": "spans.attr_strings",
	"AnyValue.kvlist_value": "spans.attr_strings", "AnyValue.bytes_value": "spans.attr_bytes",

	"Metric.name": "metric_points.name", "Metric.description": "metric_points.description", "Metric.unit": "metric_points.unit",
	"Metric.gauge": "metric_points.type", "Metric.sum": "metric_points.type", "Metric.histogram": "metric_points.type",
	"Metric.exponential_histogram": "metric_points.type", "Metric.summary": "metric_points.type", "Metric.metadata": "metric_points.metadata",
	"Sum.data_points": "metric_points.name", "Sum.aggregation_temporality": "metric_points.temporality", "Sum.is_monotonic": "metric_points.monotonic",

	"NumberDataPoint.attributes": "metric_points.attributes", "NumberDataPoint.start_time_unix_nano": "metric_points.start_ns",
	"NumberDataPoint.time_unix_nano": "metric_points.time_ns", "NumberDataPoint.as_double": "metric_points.value_double",
	"NumberDataPoint.as_int": "metric_points.value_int", "NumberDataPoint.exemplars": "metric_points.exemplars",
	"NumberDataPoint.flags": "metric_points.flags",

	"HistogramDataPoint.attributes": "metric_points.attributes", "HistogramDataPoint.start_time_unix_nano": "metric_points.start_ns",
	"HistogramDataPoint.time_unix_nano": "metric_points.time_ns", "HistogramDataPoint.count": "metric_points.count",
	"HistogramDataPoint.sum": "metric_points.sum", "HistogramDataPoint.bucket_counts": "metric_points.buckets",
	"HistogramDataPoint.explicit_bounds": "metric_points.bounds", "HistogramDataPoint.exemplars": "metric_points.exemplars",
	"HistogramDataPoint.flags": "metric_points.flags", "HistogramDataPoint.min": "metric_points.min", "HistogramDataPoint.max": "metric_points.max",

	"ExponentialHistogramDataPoint.attributes":           "metric_points.attributes",
	"ExponentialHistogramDataPoint.start_time_unix_nano": "metric_points.start_ns",
	"ExponentialHistogramDataPoint.time_unix_nano":       "metric_points.time_ns",
	"ExponentialHistogramDataPoint.count":                "metric_points.count",
	"ExponentialHistogramDataPoint.sum":                  "metric_points.sum",
	"ExponentialHistogramDataPoint.scale":                "metric_points.exponential.scale",
	"ExponentialHistogramDataPoint.zero_count":           "metric_points.exponential.zero_count",
	"ExponentialHistogramDataPoint.positive":             "metric_points.exponential.positive",
	"ExponentialHistogramDataPoint.negative":             "metric_points.exponential.negative",
	"ExponentialHistogramDataPoint.flags":                "metric_points.flags",
	"ExponentialHistogramDataPoint.exemplars":            "metric_points.exemplars",
	"ExponentialHistogramDataPoint.min":                  "metric_points.min",
	"ExponentialHistogramDataPoint.max":                  "metric_points.max",
	"ExponentialHistogramDataPoint.zero_threshold":       "metric_points.exponential.zero_threshold",
	"Buckets.offset":        "metric_points.exponential.positive_offset",
	"Buckets.bucket_counts": "metric_points.exponential.negative",

	"SummaryDataPoint.attributes": "metric_points.attributes", "SummaryDataPoint.start_time_unix_nano": "metric_points.start_ns",
	"SummaryDataPoint.time_unix_nano": "metric_points.time_ns", "SummaryDataPoint.count": "metric_points.count",
	"SummaryDataPoint.sum": "metric_points.sum", "SummaryDataPoint.quantile_values": "metric_points.quantiles",
	"SummaryDataPoint.flags": "metric_points.flags", "ValueAtQuantile.quantile": "metric_points.quantiles.quantile",
	"ValueAtQuantile.value": "metric_points.quantiles.value",

	"Exemplar.filtered_attributes": "metric_points.exemplars.attributes", "Exemplar.time_unix_nano": "metric_points.exemplars.time_ns",
	"Exemplar.as_double": "metric_points.exemplars.value_double", "Exemplar.as_int": "metric_points.exemplars.value_int",
	"Exemplar.span_id": "metric_points.exemplars.span_id", "Exemplar.trace_id": "metric_points.exemplars.trace_id",
}

var otlpMessages = []proto.Message{
	&tracepb.Span{}, &tracepb.Status{}, &tracepb.Span_Event{}, &tracepb.Span_Link{}, &tracepb.ResourceSpans{}, &tracepb.ScopeSpans{},
	&resourcepb.Resource{}, &commonpb.InstrumentationScope{}, &commonpb.KeyValue{}, &commonpb.AnyValue{},
	&metricspb.Metric{}, &metricspb.Sum{}, &metricspb.NumberDataPoint{}, &metricspb.HistogramDataPoint{},
	&metricspb.ExponentialHistogramDataPoint{}, &metricspb.ExponentialHistogramDataPoint_Buckets{}, &metricspb.SummaryDataPoint{},
	&metricspb.SummaryDataPoint_ValueAtQuantile{}, &metricspb.Exemplar{},
}

func TestEveryFieldOfOTLPHasAPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range otlpMessages {
		message := m.ProtoReflect().Descriptor()
		for i := range message.Fields().Len() {
			var field protoreflect.FieldDescriptor = message.Fields().Get(i)
			name := string(message.Name()) + "." + string(field.Name())
			seen[name] = true
			if otlpColumns[name] == "" {
				t.Errorf("the schema has nowhere for OTLP's %s", name)
			}
		}
	}
	db := openNew(t)
	c, err := connect(db.duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for name, place := range otlpColumns {
		if !seen[name] && !strings.HasPrefix(place, "none: profiles only") {
			t.Errorf("OTLP has no field %s", name)
		}
		if strings.HasPrefix(place, "none: ") {
			continue
		}
		path := strings.SplitN(place, ".", 3)
		types, err := c.texts(context.Background(), `SELECT data_type FROM duckdb_columns() WHERE table_name = $1 AND column_name = $2`, path[0], path[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(types) != 1 || len(path) == 3 && !strings.Contains(strings.ReplaceAll(types[0], `"`, ""), path[2]+" ") {
			t.Errorf("%s: the database has no %s (%q)", name, place, types)
		}
	}
}
