package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/ollamasim"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A fakeServer answers every question with the same messages.
type fakeServer struct {
	*httptest.Server
	kind     string // content type
	status   int    // 0: 200
	messages []string
	before   func(message int) // is called before each message

	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	at     []time.Time
}

func newFakeServer(t *testing.T, kind string, messages ...string) *fakeServer {
	f := &fakeServer{kind: kind, messages: messages}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.bodies, f.heads, f.at = append(f.bodies, string(body)), append(f.heads, r.Header), append(f.at, time.Now())
		f.mu.Unlock()
		w.Header().Set("Content-Type", f.kind)
		if f.status != 0 {
			w.WriteHeader(f.status)
		}
		for i, m := range f.messages {
			if f.before != nil {
				f.before(i)
			}
			io.WriteString(w, m)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// sse are server-sent events.
func sse(data ...string) (list []string) {
	for _, d := range data {
		list = append(list, "data: "+d+"\n\n")
	}
	return list
}

// A chat of three tokens: a chunk that only has the role, a chunk of two tokens, one of one, the usage and the end.
var openAIChat = sse(
	`{"id":"c1","model":"served","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
	`{"id":"c1","model":"served","choices":[{"index":0,"delta":{"content":"one two"},"finish_reason":null}]}`,
	`{"id":"c1","model":"served","choices":[{"index":0,"delta":{"content":" three"},"finish_reason":"stop"}]}`,
	`{"id":"c1","model":"served","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}`,
	`[DONE]`,
)

func at(t *testing.T, server, path string) *url.URL {
	t.Helper()
	u, err := url.Parse(server + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const millisecond = int64(time.Millisecond)

// oneSlot is a server that takes as long for each request and serves one at a time: a prefill of this length, and one token.
func oneSlot(service time.Duration) sim.Config {
	c := sim.NewConfig(sim.Llama8B, sim.H100)
	c.Timing = sim.Linear{PromptBase: int64(service)}
	c.Engine = sim.EngineConfig{Slots: 1, Blocks: 100_000}
	c.Server.TokenizeBase, c.Server.TokenizeToken, c.Server.Accept, c.Server.Handle = 0, 0, 0, 0
	return c
}

// simulate serves a system, and says what was really done.
func simulate(t *testing.T, c sim.Config, o ollamasim.Options) (server string, truths func() []ollamasim.Truth) {
	t.Helper()
	var mu sync.Mutex
	var done []ollamasim.Truth
	o.Done = func(truth ollamasim.Truth) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, truth)
	}
	s := ollamasim.New(c, o)
	served := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		served.Close()
	})
	return served.URL, func() []ollamasim.Truth {
		mu.Lock()
		defer mu.Unlock()
		return append([]ollamasim.Truth(nil), done...)
	}
}

var oneToken = []Size{{"one", 1, 16, 1}}

func run(t *testing.T, c Config) *Result {
	t.Helper()
	test, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := test.Run(t.Context())
	if len(r.Steps) == 0 {
		t.Fatal("no step was run")
	}
	return r
}

func (s *Step) measure(name, from string) Measure {
	for _, m := range s.Measures {
		if m.Name == name && m.From == from {
			return m
		}
	}
	panic(fmt.Sprintf("there is no measure %s from %s", name, from))
}

// contextUntil returns a context that ends when a thing has happened.
func contextUntil(t *testing.T, happened func() bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	go func() {
		ticks := time.NewTicker(5 * time.Millisecond)
		defer ticks.Stop()
		for ctx.Err() == nil && !happened() {
			<-ticks.C
		}
		cancel()
	}()
	return ctx, cancel
}
