package source_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/ingest/source"
)

// A realJaeger is a running Jaeger with storage in memory.
type realJaeger struct{ otlp, http, grpc string }

// jaegerConfig binds nothing but loopback, and starts nothing that the tests do not use.
var jaegerConfig = template.Must(template.New("").Parse(`
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 200000}}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "{{.HTTP}}"}
    grpc: {endpoint: "{{.GRPC}}"}
receivers:
  otlp: {protocols: {grpc: {endpoint: "{{.OTLP}}"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`))

func startJaeger(t *testing.T) realJaeger {
	t.Helper()
	binary := os.Getenv("SLOWTOKEN_JAEGER")
	if binary == "" {
		t.Skip("SLOWTOKEN_JAEGER names no Jaeger to test with; make jaeger-test builds one and sets it")
	}
	addresses := freeAddresses(t, 3)
	j := realJaeger{addresses[0], addresses[1], addresses[2]}
	config := filepath.Join(t.TempDir(), "jaeger.yaml")
	var text bytes.Buffer
	if err := jaegerConfig.Execute(&text, map[string]string{"OTLP": j.otlp, "HTTP": j.http, "GRPC": j.grpc}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--config", config)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("Jaeger said:\n%s", output.String())
		}
	})
	j.start(t, cmd)
	return j
}

// freeAddresses returns addresses on loopback that nobody listens on.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all stay taken until each is found
		list[i] = l.Addr().String()
	}
	return list
}

// start starts Jaeger and waits until it answers.
func (j realJaeger) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !j.answers(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Jaeger does not answer")
		}
	}
}

