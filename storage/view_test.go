package storage

import (
	"context"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestViewsAnswerPeople runs what people would ask the views.
func TestViewsAnswerPeople(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	spans := traceOf(1, 1_000_000_000, 3_000_000_000)
	spans[0].Resource = &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("vllm")}}}
	spans[0].ID = analyzer.SpanID{0xff, 7: 1}
	spans[0].Kind, spans[0].Status = analyzer.SpanKindServer, analyzer.StatusError
	spans[0].Attributes = analyzer.Attributes{
		{Key: "gen_ai.response.model", Value: analyzer.String("llama")}, {Key: "gen_ai.usage.prompt_tokens", Value: analyzer.Int(10)},
		{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(0.5)},
		{Key: "a", Value: analyzer.String("one")}, {Key: "a", Value: analyzer.String("two")}, {Key: "stream", Value: analyzer.Bool(true)},
		{Key: "list", Value: analyzer.Array([]analyzer.Value{analyzer.Int(1), analyzer.Double(2)})}, {Key: "share", Value: analyzer.Double(0.25)},
	}
	insert(t, db, spans)
	if err := db.InsertMetrics(ctx, []analyzer.MetricPoint{
		{Name: "running", Type: analyzer.MetricGauge, Time: 5e9, Value: analyzer.Int(3), Resource: spans[0].Resource},
		{Name: "wait", Type: analyzer.MetricHistogram, Time: 6e9, Count: 4, Sum: analyzer.Double(2)},
	}); err != nil {
		t.Fatal(err)
	}
	c, err := connect(db.duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, q := range []struct{ sql, want string }{
		{`SELECT concat_ws(' ', model, count(*), quantile_cont(ttft_ms, 0.95)) FROM v_llm_calls GROUP BY model`, "llama 1 500.0"},
		{`SELECT concat_ws(' ', span_id, start_time, duration_ms, service, input_tokens, output_tokens, status) FROM v_llm_calls`,
			"ff00000000000001 1970-01-01 00:00:01 2000.0 vllm 10 error"},
		{`SELECT concat_ws(' ', trace_id, start_time, end_time, duration_ms, spans, closed) FROM v_traces`,
			"01000000000000000000000000000001 1970-01-01 00:00:01 1970-01-01 00:00:03 2000.0 2 false"},
		{`SELECT concat_ws(' ', kind, status, attributes['a'], attributes['a#1'], attributes['stream'], attributes['list'], attributes['share'],
			gen_ai_usage_prompt_tokens) FROM v_spans WHERE name = 'root'`, "server error two one 1 [1,2.0] 0.25 10"},
		{`SELECT concat_ws(' ', parent_id, cardinality(attributes)) FROM v_spans WHERE name = 'child'`, "0100000000000000 0"},
		{`SELECT string_agg(concat_ws(' ', time, service, name, type, value), ', ' ORDER BY time) FROM v_metrics`,
			"1970-01-01 00:00:05 vllm running gauge 3.0, 1970-01-01 00:00:06 wait histogram 0.5"},
	} {
		got, err := c.texts(ctx, q.sql)
		if err != nil {
			t.Errorf("%s: %v", q.sql, err)
		} else if strings.Join(got, "\n") != q.want {
			t.Errorf("%s\n got %q\nwant %q", q.sql, got, q.want)
		}
	}
}
