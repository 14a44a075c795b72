package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The forms in which Tempo delivers a trace.
const (
	TempoV2     = "tempo-v2"
	TempoV2JSON = "tempo-v2-json"
	TempoV1     = "tempo-v1"
	TempoV1JSON = "tempo-v1-json"
)

// TempoAPIs lists them, the best first: those without JSON in their names are protobuf.
var TempoAPIs = []string{TempoV2, TempoV1, TempoV2JSON, TempoV1JSON}

// OpenTempo finds the best API that the server speaks: version 2 from Tempo 2.7 on.
func OpenTempo(ctx context.Context, o Options) (*Client, error) {
	if err := checkAPI(o.API, TempoAPIs); err != nil {
		return nil, err
	}
	u, err := parseURL(o.URL, "http", "https")
	if err != nil {
		return nil, err
	}
	open := func(name string, version int, json bool) candidate {
		return candidate{name: name, open: func() (api, error) {
			return &tempo{label: name, http: newHTTPClient(u, o, "X-Scope-OrgID"), version: version, json: json}, nil
		}}
	}
	return probe(ctx, "Tempo", o, []candidate{
		open(TempoV2, 2, false), open(TempoV1, 1, false), open(TempoV2JSON, 2, true), open(TempoV1JSON, 1, true),
	})
}

// tempo searches with TraceQL and then asks for each trace by its id.
type tempo struct {
	label   string
	http    *httpClient
	version int
	json    bool

	// delivered are the traces that earlier searches of one pull have handed over: a long one is found by several.
	delivered map[string]bool
	// fetched holds what a search got before it failed, for its next attempt.
	fetched map[string]*found
}

func (t *tempo) name() string         { return t.label }
func (t *tempo) grain() time.Duration { return time.Second }
func (t *tempo) close() error         { return t.http.close() }
func (t *tempo) losses() []Loss       { return []Loss{lossTempo} }
func (t *tempo) anyService() bool     { return true }
func (t *tempo) traceLink() string    { return "" } // people look at its traces in a Grafana, which it does not know
func (t *tempo) begin()               { t.delivered, t.fetched = map[string]bool{}, map[string]*found{} }

func (t *tempo) services(ctx context.Context) ([]string, error) {
	if t.version == 1 {
		var reply struct {
			Values []string `json:"tagValues"`
		}
		err := t.http.getJSON(ctx, "/api/search/tag/service.name/values", nil, &reply)
		return reply.Values, err
	}
	var reply struct {
		Values []struct {
			Value string `json:"value"`
		} `json:"tagValues"`
	}
	err := t.http.getJSON(ctx, "/api/v2/search/tag/resource.service.name/values", nil, &reply)
	var names []string
	for _, v := range reply.Values {
		names = append(names, v.Value)
	}
	return names, err
}

func (t *tempo) operations(ctx context.Context, service string) ([]Operation, error) {
	var reply struct {
		Values []struct {
			Value string `json:"value"`
		} `json:"tagValues"`
	}
	path, query := "/api/v2/search/tag/name/values", url.Values{"q": {traceQL(service)}}
	if t.version == 1 {
		var reply struct {
			Values []string `json:"tagValues"`
		}
		err := t.http.getJSON(ctx, "/api/search/tag/name/values", nil, &reply)
		return asOperations(reply.Values), err
	}
	err := t.http.getJSON(ctx, path, query, &reply)
	var names []string
	for _, v := range reply.Values {
		names = append(names, v.Value)
	}
	return asOperations(names), err
}

func asOperations(names []string) (list []Operation) {
	for _, n := range names {
		list = append(list, Operation{Name: n})
	}
	return list
}

// traceQL asks for traces with a span of service, "" for any.
func traceQL(service string) string {
	if service == "" {
		return "{}"
	}
	return "{ resource.service.name = " + strconv.Quote(service) + " }"
}

// A tempoSearch is the answer to a search.
type tempoSearch struct {
	Traces []struct {
		ID string `json:"traceID"`
	} `json:"traces"`
	Metrics struct {
		CompletedJobs int `json:"completedJobs"`
		TotalJobs     int `json:"totalJobs"`
	} `json:"metrics"`
}

