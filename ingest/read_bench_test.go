package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Traces of the benchmarks: 12,800 spans with 12 attributes each.
const benchSpans = 1600 * 8

func BenchmarkReadOTLPJSON(b *testing.B)   { benchmarkRead(b, otlpJSON(b, generate(1600, 8, 12))) }
func BenchmarkReadProtobuf(b *testing.B)   { benchmarkRead(b, marshal(b, generate(1600, 8, 12))) }
func BenchmarkReadJaegerJSON(b *testing.B) { benchmarkRead(b, jaegerJSON(b, generate(1600, 8, 12))) }
func BenchmarkReadZipkin(b *testing.B)     { benchmarkRead(b, zipkinJSON(b, generate(1600, 8, 12))) }
func BenchmarkReadGzip(b *testing.B)       { benchmarkRead(b, gzipped(otlpJSON(b, generate(1600, 8, 12)))) }
func BenchmarkReadZstd(b *testing.B)       { benchmarkRead(b, zstded(otlpJSON(b, generate(1600, 8, 12)))) }

// BenchmarkReadProtobufWanted leaves three of four attributes out, as analysis does.
func BenchmarkReadProtobufWanted(b *testing.B) {
	benchmarkReadWith(b, marshal(b, generate(1600, 8, 12)), ReadOptions{
		Attributes: func(key string) bool { return strings.HasPrefix(key, "gen_ai.usage.") },
	})
}

func BenchmarkReadOTLPJSONLines(b *testing.B) {
	var lines []byte
	for range 16 { // batches of 800 spans, as a collector writes them
		lines = append(append(lines, otlpJSON(b, generate(100, 8, 12))...), '\n')
	}
	benchmarkRead(b, lines)
}

func benchmarkRead(b *testing.B, file []byte) { benchmarkReadWith(b, file, ReadOptions{}) }

func benchmarkReadWith(b *testing.B, file []byte, o ReadOptions) {
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		spans := 0
		summary, err := Read(context.Background(), "bench", bytes.NewReader(file), o, func(batch []analyzer.Span) error {
			spans += len(batch)
			return nil
		})
		if err != nil || spans != benchSpans {
			b.Fatalf("got %d spans, want %d; %v, %v", spans, benchSpans, summary.Details, err)
		}
	}
	b.ReportMetric(float64(benchSpans)*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

func otlpJSON(t testing.TB, td ptrace.Traces) []byte {
	text, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func gzipped(b []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(b)
	z.Close()
	return packed.Bytes()
}

func zstded(b []byte) []byte {
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll(b, nil)
}

// jaegerJSON writes spans as Jaeger's API does, one trace each.
func jaegerJSON(t testing.TB, td ptrace.Traces) []byte {
	spans, _ := FromTraces(td)
	type tag struct {
		Key   string          `json:"key"`
		Type  string          `json:"type"`
		Value json.RawMessage `json:"value"`
	}
	var traces []any
	for i := range spans {
		s := &spans[i]
		tags := []tag{}
		for _, a := range s.Attributes {
			typ := map[analyzer.ValueKind]string{analyzer.KindInt: "int64", analyzer.KindDouble: "float64"}[a.Value.Kind()]
			if typ == "" {
				typ = "string"
			}
			tags = append(tags, tag{a.Key, typ, a.Value.AppendJSON(nil)})
		}
		references := []any{}
		if !s.Parent.IsZero() {
			references = append(references, map[string]any{"refType": "CHILD_OF", "traceID": s.TraceID.String(), "spanID": s.Parent.String()})
		}
		traces = append(traces, map[string]any{
			"traceID": s.TraceID.String(),
			"spans": []any{map[string]any{
				"traceID": s.TraceID.String(), "spanID": s.ID.String(), "operationName": s.Name, "references": references,
				"startTime": s.Start / 1000, "duration": s.Duration() / 1000, "tags": tags, "logs": []any{}, "processID": "p1",
			}},
			"processes": map[string]any{"p1": map[string]any{"serviceName": s.Service(), "tags": []any{}}},
		})
	}
	text, err := json.Marshal(map[string]any{"data": traces, "total": 0})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// zipkinJSON writes spans as Zipkin v2 does.
func zipkinJSON(t testing.TB, td ptrace.Traces) []byte {
	spans, _ := FromTraces(td)
	var b strings.Builder
	for i := range spans {
		s := &spans[i]
		tags := map[string]string{}
		for _, a := range s.Attributes {
			tags[a.Key] = a.Value.String()
		}
		text, err := json.Marshal(tags)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, `%s{"traceId":%q,"id":%q,"name":%q,"timestamp":%d,"duration":%d,"localEndpoint":{"serviceName":%q},"tags":%s}`,
			map[bool]string{true: "[", false: ","}[i == 0], s.TraceID, s.ID, s.Name, s.Start/1000, s.Duration()/1000, s.Service(), text)
	}
	return []byte(b.String() + "]")
}
