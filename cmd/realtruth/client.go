package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A planned request is what the load sends, and when.
type planned struct {
	at     int64 // nanoseconds since the load begins
	server int   // that is asked
	prompt string
	tokens int // of the prompt, by the model's own vocabulary
	output int
	unload bool // the model is unloaded once it is answered
}

// A sent request is what the client knows of one, on its own clock: nothing of it comes from telemetry.
type sent struct {
	planned
	lag      time.Duration // from when it was due until it was sent
	start    int64         // nanoseconds since the Unix epoch, of its first attempt
	end      int64
	wasted   time.Duration // attempts that failed, and the pauses after them
	answered bool
}

// A client sends planned requests at their times, whether or not earlier ones are answered, and says of each attempt what
// the GenAI conventions have for callers.
type client struct {
	bases   []string // URLs of the gateways, or of what stands before them
	tracer  trace.Tracer
	http    *http.Client
	backoff time.Duration // before an attempt after one that was answered with 503; 0 for none
	reading time.Duration // how long it takes over each line of an answer
}

// smallBuffer is what the connections of a slow reader hold, in bytes: the answers here are far shorter than what the
// kernel would take for a reader who is not there.
const smallBuffer = 2048

func newClient(tracer trace.Tracer, f *faultCase, bases ...string) *client {
	c := &client{bases: bases, tracer: tracer, backoff: f.backoff, reading: f.reading}
	dialer := &net.Dialer{}
	c.http = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 1000, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok && c.reading > 0 {
				err = errors.Join(err, tcp.SetReadBuffer(smallBuffer))
			}
			return conn, err
		},
	}}
	return c
}

// play sends all requests and waits for their answers.
func (c *client) play(ctx context.Context, load []planned) ([]sent, error) {
	list := make([]sent, len(load))
	errs := make([]error, len(load))
	var all sync.WaitGroup
	// A collection of garbage keeps the processor from those who are due.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	begun := time.Now()
	for i := range load {
		due := begun.Add(time.Duration(load[i].at))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		list[i] = sent{planned: load[i]}
		all.Go(func() {
			list[i].lag = time.Since(due)
			errs[i] = c.ask(ctx, &list[i])
		})
	}
	all.Wait()
	c.http.CloseIdleConnections()
	return list, errors.Join(errs...)
}

// attempts is how often the client tries at most.
const attempts = 4

// answerTime is how long a request may take: some ten times what the longest queue of any fault does. A server that does
// not answer within it has lost the places of its requests, as Ollama 0.17 can (ollama#17131), and answers nobody any more.
const answerTime = time.Minute

// stuck reports whether err says that a server did not answer within answerTime, which is no end of ctx.
func stuck(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
}

// ask sends one request until it is answered, below a span of the application.
func (c *client) ask(ctx context.Context, s *sent) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	ctx, span := c.tracer.Start(ctx, "answer question")
	defer span.End()
	begun := time.Now()
	s.start = begun.UnixNano()
	defer func() { s.end = s.start + int64(time.Since(begun)) }()
	for range attempts {
		tried := time.Now()
		status, err := c.attempt(ctx, s)
		switch {
		case err != nil:
			return err
		case status == http.StatusOK:
			s.answered = true
			return nil
		case status != http.StatusServiceUnavailable || c.backoff == 0:
			return nil // it was refused, which the telemetry says
		}
		time.Sleep(c.backoff)
		s.wasted += time.Since(tried)
	}
	return nil
}

// attempt makes one call. A status other than 200 is no error: servers may refuse.
func (c *client) attempt(ctx context.Context, s *sent) (status int, err error) {
	body := map[string]any{"model": modelName, "prompt": s.prompt, "keep_alive": -1, "options": map[string]any{"num_predict": s.output}}
	if s.unload {
		body["keep_alive"] = 0
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	ctx, span := c.tracer.Start(ctx, "text_completion "+modelName, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "text_completion"), attribute.String("gen_ai.provider.name", "ollama"),
		attribute.String("gen_ai.request.model", modelName), attribute.Bool("gen_ai.request.stream", true),
	))
	defer span.End()
	begun, base := time.Now(), c.bases[s.server]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/generate", bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := c.http.Do(req)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return 0, fmt.Errorf("ask %s: %w", base, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, err := io.Copy(io.Discard, res.Body)
		span.SetStatus(codes.Error, res.Status)
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(res.StatusCode)))
		return res.StatusCode, err
	}
	if err := c.read(res.Body, span, begun); err != nil {
		return 0, fmt.Errorf("read the answer of %s: %w", base, err)
	}
	return res.StatusCode, nil
}

// read takes an answer line by line.
func (c *client) read(body io.Reader, span trace.Span, begun time.Time) error {
	size := 4096
	if c.reading > 0 {
		size = 128 // about a line: what is read ahead is not slow
	}
	lines := bufio.NewReaderSize(body, size)
	for first := true; ; first = false {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		if first {
			span.SetAttributes(attribute.Float64("gen_ai.response.time_to_first_chunk", time.Since(begun).Seconds()))
		}
		var said struct {
			Done         bool   `json:"done"`
			Error        string `json:"error"`
			PromptTokens int    `json:"prompt_eval_count"`
			OutputTokens int    `json:"eval_count"`
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return err
		}
		if said.Error != "" {
			return errors.New(said.Error)
		}
		if said.Done {
			span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", said.PromptTokens), attribute.Int("gen_ai.usage.output_tokens", said.OutputTokens))
			return nil
		}
		if c.reading > 0 {
			time.Sleep(c.reading)
		}
	}
}

// lagP99 is the 99th percentile, by nearest rank, of how late requests were sent.
func lagP99(list []sent) time.Duration {
	lags := make([]time.Duration, len(list))
	for i := range list {
		lags[i] = list[i].lag
	}
	if len(lags) == 0 {
		return 0
	}
	slices.Sort(lags)
	return lags[(99*len(lags)+99)/100-1]
}
