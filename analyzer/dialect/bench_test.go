package dialect_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// benchTrace returns a trace of 8 spans with 12 attributes each: an application's request, a call of a model over HTTP,
// the engine behind it, and work that has nothing to do with it. Without a model, only the latter.
func benchTrace(n int, model bool) []analyzer.Span {
	resources := [2]*analyzer.Resource{}
	for i, service := range []string{"app", "vllm"} {
		resources[i] = &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String(service)}, {Key: "service.instance.id", Value: analyzer.String(service + "-0")},
			{Key: "host.name", Value: analyzer.String("host-" + service)},
		}}
	}
	scope := &analyzer.Scope{Name: "vllm.llm_engine"}
	start := int64(timelineBase) + int64(n)*1e7
	span := func(id, parent int, name string, kind analyzer.SpanKind, from, to int64, resource int, attributes ...analyzer.Attribute) analyzer.Span {
		s := analyzer.Span{Name: name, Kind: kind, Start: start + from*1e6, End: start + to*1e6, Resource: resources[resource], Scope: scope}
		binary.BigEndian.PutUint64(s.TraceID[8:], uint64(n+1))
		binary.BigEndian.PutUint64(s.ID[:], uint64(n*8+id))
		if parent > 0 {
			binary.BigEndian.PutUint64(s.Parent[:], uint64(n*8+parent))
		}
		s.Attributes = attributes
		for i := len(attributes); i < 12; i++ {
			key := [...]string{
				"thread.id", "code.function", "net.peer.name", "user.id", "deployment", "url.full", "server.port", "db.system",
				"network.protocol.version", "client.address", "user_agent.original", "peer.service",
			}[i]
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: key, Value: analyzer.Int(int64(i))})
		}
		return s
	}
	text := func(key, value string) analyzer.Attribute {
		return analyzer.Attribute{Key: key, Value: analyzer.String(value)}
	}
	seconds := func(key string, value float64) analyzer.Attribute {
		return analyzer.Attribute{Key: key, Value: analyzer.Double(value)}
	}
	tokens := func(key string, value int64) analyzer.Attribute {
		return analyzer.Attribute{Key: key, Value: analyzer.Int(value)}
	}
	spans := []analyzer.Span{
		span(1, 0, "POST /answer", analyzer.SpanKindServer, 0, 2200, 0, text("http.request.method", "POST"), text("http.route", "/answer")),
		span(2, 1, "handler", analyzer.SpanKindInternal, 1, 2199, 0),
		span(3, 2, "SELECT", analyzer.SpanKindClient, 2, 20, 0),
		span(4, 2, "GET", analyzer.SpanKindClient, 20, 50, 0, text("http.request.method", "GET")),
		span(5, 2, "cache", analyzer.SpanKindInternal, 50, 51, 0),
	}
	if !model {
		return append(spans, span(6, 2, "SELECT", analyzer.SpanKindClient, 51, 80, 0),
			span(7, 2, "POST", analyzer.SpanKindClient, 80, 2000, 0, text("http.request.method", "POST")),
			span(8, 7, "POST", analyzer.SpanKindServer, 90, 1990, 1, text("http.request.method", "POST")))
	}
	return append(spans,
		span(6, 2, "chat llama", analyzer.SpanKindClient, 60, 2190, 0, text("gen_ai.operation.name", "chat"),
			text("gen_ai.request.model", "llama"), tokens("gen_ai.usage.input_tokens", 1000), tokens("gen_ai.usage.output_tokens", 100)),
		span(7, 6, "POST", analyzer.SpanKindServer, 70, 2180, 1, text("http.request.method", "POST")),
		span(8, 7, "llm_request", analyzer.SpanKindServer, 80, 2170, 1,
			seconds("gen_ai.latency.time_to_first_token", 0.5), seconds("gen_ai.latency.e2e", 2.08),
			seconds("gen_ai.latency.time_in_queue", 0.1), seconds("gen_ai.latency.time_in_model_prefill", 0.38),
			seconds("gen_ai.latency.time_in_model_decode", 1.5), seconds("gen_ai.latency.time_in_model_inference", 1.88),
			tokens("gen_ai.usage.prompt_tokens", 1000), tokens("gen_ai.usage.completion_tokens", 100),
			text("gen_ai.request.id", "cmpl-1"), tokens("gen_ai.request.n", 1)))
}

func BenchmarkRequests(b *testing.B) {
	for _, model := range []bool{true, false} {
		traces := make([][]analyzer.Span, 1000)
		for n := range traces {
			traces[n] = benchTrace(n, model)
		}
		b.Run(fmt.Sprintf("model=%v", model), func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				requests, _ := analyzer.Requests(analyzer.NewTrace(traces[n%len(traces)]), dialect.All)
				if (len(requests) == 1) != model {
					b.Fatalf("%d requests", len(requests))
				}
			}
			b.ReportMetric(float64(8*b.N)/b.Elapsed().Seconds(), "spans/s")
		})
	}
	traces := make([]*analyzer.Trace, 1000)
	for n := range traces {
		traces[n] = analyzer.NewTrace(benchTrace(n, true))
	}
	b.Run("assembled", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			analyzer.Requests(traces[n%len(traces)], dialect.All)
		}
		b.ReportMetric(float64(8*b.N)/b.Elapsed().Seconds(), "spans/s")
	})
}
