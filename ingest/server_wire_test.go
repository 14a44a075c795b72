package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

type answer struct {
	code   int
	header http.Header
	body   []byte
}

// post sends body to the server's HTTP port as it is; coding is its Content-Encoding.
func post(t *testing.T, s *Server, path string, body []byte, contentType, coding string) answer {
	t.Helper()
	return postTo(t, httpClient(t, &http.Transport{}), "http://"+s.Info().HTTP+path, body, contentType, coding, "")
}

func postTo(t *testing.T, client *http.Client, url string, body []byte, contentType, coding, authorization string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if coding != "" {
		r.Header.Set("Content-Encoding", coding)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, got}
}

func contentType(asJSON bool) string {
	if asJSON {
		return contentJSON
	}
	return contentProto
}

func encode(t testing.TB, td ptrace.Traces, asJSON bool) []byte {
	t.Helper()
	marshal := request(td).MarshalProto
	if asJSON {
		marshal = request(td).MarshalJSON
	}
	body, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// wantMetric checks that /metrics shows a line.
func wantMetric(t *testing.T, s *Server, line string) {
	t.Helper()
	if page := get(t, s, "/metrics"); !strings.Contains(string(page.body), "\n"+line+"\n") {
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		var near []string
		for l := range strings.Lines(string(page.body)) {
			if strings.HasPrefix(l, name) {
				near = append(near, l)
			}
		}
		t.Errorf("/metrics lacks %q; it has\n%s", line, strings.Join(near, ""))
	}
}

func get(t *testing.T, s *Server, path string) answer {
	t.Helper()
	client := httpClient(t, &http.Transport{})
	response, err := client.Get("http://" + s.Info().Admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

var packers = map[string]func([]byte) []byte{
	"": func(b []byte) []byte { return b },
	"gzip": func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	},
	"zstd": func(b []byte) []byte {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		defer w.Close()
		return w.EncodeAll(b, nil)
	},
	"snappy": func(b []byte) []byte { return s2.EncodeSnappy(nil, b) },
}

func TestHTTPTakesBothEncodingsInEveryCompression(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	var want []string
	for coding, compress := range packers {
		for _, asJSON := range []bool{false, true} {
			body := compress(encode(t, spansNamed("span"), asJSON))
			got := post(t, s, "/v1/traces", body, contentType(asJSON), coding)
			if got.code != http.StatusOK || got.header.Get("Content-Type") != contentType(asJSON) {
				t.Errorf("%q json=%v: HTTP answers %d %s: %s", coding, asJSON, got.code, got.header.Get("Content-Type"), got.body)
			}
			want = append(want, "span")
		}
	}
	wantNames(t, sink, want...)
}

func TestGRPCTakesEveryCompression(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	client := dial(t, s.Info().GRPC)
	var want []string
	for _, coding := range []string{"gzip", "zstd", "snappy"} {
		if encoding.GetCompressor(coding) == nil {
			t.Fatalf("no gRPC compressor %s is linked in", coding)
		}
		if _, err := client.Export(t.Context(), request(spansNamed("span")), grpc.UseCompressor(coding)); err != nil {
			t.Errorf("%s: %v", coding, err)
		}
		want = append(want, "span")
	}
	wantNames(t, sink, want...)
}

func TestHTTPRefusesWhatIsNoOTLP(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	good := encode(t, spansNamed("span"), false)
	for _, c := range []struct {
		name, path, contentType, coding string
		body                            []byte
		want                            int
	}{
		{"text", "/v1/traces", "text/plain", "", good, http.StatusUnsupportedMediaType},
		{"no content type", "/v1/traces", "", "", good, http.StatusUnsupportedMediaType},
		{"unknown path", "/v1/spans", contentProto, "", good, http.StatusNotFound},
		{"garbage as protobuf", "/v1/traces", contentProto, "", []byte("\xff\xff\xff garbage"), http.StatusBadRequest},
		{"garbage as JSON", "/v1/traces", contentJSON, "", []byte("{garbage"), http.StatusBadRequest},
		{"protobuf as JSON", "/v1/traces", contentJSON, "", good, http.StatusBadRequest},
		{"cut protobuf", "/v1/traces", contentProto, "", good[:len(good)-3], http.StatusBadRequest},
		{"plain as gzip", "/v1/traces", contentProto, "gzip", good, http.StatusBadRequest},
		{"cut gzip", "/v1/traces", contentProto, "gzip", packers["gzip"](good)[:20], http.StatusBadRequest},
		{"unknown compression", "/v1/traces", contentProto, "br", good, http.StatusBadRequest},
	} {
		if got := post(t, s, c.path, c.body, c.contentType, c.coding); got.code != c.want {
			t.Errorf("%s: HTTP answers %d (%s), want %d", c.name, got.code, got.body, c.want)
		}
	}
	wantNames(t, sink)
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="unreadable",transport="http"} 3`) // in no compression that it knows, or not whole
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="undecodable",transport="http"} 2`)
}

