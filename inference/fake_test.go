package inference

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A fakeOllama answers every question with the same lines, at the times that a test chooses.
type fakeOllama struct {
	*httptest.Server
	status int      // 0: 200
	lines  []string // of the answer; %s is the time now
	step   func(r *http.Request, line int)
	// works makes each line take 3 ms, and the last one state the durations of what really happened.
	works bool
	// resident says that the model is loaded.
	resident bool

	mu   sync.Mutex
	got  []string // bodies of questions
	from []http.Header
}

// The lines of an answer of three chunks. Durations are such that the whole is over at once.
var (
	generateLines = []string{
		`{"model":"m","created_at":"%s","response":"one ","done":false}`,
		`{"model":"m","created_at":"%s","response":"two","done":false}`,
		`{"model":"m","created_at":"%s","response":"","done":true,"done_reason":"stop","context":[1,2],"total_duration":900000,"load_duration":100000,"prompt_eval_count":5,"prompt_eval_duration":200000,"eval_count":2,"eval_duration":300000}`,
	}
	chatLines = []string{
		`{"model":"m","created_at":"%s","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`,
		`{"model":"m","created_at":"%s","message":{"role":"assistant","content":"one "},"done":false}`,
		`{"model":"m","created_at":"%s","message":{"role":"assistant","content":"two"},"done":false}`,
		`{"model":"m","created_at":"%s","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":900000,"load_duration":100000,"prompt_eval_count":5,"prompt_eval_duration":200000,"eval_count":3,"eval_duration":300000}`,
	}
)

func newFake(t *testing.T, lines []string) *fakeOllama {
	f := &fakeOllama{lines: lines, resident: true}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/generate", f.answer)
	mux.HandleFunc("POST /api/chat", f.answer)
	mux.HandleFunc("GET /api/ps", func(w http.ResponseWriter, _ *http.Request) {
		if f.resident {
			io.WriteString(w, `{"models":[{"name":"m:latest","model":"m:latest","size":9000,"size_vram":0}]}`)
			return
		}
		io.WriteString(w, `{"models":[]}`)
	})
	for _, path := range []string{"GET /{$}", "GET /api/tags", "GET /api/version", "POST /api/show", "GET /v1/models", "GET /v1/models/m"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path) })
	}
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeOllama) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.got, f.from = append(f.got, string(body)), append(f.from, r.Header)
	f.mu.Unlock()
	if f.status != 0 {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(f.status)
		io.WriteString(w, f.lines[0])
		return
	}
	began := time.Now()
	var first time.Duration
	for i, line := range f.lines {
		if f.step != nil {
			f.step(r, i)
		}
		if r.Context().Err() != nil {
			return
		}
		if f.works {
			time.Sleep(3 * time.Millisecond)
			if i == 0 {
				first = time.Since(began)
			}
			total := time.Since(began)
			line = strings.NewReplacer(
				`"total_duration":900000`, fmt.Sprintf(`"total_duration":%d`, total),
				`"load_duration":100000`, fmt.Sprintf(`"load_duration":%d`, first/3),
				`"prompt_eval_duration":200000`, fmt.Sprintf(`"prompt_eval_duration":%d`, first/3),
				`"eval_duration":300000`, fmt.Sprintf(`"eval_duration":%d`, total-first),
			).Replace(line)
		}
		var parts map[string]any
		if json.Unmarshal([]byte(line), &parts) == nil && parts["created_at"] != nil {
			line = fmt.Sprintf(line, time.Now().UTC().Format(time.RFC3339Nano))
		}
		io.WriteString(w, line+"\n")
		w.(http.Flusher).Flush()
	}
}

func (f *fakeOllama) questions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got
}

// A rig is a gateway in front of a fake, whose spans a test can read.
type rig struct {
	*httptest.Server
	gateway *Gateway
	spans   *tracetest.SpanRecorder
	fake    *fakeOllama
}

func newRig(t *testing.T, fake *fakeOllama, change ...func(*Config)) *rig {
	t.Helper()
	upstream, err := url.Parse(fake.URL)
	if err != nil {
		t.Fatal(err)
	}
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	c := Config{
		Upstream: upstream, Slots: 2, QueueLimit: 10,
		Tracer:     provider.Tracer("test"),
		Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		Metrics:    NewMetrics(), Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{gateway: g, spans: recorder, fake: fake, Server: httptest.NewServer(g)}
	t.Cleanup(r.Close)
	return r
}

// request returns the span of the only request, once it has ended, and the spans below it.
func (r *rig) request(t *testing.T) (request sdktrace.ReadOnlySpan, below []sdktrace.ReadOnlySpan) {
	t.Helper()
	await(t, "a request's span ends", func() bool {
		for _, s := range r.spans.Ended() {
			if s.SpanKind().String() == "server" {
				request = s
			}
		}
		return request != nil
	})
	for _, s := range r.spans.Ended() {
		if s.Parent().SpanID() == request.SpanContext().SpanID() {
			below = append(below, s)
		}
	}
	return request, below
}

// about returns an attribute of a span as text, "" when it has none.
func about(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s in vain until %s", what)
		}
	}
}
