package inference

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
)

const question1 = `{"model":"m","prompt":"p"}`

// A chunk reaches the client before Ollama makes the next one.
func TestChunksAreNotHeldBack(t *testing.T) {
	fake := newFake(t, generateLines)
	seen := make(chan int, len(generateLines))
	fake.step = func(r *http.Request, line int) {
		if line > 0 {
			select {
			case <-seen:
			case <-time.After(10 * time.Second):
				t.Error("a chunk was held back")
			}
		}
	}
	r := newRig(t, fake)
	res, err := http.Post(r.URL+"/api/generate", "application/json", strings.NewReader(question1))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for n := 0; lines.Scan(); n++ {
		seen <- n
	}
	request, _ := r.request(t)
	if n := len(request.Events()); n != 2 {
		t.Errorf("the span has %d chunks, want 2", n)
	}
}

// busy fills the slots of a gateway with requests that last until the returned function is called.
func busy(t *testing.T, r *rig, requests int) (finish func()) {
	t.Helper()
	var done sync.WaitGroup
	for range requests {
		done.Go(func() {
			res, err := http.Post(r.URL+"/api/generate", "application/json", strings.NewReader(question1))
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		})
	}
	return done.Wait
}

// gate holds a fake's answers until it is opened.
func gate(fake *fakeOllama) (open func()) {
	opened := make(chan struct{})
	fake.step = func(r *http.Request, _ int) {
		select {
		case <-opened:
		case <-r.Context().Done():
		}
	}
	return sync.OnceFunc(func() { close(opened) })
}