func TestOversizedMessagesAreRefused(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{Receiver: map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"max_recv_msg_size_mib": 1},
		"http": map[string]any{"max_request_body_size": 1 << 20},
	}}}, sink)
	big := spansNamed(strings.Repeat("x", 2<<20))
	for coding, compress := range packers {
		for _, asJSON := range []bool{false, true} {
			got := post(t, s, "/v1/traces", compress(encode(t, big, asJSON)), contentType(asJSON), coding)
			if got.code != http.StatusRequestEntityTooLarge && got.code != http.StatusBadRequest {
				t.Errorf("%q json=%v: HTTP answers %d, want 413 or 400", coding, asJSON, got.code)
			}
			answer, unmarshal := new(spb.Status), proto.Unmarshal
			if asJSON {
				unmarshal = protojson.Unmarshal
			}
			if err := unmarshal(got.body, answer); err != nil || answer.Message == "" {
				t.Errorf("%q json=%v: the answer is no google.rpc.Status with a message: %q, %v", coding, asJSON, got.body, err)
			}
		}
	}
	client := dial(t, s.Info().GRPC)
	for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		if _, err := client.Export(t.Context(), request(big), options...); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("gRPC answers %v, want ResourceExhausted", err)
		}
	}
	wantNames(t, sink)
}

// peakHeap runs f and returns how far the heap grew meanwhile.
func peakHeap(f func()) uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	base := stats.HeapAlloc
	var peak atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			peak.Store(max(peak.Load(), stats.HeapAlloc))
			select {
			case <-done:
				return
			default:
				runtime.Gosched()
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return peak.Load() - min(base, peak.Load())
}

func TestCompressionBombsAreRefusedInBoundedMemory(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	zeros := make([]byte, 1<<20)
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, _ := zstd.NewWriter(&zs, zstd.WithEncoderConcurrency(1))
	for range 400 { // MiB
		_, _ = g.Write(zeros)
		_, _ = z.Write(zeros)
	}
	_, _ = g.Close(), z.Close()
	for coding, bomb := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		var got answer
		peak := peakHeap(func() { got = post(t, s, "/v1/traces", bomb, contentProto, coding) })
		if got.code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: HTTP answers %d, want 413", coding, got.code)
		}
		if peak > 150<<20 {
			t.Errorf("%s: a bomb of 400 MiB took %d MiB of heap, want under 150", coding, peak>>20)
		}
		t.Logf("%s bomb of %d kB: heap grew by %d MiB", coding, len(bomb)>>10, peak>>20)
	}
}

