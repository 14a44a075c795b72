package inference

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Config says what a gateway stands in front of and how it lets requests through.
type Config struct {
	Upstream *url.URL // an Ollama server, or what speaks its API
	Slots    int      // requests that are in the server at once
	// QueueLimit is how many may wait for a slot; beyond, requests are refused with 429.
	QueueLimit int
	// ServerSlots is how many requests the server computes at once, if it has no other clients than the gateway; 0 while
	// nobody knows. With as many as Slots, nothing waits in it.
	ServerSlots int
	// Tokenizers counts prompts; nil claims no tokenize phase.
	Tokenizers Tokenizers
	// WeightLog knows when weights were copied to a GPU; nil when nobody does.
	WeightLog WeightLog
	// Truth adds slowtoken.truth.* to spans: what the request's W3C baggage says under that name.
	Truth bool

	Tracer     trace.Tracer
	Propagator propagation.TextMapPropagator
	Metrics    *Metrics
	Logger     *slog.Logger
}

// Tokenizers has the tokenizer of each model.
type Tokenizers interface {
	// Tokenizer returns a function that counts the tokens of a text with the model's own vocabulary.
	Tokenizer(ctx context.Context, model string) (count func(text string) (int, error), err error)
}

// A WeightLog is a server's log of when it loaded models.
type WeightLog interface {
	// Weights returns when weights were copied to a GPU within [from, to], in nanoseconds since the Unix epoch.
	Weights(from, to int64) (start, end int64, ok bool)
}

// A Gateway is an HTTP server's handler in front of Ollama. See docs/inference.md for what it answers and emits.
type Gateway struct {
	Config
	queue    *fairQueue
	vocab    *vocabularies
	resident residency
	hold     average // how long a slot is held
	client   *http.Client
	mux      *http.ServeMux
}

// New returns a gateway. Tracer, Propagator, Metrics and Logger must be set.
func New(c Config) (*Gateway, error) {
	switch {
	case c.Slots < 1:
		return nil, fmt.Errorf("a gateway with %d slots lets nothing through: want 1 or more", c.Slots)
	case c.QueueLimit < 0:
		return nil, fmt.Errorf("a queue cannot hold %d requests: want 0 or more", c.QueueLimit)
	case c.Upstream == nil || c.Upstream.Host == "":
		return nil, fmt.Errorf("a gateway needs the address of an Ollama server")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = c.Slots
	transport.DisableCompression = true // what is compressed cannot be read as it comes
	g := &Gateway{Config: c, queue: newFairQueue(c.Slots, c.QueueLimit), client: &http.Client{Transport: transport}, mux: http.NewServeMux()}
	g.vocab = &vocabularies{source: c.Tokenizers, log: c.Logger}
	c.Metrics.watch(g.queue)
	for _, a := range askedAPIs {
		g.mux.HandleFunc("POST "+a.path, func(w http.ResponseWriter, r *http.Request) { g.exchange(a, w, r) })
	}
	pass := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(c.Upstream) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			refuse(w, ollamaError, http.StatusBadGateway, fmt.Sprintf("ask %s: %v", c.Upstream, err))
		},
	}
	for _, pattern := range []string{"GET /{$}", "GET /api/tags", "POST /api/show", "GET /api/ps", "GET /api/version", "GET /v1/models", "GET /v1/models/{model}"} {
		g.mux.Handle(pattern, pass)
	}
	g.mux.HandleFunc("GET /healthz", g.health)
	g.mux.Handle("GET /metrics", c.Metrics.handler())
	g.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, ollamaError, http.StatusNotFound, "the gateway does not serve "+r.Method+" "+r.URL.Path+": ask Ollama itself at "+c.Upstream.String())
	})
	return g, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// health says whether the server behind answers.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Upstream.JoinPath("/api/version").String(), nil)
	if err == nil {
		var res *http.Response
		if res, err = g.client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				fmt.Fprintln(w, "ok")
				return
			}
			err = fmt.Errorf("%s answers %s", g.Upstream, res.Status)
		}
	}
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

// refuse answers with an error in the spelling of the API that was asked.
func refuse(w http.ResponseWriter, spell func(int, string) []byte, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(spell(status, message))
}

// tenant names whose request it is: the header X-Slowtoken-Tenant, else a digest of the API key, else the host that asks.
func tenant(r *http.Request) string {
	if name := strings.TrimSpace(r.Header.Get("X-Slowtoken-Tenant")); name != "" {
		return name[:min(len(name), 64)]
	}
	if key := r.Header.Get("Authorization"); key != "" {
		digest := sha256.Sum256([]byte(key))
		return "key-" + hex.EncodeToString(digest[:4])
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// retryAfter is in how many seconds a slot should be free for one more request that waits, at least 1.
func (g *Gateway) retryAfter() int {
	_, waiting := g.queue.state()
	seconds := g.hold.value().Seconds() * float64(waiting+1) / float64(g.Slots)
	return cmp.Or(min(int(seconds+0.999), 600), 1)
}