func (j realJaeger) answers() bool {
	client := http.Client{Timeout: time.Second}
	res, err := client.Get("http://" + j.http + "/api/v3/services")
	if err != nil {
		return false
	}
	res.Body.Close()
	conn, err := net.DialTimeout("tcp", j.otlp, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// send stores spans over OTLP.
func (j realJaeger) send(t *testing.T, spans []analyzer.Span) {
	t.Helper()
	conn, err := grpc.NewClient(j.otlp, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	for part := range slices.Chunk(spans, 2000) {
		reply, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(ingest.ToTraces(part)), grpc.WaitForReady(true))
		if err != nil || reply.PartialSuccess().RejectedSpans() != 0 {
			t.Fatalf("send: %v %v", err, reply)
		}
	}
}

// realAPIs are what the Jaeger under test speaks; reduce says what an API makes of a span.
func (j realJaeger) apis() []struct {
	name, url string
	reduce    func(analyzer.Span) analyzer.Span
} {
	return []struct {
		name, url string
		reduce    func(analyzer.Span) analyzer.Span
	}{
		{source.JaegerV3GRPC, "grpc://" + j.grpc, asStored},
		{source.JaegerV3HTTP, "http://" + j.http, asStored},
		{source.JaegerV2GRPC, "grpc://" + j.grpc, asModel},
		{source.JaegerLegacy, "http://" + j.http, func(s analyzer.Span) analyzer.Span { return asMicroseconds(asModel(s)) }},
	}
}

// Every field that was sent comes back through every API, save what docs/sources.md says is lost.
func TestRealJaegerFieldByField(t *testing.T) {
	j := startJaeger(t)
	sent := everyField(noon.Add(123456789))
	j.send(t, sent)
	for _, a := range j.apis() {
		t.Run(a.name, func(t *testing.T) {
			c, err := source.OpenJaeger(t.Context(), source.Options{URL: a.url, API: a.name})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			var want []analyzer.Span
			for _, s := range sent {
				want = append(want, a.reduce(s))
			}
			sortSpans(want)
			if diff := gocmp.Diff(want, got, gocmp.Comparer(equalAttributes)); diff != "" {
				t.Errorf("(-sent, as it should come +arrived):\n%s", diff)
			}
			if s := c.Stats(); s.Refused.Total() != 0 || s.Missing != 0 {
				t.Errorf("stats: %+v", s)
			}
			operations, err := c.Operations(t.Context(), "every")
			if err != nil || len(operations) == 0 {
				t.Errorf("operations %v: %v", operations, err)
			}
		})
	}
}

// 50,000 spans are fetched through searches of 100 traces: every one arrives, once.
func TestRealJaegerDepthLimit(t *testing.T) {
	j := startJaeger(t)
	b := traffic(25_000, noon, 40*time.Minute)
	j.send(t, slices.Concat(b.traces...))
	for _, a := range j.apis() {
		t.Run(a.name, func(t *testing.T) {
			c, err := source.OpenJaeger(t.Context(), source.Options{URL: a.url, API: a.name})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			start := time.Now()
			got, _, err := pullAll(c, source.Request{From: noon.Add(-time.Hour), To: noon.Add(2 * time.Hour), Depth: 100})
			if err != nil {
				t.Fatal(err)
			}
			s := c.Stats()
			t.Logf("%d spans of %d traces in %s, %d requests", s.Spans, s.Traces, time.Since(start).Round(time.Millisecond), s.Requests)
			if s.Spans != 50_000 || s.Traces != 25_000 {
				t.Errorf("%d spans of %d traces, want 50000 of 25000", s.Spans, s.Traces)
			}
			var want []analyzer.Span
			for _, s := range slices.Concat(b.traces...) {
				want = append(want, a.reduce(s))
			}
			sortSpans(want)
			for i := range min(len(want), len(got)) {
				if diff := gocmp.Diff(want[i], got[i], gocmp.Comparer(equalAttributes)); diff != "" {
					t.Fatalf("span %d (-sent, as it should come +arrived):\n%s", i, diff)
				}
			}
		})
	}
}

// The best API is chosen, also from the URL that people know.
func TestRealJaegerIsProbed(t *testing.T) {
	j := startJaeger(t)
	for url, want := range map[string]string{"grpc://" + j.grpc: source.JaegerV3GRPC, "http://" + j.http: source.JaegerV3HTTP} {
		c, err := source.OpenJaeger(t.Context(), source.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if c.API() != want {
			t.Errorf("%s: %s, want %s", url, c.API(), want)
		}
		c.Close()
	}
}

// everyField makes spans that use every field that OTLP has.
func everyField(at time.Time) []analyzer.Span {
	values := analyzer.Attributes{
		{Key: "text", Value: analyzer.String("häl\"lo\n")},
		{Key: "empty", Value: analyzer.String("")},
		{Key: "yes", Value: analyzer.Bool(true)},
		{Key: "no", Value: analyzer.Bool(false)},
		{Key: "large", Value: analyzer.Int(math.MaxInt64)},
		{Key: "small", Value: analyzer.Int(math.MinInt64)},
		{Key: "beyond double", Value: analyzer.Int(1<<53 + 1)},
		{Key: "double", Value: analyzer.Double(0.1)},
		{Key: "whole double", Value: analyzer.Double(3)},
		{Key: "bytes", Value: analyzer.Bytes([]byte{0, 1, 0xff})},
		{Key: "array", Value: analyzer.Array([]analyzer.Value{analyzer.String("a"), analyzer.Int(1)})},
		{Key: "map", Value: analyzer.Map(analyzer.Attributes{{Key: "k", Value: analyzer.Double(1.5)}})},
	}
	resource := &analyzer.Resource{
		Attributes:        append(analyzer.Attributes{{Key: "service.name", Value: analyzer.String("every")}}, values...),
		DroppedAttributes: 3, SchemaURL: "https://opentelemetry.io/schemas/1.26.0",
	}
	scope := &analyzer.Scope{Name: "lib", Version: "1.2.3", Attributes: values[:3], DroppedAttributes: 2, SchemaURL: "https://opentelemetry.io/schemas/1.27.0"}
	id := func(n uint64) (s analyzer.SpanID) { binary.BigEndian.PutUint64(s[:], n); return s }
	trace := analyzer.TraceID{0xab, 15: 1}
	start := at.UnixNano()
	var spans []analyzer.Span
	for i, kind := range []analyzer.SpanKind{0, 1, 2, 3, 4, 5} {
		s := analyzer.Span{
			TraceID: trace, ID: id(uint64(i) + 1), Start: start + int64(i), End: start + int64(i)*7 + 1_000_001, Name: fmt.Sprintf("op %d", i),
			Kind: kind, Status: analyzer.StatusCode(i % 3), Resource: resource, Scope: scope, Flags: 0x101,
		}
		if i > 0 {
			s.Parent = id(1)
		}
		if s.Status == analyzer.StatusError {
			s.StatusMessage = "out of memory"
		}
		spans = append(spans, s)
	}
	s := &spans[1]
	s.TraceState = "vendor=1,other=2"
	s.Attributes = values
	s.DroppedAttributes, s.DroppedEvents, s.DroppedLinks = 4, 5, 6
	s.Events = []analyzer.Event{
		{Time: start + 11, Name: "first token", Attributes: values, DroppedAttributes: 7},
		{Time: start + 12_345, Name: "", Attributes: values[:1]},
	}
	s.Links = []analyzer.Link{
		{TraceID: analyzer.TraceID{0xcd, 15: 2}, SpanID: id(99), TraceState: "a=b", Flags: 0x301, Attributes: values, DroppedAttributes: 8},
		{TraceID: trace, SpanID: id(4)},
	}
	// The low half of an id alone, as senders with ids of 64 bits have it.
	spans = append(spans, analyzer.Span{
		TraceID: analyzer.TraceID{15: 9}, ID: id(1 << 63), Start: start + 5, End: start + 5, Name: "short id", Resource: resource, Scope: scope,
	})
	return spans
}

func equalAttributes(a, b analyzer.Attributes) bool {
	return slices.EqualFunc(byKey(a), byKey(b), func(x, y analyzer.Attribute) bool { return x.Key == y.Key && x.Value.Equal(y.Value) })
}

// byKey sorts: the order of attributes means nothing.
func byKey(list analyzer.Attributes) analyzer.Attributes {
	return slices.SortedFunc(slices.Values(list), func(a, b analyzer.Attribute) int { return strings.Compare(a.Key, b.Key) })
}

// asStored is what Jaeger's storage in memory keeps of a span.
func asStored(s analyzer.Span) analyzer.Span {
	resource, scope := *s.Resource, *s.Scope
	resource.SchemaURL, scope.SchemaURL = "", ""
	s.Resource, s.Scope = &resource, &scope
	if s.End <= s.Start {
		end := time.Unix(0, s.End).UTC()
		s.End = s.Start + 1
		s.Attributes = append(slices.Clone(s.Attributes), analyzer.Attribute{Key: "@jaeger@warnings", Value: analyzer.Array([]analyzer.Value{analyzer.String(fmt.Sprintf(
			"Negative duration detected, sanitizing end timestamp. Original end timestamp: %s, adjusted to: %s", end, time.Unix(0, s.End).UTC()))})})
	}
	return s
}

// asModel is what Jaeger's own model keeps of that: it has no place for some fields, and puts others into tags.
func asModel(s analyzer.Span) analyzer.Span {
	s = asStored(s)
	s.Resource.Attributes, s.Resource.DroppedAttributes = flat(s.Resource.Attributes), 0
	s.Scope.Attributes, s.Scope.DroppedAttributes = nil, 0
	s.Flags, s.DroppedAttributes, s.DroppedEvents, s.DroppedLinks = 0, 0, 0, 0
	tags := flat(s.Attributes)
	for i, t := range tags {
		if t.Key == "@jaeger@warnings" {
			tags[i] = analyzer.Attribute{Key: ingest.JaegerWarnings, Value: s.Attributes[i].Value}
		}
	}
	tag := func(key, value string) {
		if value != "" {
			tags = append(tags, analyzer.Attribute{Key: key, Value: analyzer.String(value)})
		}
	}
	tag("otel.scope.name", s.Scope.Name)
	tag("otel.scope.version", s.Scope.Version)
	tag("span.kind", []string{"", "internal", "server", "client", "producer", "consumer"}[s.Kind])
	tag("otel.status_code", []string{"", "OK", "ERROR"}[s.Status])
	tag("otel.status_description", s.StatusMessage)
	tag("w3c.tracestate", s.TraceState)
	if s.Status == analyzer.StatusError {
		tags = append(tags, analyzer.Attribute{Key: "error", Value: analyzer.Bool(true)})
	}
	s.Attributes = tags
	s.Events = slices.Clone(s.Events)
	for i := range s.Events {
		s.Events[i].Attributes, s.Events[i].DroppedAttributes = flat(s.Events[i].Attributes), 0
	}
	if len(s.Links) > 0 {
		links := []analyzer.Link{reference(s.TraceID, s.Parent, analyzer.RefChildOf)}
		for _, l := range s.Links {
			links = append(links, reference(l.TraceID, l.SpanID, analyzer.RefFollowsFrom))
		}
		s.Links = links
	}
	return s
}

func reference(trace analyzer.TraceID, span analyzer.SpanID, kind string) analyzer.Link {
	return analyzer.Link{TraceID: trace, SpanID: span, Attributes: analyzer.Attributes{{Key: analyzer.RefType, Value: analyzer.String(kind)}}}
}

// flat makes text of the values that Jaeger's model has no types for.
func flat(list analyzer.Attributes) analyzer.Attributes {
	list = slices.Clone(list)
	for i, a := range list {
		switch a.Value.Kind() {
		case analyzer.KindArray:
			list[i].Value = analyzer.String(`["a",1]`)
		case analyzer.KindMap:
			list[i].Value = analyzer.String(`{"k":1.5}`)
		}
	}
	return list
}

// asMicroseconds cuts times as the legacy API does.
func asMicroseconds(s analyzer.Span) analyzer.Span {
	duration := (s.End - s.Start) / 1000 * 1000
	s.Start = s.Start / 1000 * 1000
	s.End = s.Start + duration
	s.Events = slices.Clone(s.Events)
	for i := range s.Events {
		s.Events[i].Time = s.Events[i].Time / 1000 * 1000
	}
	return s
}