func TestDeepValuesDoNotEndTheProcess(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	deep := nestedRequest(19 << 20)
	if got := post(t, s, "/v1/traces", packers["gzip"](deep), contentProto, "gzip"); got.code != http.StatusBadRequest || !strings.Contains(string(got.body), "nests deeper") {
		t.Errorf("protobuf: HTTP answers %d (%.200q), want 400 for the depth", got.code, got.body)
	}
	asJSON := append([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":`),
		bytes.Repeat([]byte(`{"arrayValue":{"values":[`), 500_000)...)
	if got := post(t, s, "/v1/traces", asJSON, contentJSON, ""); got.code != http.StatusBadRequest || !strings.Contains(string(got.body), "nests deeper") {
		t.Errorf("JSON: HTTP answers %d (%.200q), want 400 for the depth", got.code, got.body)
	}
	conn := dialRaw(t, s.Info().GRPC)
	err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", rawMessage(deep), rawMessage(nil))
	if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "nests deeper") {
		t.Errorf("gRPC answers %v, want an error for the depth", err)
	}
	if _, err := dial(t, s.Info().GRPC).Export(t.Context(), request(spansNamed("after"))); err != nil {
		t.Errorf("after the attack: %v", err)
	}
	wantNames(t, sink, "after")
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="too_complex",transport="grpc"} 1`)
	wantMetric(t, s, `slowtoken_messages_refused_total{reason="too_complex",transport="http"} 2`)
}

// FuzzOTLPServer holds that no bytes, in either encoding and for any signal, make the path from the wire to the sink panic,
// that what decodes is accepted, and that no span without identity comes through.
func FuzzOTLPServer(f *testing.F) {
	for _, asJSON := range []bool{false, true} {
		f.Add(encode(f, spansNamed("a", ""), asJSON), asJSON, byte(traces))
		f.Add(encode(f, generate(2, 3, 4), asJSON), asJSON, byte(traces))
		f.Add(nestedRequest(2_000), asJSON, byte(traces))
		for _, p := range places(3) {
			message := p.proto
			if asJSON {
				message = p.json
			}
			f.Add(message, asJSON, byte(p.signal))
		}
	}
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","endTimeUnixNano":"-1"}]}]}]}`), true, byte(traces))
	sink := &memorySink{}
	s := newTestServer(f, ServerConfig{DropContent: true}, sink)
	f.Fuzz(func(t *testing.T, message []byte, asJSON bool, sig byte) {
		sink.spans, sink.points = nil, nil
		signal := traces + signal(sig)%3
		check := checkProto
		if asJSON {
			check = checkJSON
		}
		if _, err := check(message, signal); err != nil {
			return
		}
		if err := s.consumeMessage(t.Context(), message, asJSON, signal); err != nil {
			t.Fatalf("a batch that decodes is refused as a whole: %v", err)
		}
		for i := range sink.spans {
			if span := &sink.spans[i]; span.TraceID.IsZero() || span.ID.IsZero() || span.Resource == nil || span.Scope == nil {
				t.Fatalf("stored %+v", span)
			}
		}
	})
}

// consumeMessage decodes a message as the receiver does and consumes it. One that does not decode is no error.
func (s *Server) consumeMessage(ctx context.Context, message []byte, asJSON bool, sig signal) error {
	switch sig {
	case traces:
		r := ptraceotlp.NewExportRequest()
		if !decodes(message, asJSON, r.UnmarshalProto, r.UnmarshalJSON) {
			return nil
		}
		if !asJSON {
			r = ptraceotlp.NewExportRequest()
			if err := r.UnmarshalProto(append(envelopeHead(len(message)), message...)); err != nil {
				return err
			}
			ctx = context.WithValue(ctx, outcomeKey{}, &outcome{transport: "grpc", enveloped: true})
		}
		return s.consumeTraces(ctx, r.Traces())
	case metrics:
		r := pmetricotlp.NewExportRequest()
		if decodes(message, asJSON, r.UnmarshalProto, r.UnmarshalJSON) {
			return s.consumeMetrics(ctx, r.Metrics())
		}
	case logs:
		r := plogotlp.NewExportRequest()
		if decodes(message, asJSON, r.UnmarshalProto, r.UnmarshalJSON) {
			return s.consumeLogs(ctx, r.Logs())
		}
	}
	return nil
}

func decodes(message []byte, asJSON bool, fromProto, fromJSON func([]byte) error) bool {
	if asJSON {
		return fromJSON(message) == nil
	}
	return fromProto(message) == nil
}

// BenchmarkReceive measures the way from a client to a sink that does nothing; client and server share the machine.
func BenchmarkReceive(b *testing.B) {
	td := generate(1000, 8, 12)
	for _, transport := range []string{"grpc", "http"} {
		b.Run(transport, func(b *testing.B) {
			s := newTestServer(b, ServerConfig{AdminEndpoint: Off}, &memorySink{insert: func(context.Context) error { return fullFor(0) }})
			info, err := s.Start(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			conn, err := grpc.NewClient(info.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				b.Fatal(err)
			}
			client, body := ptraceotlp.NewGRPCClient(conn), encode(b, td, false)
			for b.Loop() { // the sink refuses, after everything but storing was done
				if transport == "grpc" {
					if _, err := client.Export(b.Context(), request(td)); status.Code(err) != codes.ResourceExhausted {
						b.Fatal(err)
					}
					continue
				}
				response, err := http.Post("http://"+info.HTTP+"/v1/traces", contentProto, bytes.NewReader(body))
				if err != nil || response.StatusCode != http.StatusTooManyRequests {
					b.Fatal(response, err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			b.ReportMetric(float64(td.SpanCount())*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
			_ = conn.Close()
			http.DefaultClient.CloseIdleConnections()
			if err := s.Shutdown(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