func (t *tempo) find(ctx context.Context, s search) (*found, error) {
	if t.delivered == nil {
		t.begin()
	}
	var reply tempoSearch
	err := t.http.getJSON(ctx, "/api/search", url.Values{
		"q":     {traceQL(s.service)},
		"start": {strconv.FormatInt(s.from.Unix(), 10)},
		"end":   {strconv.FormatInt(s.to.Unix(), 10)},
		"limit": {strconv.Itoa(s.depth)},
		"spss":  {"1"}, // spans shown of each trace
	}, &reply)
	if err != nil {
		return nil, err
	}
	f := newFound()
	f.hits = len(reply.Traces)
	if f.hits >= s.depth {
		return f, nil // it will be asked again, for less time or more traces
	}
	if m := reply.Metrics; m.CompletedJobs < m.TotalJobs && f.hits < s.depth {
		f.warnings.Add("search_incomplete", 1)
	}
	var ids []string
	for _, trace := range reply.Traces {
		if t.delivered[trace.ID] {
			continue
		}
		ids = append(ids, trace.ID)
	}
	if err := t.fetch(ctx, ids); err != nil {
		return nil, err
	}
	for _, id := range ids {
		one := t.fetched[id]
		delete(t.fetched, id)
		t.delivered[id] = true
		if one == nil { // the search named it twice
			continue
		}
		for _, spans := range one.spans {
			f.add(spans)
		}
		f.refuse(one.refused)
		f.details = append(f.details, one.details...)
		f.missing = append(f.missing, one.missing...)
		for warning, n := range one.warnings {
			f.warnings.Add(warning, n)
		}
	}
	return f, nil
}

// tempoWorkers is how many traces are asked for at a time.
const tempoWorkers = 4

// fetch asks for the traces that were not fetched yet. It keeps those it got when others fail.
func (t *tempo) fetch(ctx context.Context, ids []string) error {
	work := make(chan string)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range min(tempoWorkers, len(ids)) {
		workers.Go(func() {
			for id := range work {
				one, err := t.trace(ctx, id)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					cancel()
				} else {
					t.fetched[id] = one
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range ids {
		mu.Lock()
		have := t.fetched[id] != nil
		mu.Unlock()
		if have {
			continue
		}
		select {
		case work <- id:
		case <-ctx.Done():
		}
	}
	close(work)
	workers.Wait()
	if len(errs) > 0 {
		return errs[0] // the others follow from it, mostly
	}
	return ctx.Err()
}

// trace asks for one trace. One that is not there, though the search named it, is told as missing.
func (t *tempo) trace(ctx context.Context, id string) (*found, error) {
	accept := "application/protobuf"
	if t.json {
		accept = "application/json"
	}
	versions := []int{t.version}
	if t.version == 2 {
		versions = []int{2, 1} // Tempo before 2.7 has the search of version 2, and traces of version 1 only
	}
	for _, version := range versions {
		path := "/api/traces/" + url.PathEscape(id)
		if version == 2 {
			path = "/api/v2/traces/" + url.PathEscape(id)
		}
		a, err := t.http.get(ctx, path, nil, accept)
		if err != nil {
			return nil, err
		}
		if a.status == http.StatusNotFound {
			continue
		}
		if a.isPage() {
			return nil, fmt.Errorf("GET %s: the answer is a web page", path)
		}
		return readTempo(ctx, path, version, a)
	}
	f := newFound()
	f.missing = []string{"trace " + id + ": 404 Not Found"}
	return f, nil
}

// readTempo reads an answer in either wire form.
func readTempo(ctx context.Context, path string, version int, a *answer) (*found, error) {
	f := newFound()
	body, partial := a.body, false
	if isJSON(body) {
		var envelope struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		}
		if err := a.decode(path, &envelope); err != nil {
			return nil, err
		}
		partial = envelope.Status == "PARTIAL"
	} else if version == 2 {
		var err error
		if body, partial, err = unwrapTempo(body); err != nil {
			return nil, &temporaryError{err: fmt.Errorf("GET %s: the answer of %d bytes does not decode: %w", path, len(a.body), err)}
		}
	}
	if partial {
		f.warnings.Add("trace_partial", 1)
	}
	if len(body) == 0 {
		f.missing = []string{path + ": the answer is empty"}
		return f, nil
	}
	return f, f.read(ctx, "GET "+path, body)
}

// isJSON tells the wire forms apart: no protobuf message of OTLP begins with a brace.
func isJSON(body []byte) bool { return len(body) > 0 && body[0] == '{' }

var errNoTrace = errors.New("it holds no trace")

// unwrapTempo takes the trace out of version 2's answer: field 1 is the trace, field 3 tells whether it is whole.
func unwrapTempo(body []byte) (trace []byte, partial bool, err error) {
	found := false
	for len(body) > 0 {
		field, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			return nil, false, protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(field, typ, body[n:])
		if m < 0 {
			return nil, false, protowire.ParseError(m)
		}
		switch {
		case field == 1 && typ == protowire.BytesType:
			trace, _ = protowire.ConsumeBytes(body[n:])
			found = true
		case field == 3 && typ == protowire.VarintType:
			status, _ := protowire.ConsumeVarint(body[n:])
			partial = status == 1
		}
		body = body[n+m:]
	}
	if !found {
		return nil, false, errNoTrace
	}
	return trace, partial, nil
}
