// Package source fetches traces from the query APIs of Jaeger and Tempo.
//
// [OpenJaeger] and [OpenTempo] find out what a server speaks and return a [Client]. [Client.Pull] then reads all traces
// of a window: it asks for slices of time, and halves a slice as long as its answer is as long as the server would
// give at all, so that no limit of a search hides a trace. What an API cannot carry is listed by [Client.Losses].
package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// Options say how to reach a server. The zero value with a URL is ready to use.
type Options struct {
	// URL is where the server is: http or https, and for Jaeger also grpc or grpcs. A path is the base of an HTTP API.
	URL string
	// API is one of the names in [JaegerAPIs] or [TempoAPIs]; empty for the best that the server speaks.
	API string

	Token          string // sent as a bearer token
	User, Password string // sent as basic authentication, when Token is empty
	Tenant         string // sent as x-tenant to Jaeger, as X-Scope-OrgID to Tempo
	TLS            *tls.Config

	Timeout  time.Duration // for one answer, to its last byte; 0 means 60 s
	Attempts int           // how often a request is tried when it fails for the moment; 0 means 6
	// Wait pauses between attempts; nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Retrying, when set, is told of each attempt that failed and of the pause before the next.
	Retrying func(err error, pause time.Duration)
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Attempts <= 0 {
		o.Attempts = 6
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	return o
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// An Operation is a span name of a service.
type Operation struct {
	Name string `json:"name"`
	Kind string `json:"span_kind,omitempty"` // empty where the API does not say
}

// A Loss is something that an API does not carry as it was recorded.
type Loss struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

// An api is one wire form of a query API. Each method is one attempt.
type api interface {
	name() string
	services(ctx context.Context) ([]string, error)
	operations(ctx context.Context, service string) ([]Operation, error)
	find(ctx context.Context, s search) (*found, error)
	grain() time.Duration // the finest slice of time that a search can name
	losses() []Loss
	anyService() bool  // whether a search without a service finds the traces of all
	traceLink() string // as [Client.TraceLink]
	close() error
}

// A search asks for the traces that have a span of service which starts in [from, to].
type search struct {
	service  string // empty: any, where the API can
	from, to time.Time
	depth    int // most traces in the answer
}

// found is the answer to a search.
type found struct {
	hits     int // traces in the answer, be they readable or not
	spans    map[analyzer.TraceID][]analyzer.Span
	refused  ingest.Refusals
	details  []string
	warnings analyzer.Warnings
	// microseconds says that times came cut to them.
	microseconds bool
	missing      []string // traces that the search named and the server did not deliver, each with the reason
}

func newFound() *found {
	return &found{spans: map[analyzer.TraceID][]analyzer.Span{}, refused: ingest.Refusals{}, warnings: analyzer.Warnings{}}
}

func (f *found) add(spans []analyzer.Span) {
	for _, s := range spans {
		f.spans[s.TraceID] = append(f.spans[s.TraceID], s)
	}
}

// refuse counts what could not be kept.
func (f *found) refuse(r ingest.Refusals) {
	for reason, n := range r {
		f.refused.Add(reason, n)
	}
}

// A Client is a server whose API is known. It is for one goroutine.
type Client struct {
	api     api
	options Options
	kind    string // "Jaeger" or "Tempo"
	seen    map[analyzer.TraceID]digest
	stats   Stats
}

// API names the wire form that is used, one of [JaegerAPIs] or [TempoAPIs].
func (c *Client) API() string { return c.api.name() }

// Name says what is read, as a person would.
func (c *Client) Name() string {
	return fmt.Sprintf("%s at %s (%s)", c.kind, shownURL(c.options.URL), c.api.name())
}

// TraceLink is where a person looks at a trace: a URL with {trace_id} and {span_id} to fill in; empty where nobody
// knows.
func (c *Client) TraceLink() string { return c.api.traceLink() }

// Losses lists what the API in use does not carry.
func (c *Client) Losses() []Loss { return c.api.losses() }

// Close ends the connections.
func (c *Client) Close() error { return c.api.close() }

// Services lists the services that the server knows.
func (c *Client) Services(ctx context.Context) (names []string, err error) {
	err = c.retry(ctx, "list the services", func(ctx context.Context) (err error) {
		names, err = c.api.services(ctx)
		return err
	})
	return names, err
}

// Operations lists the span names of a service.
func (c *Client) Operations(ctx context.Context, service string) (list []Operation, err error) {
	err = c.retry(ctx, "list the operations of "+service, func(ctx context.Context) (err error) {
		list, err = c.api.operations(ctx, service)
		return err
	})
	return list, err
}

// A candidate is an API that a server may speak.
type candidate struct {
	name string
	open func() (api, error)
	// guessed says that the address is not what the user named, so that nobody there is no fault.
	guessed bool
}

// probe returns a client for the first candidate that the server speaks; they come best first.
func probe(ctx context.Context, kind string, o Options, candidates []candidate) (*Client, error) {
	o = o.withDefaults()
	var tried []error
	for _, cand := range candidates {
		if o.API != "" && o.API != cand.name {
			continue
		}
		a, err := cand.open()
		if err != nil {
			return nil, err
		}
		c := &Client{api: a, options: o, kind: kind, seen: map[analyzer.TraceID]digest{}}
		if cand.guessed && o.API == "" {
			c.options.Attempts, c.options.Timeout = 1, min(o.Timeout, guessTimeout)
		}
		_, err = c.Services(ctx)
		c.options = o
		if err == nil {
			return c, nil
		}
		_ = a.close() // nothing was asked of it that could be lost
		if ctx.Err() != nil {
			return nil, err
		}
		tried = append(tried, fmt.Errorf("%s: %w", cand.name, err))
		if !errors.Is(err, errNotSpoken) && (!cand.guessed || o.API != "") {
			return nil, fmt.Errorf("%s at %s: %w", kind, shownURL(o.URL), tried[len(tried)-1])
		}
	}
	return nil, fmt.Errorf("%s speaks none of %s's query APIs that were tried:\n%w", shownURL(o.URL), kind, errors.Join(tried...))
}

// guessTimeout is how long an address that nobody named may take to answer.
const guessTimeout = 3 * time.Second

// errNotSpoken says that whoever answered does not know the API.
var errNotSpoken = errors.New("this API is not spoken here")