func TestRequestsBeyondTheQueueAreRefused(t *testing.T) {
	fake := newFake(t, generateLines)
	open := gate(fake)
	defer open()
	r := newRig(t, fake, func(c *Config) { c.Slots, c.QueueLimit = 1, 2 })
	finish := busy(t, r, 3)
	await(t, "two requests wait", func() bool { _, waiting := r.gateway.queue.state(); return waiting == 2 })
	await(t, "Ollama has a request", func() bool { return len(fake.questions()) > 0 })
	if n := len(fake.questions()); n != 1 {
		t.Errorf("Ollama has %d requests at once, want 1", n)
	}

	status, header, body := post(t, r.URL+"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}]}`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(body, `"message":"2 requests wait`) {
		t.Errorf("the fourth request was answered %d, Retry-After %q: %s", status, header.Get("Retry-After"), body)
	}
	request, below := r.request(t)
	if got := about(request, "error.type"); got != "429" || len(below) != 1 || below[0].Name() != "receive" {
		t.Errorf("its span has error.type %q and %d spans below it", got, len(below))
	}
	open()
	finish()
	if free, waiting := r.gateway.queue.state(); free != 1 || waiting != 0 {
		t.Errorf("afterwards %d slots are free and %d requests wait", free, waiting)
	}
}

// A client that goes away stops Ollama, and gives its slot back; one that waits leaves the queue.
func TestClientsThatGoAway(t *testing.T) {
	fake := newFake(t, generateLines)
	stopped := make(chan struct{})
	fake.step = func(r *http.Request, line int) {
		if line == 1 { // the first chunk is out
			<-r.Context().Done()
			close(stopped)
		}
	}
	r := newRig(t, fake, func(c *Config) { c.Slots = 1 })
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ask := func(ctx context.Context) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/generate", strings.NewReader(question1))
		if err != nil {
			t.Fatal(err)
		}
		return http.DefaultClient.Do(req)
	}
	res, err := ask(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || !strings.Contains(line, "one ") {
		t.Fatalf("the first chunk is %q: %v", line, err)
	}

	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		res, err := ask(impatient)
		if err == nil {
			res.Body.Close()
		}
		gaveUp <- err
	}()
	await(t, "one request waits", func() bool { _, waiting := r.gateway.queue.state(); return waiting == 1 })
	giveUp()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that waited ended with %v", err)
	}
	request, below := r.request(t)
	if got := about(request, "error.type"); got != "cancelled" || len(below) != 2 || below[1].Name() != "queue" {
		t.Errorf("the span of the request that waited has error.type %q and %d spans below it", got, len(below))
	}
	r.spans.Reset()

	leave()
	res.Body.Close()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("Ollama goes on for a client that is gone")
	}
	request, below = r.request(t)
	if got := about(request, "error.type"); got != "cancelled" || below[len(below)-1].Name() != "decode" {
		t.Errorf("the span has error.type %q and ends with %s", got, below[len(below)-1].Name())
	}
	if free, waiting := r.gateway.queue.state(); free != 1 || waiting != 0 {
		t.Errorf("afterwards %d slots are free and %d requests wait", free, waiting)
	}
}

// A slow reader does not hold a slot that Ollama no longer needs.
func TestSlowReadersHoldNoSlot(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	var lines []string
	for range 200 { // 12 MB: more than the sockets take
		lines = append(lines, `{"model":"m","created_at":"%s","response":"`+long+`","done":false}`)
	}
	fake := newFake(t, append(lines, generateLines[2]))
	r := newRig(t, fake, func(c *Config) { c.Slots = 1 })
	res, err := http.Post(r.URL+"/api/generate", "application/json", strings.NewReader(question1))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	await(t, "the slot is free while nothing is read", func() bool { free, _ := r.gateway.queue.state(); return free == 1 })
	if len(r.spans.Ended()) != 0 {
		t.Error("the request ended before its answer was read")
	}
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n < 200*64<<10 {
		t.Errorf("%d bytes came: %v", n, err)
	}
	_, below := r.request(t)
	last := below[len(below)-1]
	if last.Name() != "stream" {
		t.Errorf("the last span is %s, want stream", last.Name())
	}
}

func TestRequestJoinsItsCallersTrace(t *testing.T) {
	fake := newFake(t, generateLines)
	r := newRig(t, fake)
	req, err := http.NewRequest(http.MethodPost, r.URL+"/api/generate", strings.NewReader(question1))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	request, _ := r.request(t)
	if got := request.SpanContext().TraceID().String(); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace %s, want the caller's", got)
	}
	if got := request.Parent().SpanID().String(); got != "b7ad6b7169203331" || !request.Parent().IsRemote() {
		t.Errorf("parent %s, want the caller's", got)
	}
	want := fmt.Sprintf("00-%s-%s-01", request.SpanContext().TraceID(), request.SpanContext().SpanID())
	if got := fake.from[0].Get("traceparent"); got != want {
		t.Errorf("Ollama was given traceparent %s, want %s", got, want)
	}
}

// Every span says how its times are known, and those below a request tile it to the nanosecond.
func TestSpansTileTheRequest(t *testing.T) {
	fake := newFake(t, generateLines)
	fake.resident, fake.works = false, true
	r := newRig(t, fake, func(c *Config) { c.Tokenizers = words{} })
	if count := r.gateway.vocab.of("m"); count != nil {
		t.Error("a vocabulary was there before it was fetched")
	}
	await(t, "the vocabulary is there", func() bool { return r.gateway.vocab.of("m") != nil })
	post(t, r.URL+"/api/generate", `{"model":"m","prompt":"one two three"}`)
	request, below := r.request(t)
	if request.SpanKind() != trace.SpanKindServer || request.Name() != "text_completion m" {
		t.Errorf("%s %s", request.SpanKind(), request.Name())
	}
	at, names := request.StartTime(), []string{}
	for _, s := range below {
		if !s.StartTime().Equal(at) {
			t.Errorf("%s starts %v after the one before it ends", s.Name(), s.StartTime().Sub(at))
		}
		at = s.EndTime()
		names = append(names, s.Name()+" "+about(s, "slowtoken.basis")+" "+about(s, "slowtoken.phase")+about(s, "slowtoken.covers"))
	}
	if !request.EndTime().Equal(at) {
		t.Errorf("the last span ends %v before the request", request.EndTime().Sub(at))
	}
	want := []string{
		"receive measured gateway", "queue measured queue", "tokenize measured tokenize", "send measured gateway", "call bounded network",
		"model_load reported model_load", "admit bounded queue,tokenize,frontend", "prefill reported prefill", "decode reported decode", "stream measured stream",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("spans below the request (-want +got):\n%s", diff)
	}
	if got := about(below[2], "slowtoken.tokenize.tokens"); got != "3" {
		t.Errorf("%s tokens were counted, want 3", got)
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "ollama", "gen_ai.request.model": "m", "gen_ai.response.model": "m",
		"gen_ai.request.stream": "true", "gen_ai.usage.input_tokens": "5", "gen_ai.usage.output_tokens": "2", "http.response.status_code": "200",
		"gen_ai.response.finish_reasons": `["stop"]`, "slowtoken.tenant": "127.0.0.1", "error.type": "",
	} {
		if got := about(request, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// words counts words as tokens.
type words struct{}

func (words) Tokenizer(context.Context, string) (func(string) (int, error), error) {
	return func(text string) (int, error) { return len(strings.Fields(text)), nil }, nil
}

// An answer that is not streamed has no first chunk at its client, but its phases are known all the same.
func TestWholeAnswersHavePhases(t *testing.T) {
	fake := newFake(t, chatLines)
	fake.works = true
	r := newRig(t, fake)
	post(t, r.URL+"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}]}`)
	request, below := r.request(t)
	if len(request.Events()) != 0 || about(request, "gen_ai.response.time_to_first_chunk") != "" {
		t.Error("a whole answer has a first chunk")
	}
	var names []string
	for _, s := range below {
		names = append(names, s.Name())
	}
	if got := strings.Join(names, " "); got != "receive queue send call prepare admit prefill decode stream" {
		t.Errorf("spans: %s", got)
	}
}

