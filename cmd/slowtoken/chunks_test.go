package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/report"
)

// chunkedCalls are a call of OpenLLMetry with an event a chunk, and one of SGLang with a slice a step; each has four
// tokens, the third of which comes 900 ms late.
func chunkedCalls(start int64) []analyzer.Span {
	at := func(ms int64) int64 { return start + ms*1e6 }
	chunks := []int64{200, 230, 1160, 1190}
	sdk := analyzer.Span{
		TraceID: analyzer.TraceID{15: 1}, ID: analyzer.SpanID{7: 1}, Name: "openai.chat", Kind: analyzer.SpanKindClient, Start: at(0), End: at(1300),
		Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{}, Attributes: analyzer.Attributes{
			{Key: "llm.request.type", Value: analyzer.String("chat")}, {Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(4)},
		},
	}
	engine := sdk
	engine.TraceID, engine.Name, engine.Kind = analyzer.TraceID{15: 2}, "Req 1", analyzer.SpanKindServer
	engine.Attributes = analyzer.Attributes{
		{Key: "module", Value: analyzer.String("sglang::request")}, {Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(4)},
		{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(0.2)},
	}
	spans := []analyzer.Span{engine}
	for i, ms := range chunks {
		sdk.Events = append(sdk.Events, analyzer.Event{Name: "gen_ai.content.completion.chunk", Time: at(ms)})
		slice := analyzer.Span{
			TraceID: engine.TraceID, ID: analyzer.SpanID{7: byte(i + 2)}, Parent: engine.ID, Name: "decode_loop",
			Start: at(ms - 10), End: at(ms), Resource: engine.Resource, Scope: engine.Scope,
		}
		if i == 0 {
			slice.Name = "prefill_forward"
		}
		spans = append(spans, slice)
	}
	return append(spans, sdk)
}

// TestFileAndDatabaseAgreeOnChunks: what analysis reads of a database holds the events and slices of single chunks.
func TestFileAndDatabaseAgreeOnChunks(t *testing.T) {
	b := newBench(t)
	b.send([]ptrace.Traces{ingest.ToTraces(chunkedCalls(time.Now().Add(-time.Minute).UnixNano()))})
	file := filepath.Join(t.TempDir(), "export.jsonl")
	b.run("export", "--settle", "0s", "--format", "otlp-json", "--out", file)
	var fromDB, fromFile report.Report
	for _, q := range []struct {
		into *report.Report
		args []string
	}{
		{&fromDB, []string{"analyze", "--settle", "0s", "-o", "json"}},
		{&fromFile, []string{"analyze", "-o", "json", file}},
	} {
		if err := json.Unmarshal(b.run(q.args...), q.into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(fromDB.Streaming, fromFile.Streaming); diff != "" {
		t.Errorf("database and file disagree (-database +file):\n%s", diff)
	}
	s := fromDB.Streaming
	if s == nil {
		t.Fatal("nothing of single chunks")
	}
	if s.Stalls != (report.Stalls{Stalls: 2, Requests: 2}) {
		t.Errorf("stalls: %+v", s.Stalls)
	}
	for _, m := range s.Measures {
		if (m.Name == "ICL" || m.Name == "ITL") && (m.N != 6 || m.Requests != 2 || m.Quantiles[0].Value != 30e6) {
			t.Errorf("%s: %+v", m.Name, m)
		}
	}
}
