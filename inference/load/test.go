package load

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// A Config is a load test before it is run.
type Config struct {
	Target     Target
	Plan       Plan
	Thresholds []Threshold   // of a sweep those on its steps, too: a step that misses one has broken
	Timeout    time.Duration // that one request may take; 0 is 5 minutes
	// MaxInFlight is how many requests an open loop has running at once; what would go beyond is dropped, and counted as
	// failed. 0 is 4096.
	MaxInFlight int
	Version     string // of slowtoken, for the result
	// Tracer makes the spans; without one there are none, and the server is sent no trace context.
	Tracer     trace.Tracer
	Propagator propagation.TextMapPropagator
}

const (
	defaultTimeout     = 5 * time.Minute
	defaultMaxInFlight = 4096
)

// A Test is a load test. It runs once.
type Test struct {
	config Config
	caller caller
	run    string

	mu   sync.Mutex
	step *stepRun // the one that goes on
}

// New checks a load test.
func New(c Config) (*Test, error) {
	if err := c.Target.check(); err != nil {
		return nil, err
	}
	api, err := c.Target.api()
	if err != nil {
		return nil, err
	}
	if err := c.Plan.check(); err != nil {
		return nil, err
	}
	if err := checkThresholds(c.Thresholds, c.Plan.Loop); err != nil {
		return nil, err
	}
	if c.Timeout < 0 || c.MaxInFlight < 0 {
		return nil, errors.New("the timeout and the number of requests in flight cannot be negative")
	}
	c.Timeout, c.MaxInFlight = cmp.Or(c.Timeout, defaultTimeout), cmp.Or(c.MaxInFlight, defaultMaxInFlight)
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Propagator == nil {
		c.Propagator = propagation.NewCompositeTextMapPropagator()
	}
	connections := http.DefaultTransport.(*http.Transport).Clone()
	connections.MaxIdleConns, connections.MaxIdleConnsPerHost = 0, max(c.MaxInFlight, c.Plan.Users)
	connections.DisableCompression = true // an answer is to come as the server sends it
	t := &Test{config: c, run: uuid.NewString()}
	t.caller = caller{
		// A redirect is an answer like others: what follows it would be part of no measure.
		http:   &http.Client{Transport: connections, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		target: c.Target, api: api, run: t.run, timeout: c.Timeout, tracer: c.Tracer, propagator: c.Propagator,
	}
	return t, nil
}

// Run runs the load and returns what it has shown. When ctx ends, requests that still run are cut off, and the result is
// of those before.
func (t *Test) Run(ctx context.Context) *Result {
	defer t.caller.http.CloseIdleConnections()
	target := *t.config.Target.URL
	target.User = nil
	r := &Result{
		Schema: Schema, Version: t.config.Version, Run: t.run, Started: time.Now().UTC(),
		Target: TargetSummary{
			URL: target.String(), API: t.caller.api.name, Model: t.config.Target.Model, Stream: t.config.Target.Stream, Simulated: t.config.Target.Simulated,
		},
		Plan: t.config.Plan.summary(), Warnings: []string{},
	}
	plan := &t.config.Plan
	if plan.Loop == Sweep {
		r.Steps, r.Breaking = t.sweep(ctx)
	} else {
		r.Steps = []Step{t.one(ctx, 0, plan.Rate, plan.Duration)}
	}
	r.Interrupted = ctx.Err() != nil
	r.Ended = time.Now().UTC()
	r.Thresholds = judge(t.config.Thresholds, r)
	r.Warnings = append(r.Warnings, warnings(r)...)
	return r
}

// one runs a step and sums it up.
func (t *Test) one(ctx context.Context, index int, rate float64, window time.Duration) Step {
	s := &stepRun{
		Test: t, index: index, rate: rate, warmup: t.config.Plan.Warmup, window: window, epoch: time.Now(),
	}
	t.mu.Lock()
	t.step = s
	t.mu.Unlock()
	s.run(ctx)
	return s.sum()
}

// body renders a question.
func (t *Test) body(prompt string, output int) []byte {
	data, err := json.Marshal(t.caller.api.ask(&t.config.Target, prompt, output))
	if err != nil {
		panic(fmt.Sprintf("a question of texts and numbers cannot be written: %v", err)) // no such value exists
	}
	return data
}

// Progress is how far a load test is.
type Progress struct {
	Step                         int // counted from 0
	Rate                         float64
	Users                        int
	Elapsed, Length              time.Duration // of the step with its warm-up
	Sent, Done, Failed, InFlight int           // in the step
	TTFT, LagP99                 time.Duration // the medians and 99 % quantile so far; 0 while unknown
}

// Progress may be called at any time.
func (t *Test) Progress() (p Progress, ok bool) {
	t.mu.Lock()
	s := t.step
	t.mu.Unlock()
	if s == nil {
		return p, false
	}
	return s.progress(), true
}