func TestTruthIsSaidOnlyWhenAskedFor(t *testing.T) {
	for _, on := range []bool{false, true} {
		r := newRig(t, newFake(t, generateLines), func(c *Config) { c.Truth = on })
		req, err := http.NewRequest(http.MethodPost, r.URL+"/api/generate", strings.NewReader(question1))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("baggage", "slowtoken.truth.fault=queue-limit,user=ada")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		request, _ := r.request(t)
		if got, want := about(request, "slowtoken.truth.fault"), map[bool]string{true: "queue-limit"}[on]; got != want {
			t.Errorf("truth %v: slowtoken.truth.fault is %q, want %q", on, got, want)
		}
		if about(request, "user") != "" {
			t.Error("other baggage is on the span")
		}
	}
}

func TestTenants(t *testing.T) {
	for name, set := range map[string][2]string{
		"team-a":       {"X-Slowtoken-Tenant", " team-a "},
		"key-ca978112": {"Authorization", "a"},
		"192.0.2.1":    {"Accept", "*/*"},
	} {
		r, err := http.NewRequest(http.MethodPost, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header.Set(set[0], set[1])
		if got := tenant(r); got != name {
			t.Errorf("%v is of tenant %s, want %s", set, got, name)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	fake := newFake(t, generateLines)
	r := newRig(t, fake)
	post(t, r.URL+"/api/generate", question1)
	r.request(t)
	for path, want := range map[string]string{
		"/": "GET /", "/api/tags": "GET /api/tags", "/api/version": "GET /api/version", "/v1/models": "GET /v1/models", "/v1/models/m": "GET /v1/models/m",
		"/healthz": "ok", "/metrics": `slowtoken_gateway_requests_total{outcome="200",route="/api/generate"} 1`,
	} {
		res, err := http.Get(r.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s: %s %s (%v), want %q", path, res.Status, body, err, want)
		}
	}
	if status, _, body := post(t, r.URL+"/api/show", `{}`); status != 200 || body != "POST /api/show" {
		t.Errorf("POST /api/show: %d %s", status, body)
	}
	fake.Close()
	res, err := http.Get(r.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("GET /healthz without Ollama: %s", res.Status)
	}
}

func TestGatewaysThatCannotBe(t *testing.T) {
	good := newRig(t, newFake(t, nil)).gateway.Config
	for want, change := range map[string]func(*Config){
		"want 1 or more": func(c *Config) { c.Slots = 0 },
		"want 0 or more": func(c *Config) { c.QueueLimit = -1 },
		"needs the addr": func(c *Config) { c.Upstream = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A request says how many are let into the server, how many that computes at once, and on what.
func TestRequestsSayWhatTheyGoTo(t *testing.T) {
	fake := newFake(t, generateLines)
	fake.resident = true
	r := newRig(t, fake, func(c *Config) { c.Slots, c.ServerSlots = 2, 4 })
	if status, _, body := post(t, r.URL+"/api/generate", `{"model":"m","prompt":"hi"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	request, _ := r.request(t)
	for name, want := range map[string]string{"slowtoken.gateway.slots": "2", "slowtoken.server.slots": "4", "slowtoken.server.device": "cpu"} {
		if got := about(request, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// A model that a request has unloaded behind its answer counts as gone, so that the server is asked before the next one.
func TestModelUnloadedByRequestIsGone(t *testing.T) {
	for field, stays := range map[string]bool{
		`"keep_alive":0`: false, `"keep_alive":"0s"`: false, `"keep_alive":"500ms"`: false,
		`"keep_alive":-1`: true, `"keep_alive":"5m"`: true, `"options":{}`: true,
	} {
		r := newRig(t, newFake(t, generateLines))
		if status, _, body := post(t, r.URL+"/api/generate", `{"model":"m","prompt":"hi",`+field+`}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		r.gateway.resident.mu.Lock()
		_, is := r.gateway.resident.answered["m"]
		r.gateway.resident.mu.Unlock()
		if is != stays {
			t.Errorf("after %s the model is taken to be loaded: %t, want %t", field, is, stays)
		}
	}
}
