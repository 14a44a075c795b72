package ollamasim

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/slowtoken/slowtoken/inference/sim"
)

// Version is what /api/version says.
const Version = "0.17.4-simulated"

// Options are what a [Server] has beside its system.
type Options struct {
	Model    string // the one model that it has; "" is "sim"
	MaxQueue int    // requests that it holds at once before it answers 503 (OLLAMA_MAX_QUEUE); 0 is 512
	// Done, if set, is called with the truth of every request that was answered.
	Done func(Truth)
}

// A Server is the handler of Ollama's API. Close it when it is no longer served.
type Server struct {
	config  sim.Config
	options Options
	mux     *http.ServeMux
	runner  *runner

	mu         sync.Mutex
	open       int // requests that are being served
	loadedTill time.Time
	loadDone   time.Time // when the load at hand, or the last one, is done
	loaded     bool
	tokenizers chan struct{}
	loop       sync.Mutex // the event loop, for faults that block it
	random     *rand.Rand
}

// Truth is what really happened to a request, on the server's own clock. Times that did not happen are zero.
type Truth struct {
	Received, Loaded, Tokenized, Queued, Scheduled, First, Last, Answered time.Time
	Prompt, Output, Cached                                                int
}

// New returns a server of the system: its engine, its timing, its tokenizers and loads; network and client are who calls
// it. Times of pauses and changes are counted from now on, as if the system's load began now.
func New(c sim.Config, o Options) *Server {
	if o.Model == "" {
		o.Model = "sim"
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = 512
	}
	if roofline, ok := c.Timing.(sim.Roofline); ok { // its clock begins with the runner's
		changes := make([]sim.Change, len(roofline.Changes))
		for i, change := range roofline.Changes {
			change.From -= c.Start
			changes[i] = change
		}
		roofline.Changes = changes
		c.Timing = roofline
	}
	c.Pauses = append([]sim.Pause(nil), c.Pauses...)
	s := &Server{
		config: c, options: o, mux: http.NewServeMux(), runner: newRunner(&c), loaded: c.Load.Disk == 0,
		tokenizers: make(chan struct{}, max(1, c.Server.Tokenizers)), random: rand.New(rand.NewPCG(c.Seed, 17)),
	}
	s.mux.HandleFunc("POST /api/generate", s.generate)
	s.mux.HandleFunc("POST /api/chat", s.chat)
	s.mux.HandleFunc("GET /api/tags", s.tags)
	s.mux.HandleFunc("POST /api/show", s.show)
	s.mux.HandleFunc("GET /api/ps", s.ps)
	s.mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]string{"version": Version}) })
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Ollama is running") })
	go s.runner.run()
	return s
}

// Close stops the engine. Requests that are being answered end without an answer.
func (s *Server) Close() { close(s.runner.stop) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v) // a client that went away is told nothing
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": message})
}

// A question is what both ways to ask have in common.
type question struct {
	model, prompt string
	stream        *bool
	keepAlive     *api.Duration
	options       map[string]any
	// chunk makes one message of the answer.
	chunk func(text string, at time.Time) any
	// last makes the closing message.
	last func(text, reason string, at time.Time, m api.Metrics) any
}

func (s *Server) generate(w http.ResponseWriter, r *http.Request) {
	var q api.GenerateRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.serve(w, r, question{
		q.Model, q.System + q.Prompt, q.Stream, q.KeepAlive, q.Options,
		func(text string, at time.Time) any {
			return api.GenerateResponse{Model: q.Model, CreatedAt: at, Response: text}
		},
		func(text, reason string, at time.Time, m api.Metrics) any {
			return api.GenerateResponse{Model: q.Model, CreatedAt: at, Response: text, Done: true, DoneReason: reason, Metrics: m}
		},
	})
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var q api.ChatRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	var prompt strings.Builder
	for _, m := range q.Messages {
		prompt.WriteString(m.Content + "\n")
	}
	message := func(text string) api.Message { return api.Message{Role: "assistant", Content: text} }
	s.serve(w, r, question{
		q.Model, prompt.String(), q.Stream, q.KeepAlive, q.Options,
		func(text string, at time.Time) any {
			return api.ChatResponse{Model: q.Model, CreatedAt: at, Message: message(text)}
		},
		func(text, reason string, at time.Time, m api.Metrics) any {
			return api.ChatResponse{Model: q.Model, CreatedAt: at, Message: message(text), Done: true, DoneReason: reason, Metrics: m}
		},
	})
}

var errBusy = errors.New("server busy, please try again.  maximum pending requests exceeded")

func (s *Server) serve(w http.ResponseWriter, r *http.Request, q question) {
	truth := Truth{Received: time.Now()}
	if strings.TrimSuffix(q.model, ":latest") != s.options.Model {
		refuse(w, http.StatusNotFound, "model '"+q.model+"' not found")
		return
	}
	if err := s.enter(); err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	defer s.leave(q.keepAlive)
	if block := s.config.Server.Block; block > 0 {
		s.loop.Lock()
		time.Sleep(time.Duration(block))
		s.loop.Unlock()
	}
	if !s.load(r.Context(), &truth) {
		return
	}
	if q.prompt == "" { // only to load, or to unload
		reply(w, q.last("", "load", time.Now(), api.Metrics{}))
		return
	}
	t := s.sequence(q)
	if !s.tokenize(r.Context(), t, &truth) {
		return
	}
	s.answer(w, r, q, t, truth)
}

// enter admits a request, unless there are too many.
func (s *Server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= s.options.MaxQueue {
		return errBusy
	}
	s.open++
	return nil
}

