package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// jaegerOld is the JSON API of Jaeger's user interface.
type jaegerOld struct{ http *httpClient }

func (*jaegerOld) name() string         { return JaegerLegacy }
func (*jaegerOld) grain() time.Duration { return time.Microsecond }
func (*jaegerOld) losses() []Loss {
	return append([]Loss{lossBackend, lossMicroseconds}, lossesOfModel...)
}
func (*jaegerOld) anyService() bool    { return false }
func (j *jaegerOld) traceLink() string { return jaegerLink(j.http.base) }
func (j *jaegerOld) close() error      { return j.http.close() }

// An oldAnswer is what every answer of it looks like. Errors can stand beside data that is not complete.
type oldAnswer[T any] struct {
	Data   *[]T `json:"data"`
	Errors []struct {
		Code    int    `json:"code"`
		Message string `json:"msg"`
		TraceID string `json:"traceID"`
	} `json:"errors"`
}

func (a *oldAnswer[T]) check(path string) error {
	if len(a.Errors) > 0 {
		e := a.Errors[0]
		err := fmt.Errorf("GET %s: Jaeger says%s", path, says([]byte(strings.TrimSpace(e.Message+" "+e.TraceID))))
		if e.Code == http.StatusServiceUnavailable || e.Code == http.StatusTooManyRequests || e.Code == http.StatusGatewayTimeout {
			return &temporaryError{err: err}
		}
		return err
	}
	return nil
}

func (j *jaegerOld) services(ctx context.Context) ([]string, error) {
	return j.names(ctx, "/api/services")
}

func (j *jaegerOld) operations(ctx context.Context, service string) (list []Operation, err error) {
	names, err := j.names(ctx, "/api/services/"+url.PathEscape(service)+"/operations")
	for _, n := range names {
		list = append(list, Operation{Name: n})
	}
	return list, err
}

func (j *jaegerOld) names(ctx context.Context, path string) ([]string, error) {
	var reply oldAnswer[string]
	if err := j.http.getJSON(ctx, path, nil, &reply); err != nil {
		return nil, err
	}
	if reply.Data == nil {
		return nil, reply.check(path) // null when there are none
	}
	return *reply.Data, reply.check(path)
}

func (j *jaegerOld) find(ctx context.Context, s search) (*found, error) {
	const path = "/api/traces"
	a, err := j.http.get(ctx, path, url.Values{
		"service": {s.service},
		"start":   {strconv.FormatInt(s.from.UnixMicro(), 10)},
		"end":     {strconv.FormatInt(s.to.UnixMicro(), 10)},
		"limit":   {strconv.Itoa(s.depth)},
		"raw":     {"true"}, // as stored, without adjusted clocks
	}, "application/json")
	if err != nil {
		return nil, err
	}
	var reply oldAnswer[json.RawMessage]
	if err := a.decode(path, &reply); err != nil {
		return nil, err
	}
	if err := reply.check(path); err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("GET %s: 404 Not Found%s: %w", path, says(a.body), errNotSpoken)
	}
	f := newFound()
	if reply.Data == nil || len(*reply.Data) == 0 {
		return f, nil
	}
	f.hits = len(*reply.Data)
	if err := f.read(ctx, "GET "+path, a.body); err != nil {
		return nil, err
	}
	f.microseconds = true
	return f, nil
}

// read takes in the spans of an answer in one of the formats of files.
func (f *found) read(ctx context.Context, name string, body []byte) error {
	summary, err := ingest.Read(ctx, name, bytes.NewReader(body), ingest.ReadOptions{MaxRecord: maxAnswer}, func(spans []analyzer.Span) error {
		f.add(spans)
		return nil
	})
	if err != nil {
		return err
	}
	for _, broken := range []string{ingest.ReasonBroken, ingest.ReasonBrokenProto} {
		if summary.Refused[broken] > 0 {
			return &temporaryError{err: fmt.Errorf("%s: the answer of %d bytes is broken: %s", name, len(body), strings.Join(summary.Details, "; "))}
		}
	}
	f.refuse(summary.Refused)
	f.details = append(f.details, summary.Details...)
	for warning, n := range summary.Warnings {
		f.warnings.Add(warning, n)
	}
	return nil
}