// leave lets the model live on for as long as the request says.
func (s *Server) leave(keep *api.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	alive := time.Duration(s.config.Load.KeepAlive)
	if keep != nil {
		alive = keep.Duration
	}
	if keep == nil && alive == 0 {
		alive = 5 * time.Minute // Ollama's own
	}
	if alive < 0 || alive > 24*time.Hour {
		alive = 24 * time.Hour
	}
	s.loadedTill = time.Now().Add(alive)
}

// resident reports whether the model is loaded; s.mu is held.
func (s *Server) resident() bool {
	if s.loaded && s.config.Load.Disk > 0 && s.open <= 1 && time.Now().After(s.loadedTill) {
		s.loaded = false
	}
	return s.loaded
}

// load waits until the model is loaded. Ollama's load_duration is never zero: the request and the model are looked at.
func (s *Server) load(ctx context.Context, truth *Truth) bool {
	look := time.Now().Add(time.Duration(s.config.Server.Accept + s.config.Server.Handle))
	s.mu.Lock()
	if !s.resident() {
		weights, l := s.config.Model.Weights(), s.config.Load
		seconds := weights/l.Disk + weights/s.config.Device.Bus
		s.loaded = true
		s.loadDone = time.Now().Add(time.Duration(l.Base) + time.Duration(seconds*1e9))
		s.loadedTill = s.loadDone.Add(24 * time.Hour) // until the request that loads it says otherwise
	}
	until := s.loadDone
	s.mu.Unlock()
	if look.After(until) {
		until = look
	}
	ok := sleep(ctx, time.Until(until))
	truth.Loaded = time.Now()
	return ok
}

// sleep reports whether the time was slept through.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

const (
	bytesPerToken = 4
	prefixBytes   = 1024 // of a prompt that is longer are what others can share
)

// sequence says how much work a question is: a token for every 4 bytes, and as many to answer as it allows.
func (s *Server) sequence(q question) *task {
	t := &task{}
	t.sequence.Prompt = max(1, len(q.prompt)/bytesPerToken)
	if len(q.prompt) > prefixBytes {
		hash := fnv.New32a()
		io.WriteString(hash, q.prompt[:prefixBytes])
		t.sequence.Prefix, t.sequence.PrefixTokens = 1+int(hash.Sum32()), prefixBytes/bytesPerToken
	}
	s.mu.Lock()
	t.sequence.Output = max(1, int(math.Round(120*math.Exp(0.6*s.random.NormFloat64()))))
	s.mu.Unlock()
	if limit, ok := q.options["num_predict"].(float64); ok && limit >= 1 {
		t.sequence.Output = int(min(limit, 1<<20))
	}
	t.tokens = make(chan struct{}, t.sequence.Output)
	return t
}

func (s *Server) tokenize(ctx context.Context, t *task, truth *Truth) bool {
	select {
	case s.tokenizers <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	ok := sleep(ctx, time.Duration(s.config.Server.TokenizeBase+s.config.Server.TokenizeToken*int64(t.sequence.Prompt)))
	<-s.tokenizers
	truth.Tokenized = time.Now()
	return ok
}

var words = strings.Fields("tokens are slow because they wait for a slot that another prompt has taken before them and nobody knows why")

func (s *Server) answer(w http.ResponseWriter, r *http.Request, q question, t *task, truth Truth) {
	if !s.runner.engine.Fits(&t.sequence) {
		refuse(w, http.StatusBadRequest, "the prompt and its answer exceed the KV cache")
		return
	}
	select {
	case s.runner.submits <- t:
	case <-s.runner.stop:
		return
	}
	streaming := (q.stream == nil || *q.stream) && !s.config.Server.Whole
	if streaming {
		w.Header().Set("Content-Type", "application/x-ndjson")
	} else {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	lines, control := json.NewEncoder(w), http.NewResponseController(w)
	var text strings.Builder
	n := 0
	for open := true; open; {
		select {
		case _, open = <-t.tokens:
		case <-r.Context().Done():
			select {
			case s.runner.cancels <- t:
			case <-s.runner.stop:
			}
			return
		case <-s.runner.stop:
			return
		}
		if !open {
			break
		}
		word := words[n%len(words)] + " "
		n++
		if !streaming {
			text.WriteString(word)
			continue
		}
		if lines.Encode(q.chunk(word, time.Now().UTC())) != nil || control.Flush() != nil {
			continue // the client is gone, which its context will say
		}
	}
	truth.Answered = time.Now()
	seq, at := &t.sequence, func(ns int64) time.Time { return s.runner.begun.Add(time.Duration(ns - 1)) }
	truth.Queued, truth.Scheduled, truth.First, truth.Last = at(seq.Queued), at(seq.Scheduled), at(seq.FirstToken), at(seq.LastToken)
	truth.Prompt, truth.Output, truth.Cached = seq.Prompt, seq.Output, seq.Cached
	reason := "stop"
	if _, limited := q.options["num_predict"]; limited {
		reason = "length"
	}
	lines.Encode(q.last(text.String(), reason, truth.Answered.UTC(), api.Metrics{
		TotalDuration: truth.Answered.Sub(truth.Received), LoadDuration: truth.Loaded.Sub(truth.Received),
		PromptEvalCount: seq.Prompt, PromptEvalDuration: truth.First.Sub(truth.Scheduled),
		EvalCount: seq.Output, EvalDuration: truth.Last.Sub(truth.First),
	}))
	if s.options.Done != nil {
		s.options.Done(truth)
	}
}
