package source_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// answer sends a body, or the fault in its place.
func (s *server) answer(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	f := s.next()
	switch {
	case f.slow:
		<-r.Context().Done()
		return
	case f.status != 0:
		if f.retryAfter != "" {
			w.Header().Set("Retry-After", f.retryAfter)
		}
		http.Error(w, "not now", f.status)
		return
	case f.cut:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case f.truncated:
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body)
}

// httpAPIs serves the HTTP APIs that are named, and for every other path a web page, as Jaeger's user interface does.
func (s *server) httpAPIs(names ...string) http.Handler {
	mux := http.NewServeMux()
	for _, name := range names {
		switch name {
		case "v3":
			mux.HandleFunc("GET /api/v3/services", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"services": s.services()}) })
			mux.HandleFunc("GET /api/v3/operations", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"operations": []map[string]string{{"name": "chat", "spanKind": "server"}}})
			})
			mux.HandleFunc("GET /api/v3/traces", s.v3Traces)
		case "legacy":
			mux.HandleFunc("GET /api/services", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"data": s.services(), "errors": nil})
			})
			mux.HandleFunc("GET /api/services/{service}/operations", func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"data": []string{"chat"}})
			})
			mux.HandleFunc("GET /api/traces", s.legacyTraces)
		case "tempo-v2", "tempo-v1":
			mux.HandleFunc("GET /api/search", s.tempoSearch)
			values := func(w http.ResponseWriter, _ *http.Request) {
				var list []map[string]string
				for _, n := range s.services() {
					list = append(list, map[string]string{"type": "string", "value": n})
				}
				writeJSON(w, map[string]any{"tagValues": list})
			}
			if name == "tempo-v2" {
				mux.HandleFunc("GET /api/v2/search/tag/resource.service.name/values", values)
				mux.HandleFunc("GET /api/v2/search/tag/name/values", func(w http.ResponseWriter, _ *http.Request) {
					writeJSON(w, map[string]any{"tagValues": []map[string]string{{"type": "string", "value": "chat"}}})
				})
				mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.tempoTrace(w, r, 2) })
			}
			mux.HandleFunc("GET /api/search/tag/service.name/values", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"tagValues": s.services()}) })
			mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.tempoTrace(w, r, 1) })
			mux.HandleFunc("/api/", http.NotFound)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Jaeger UI</title>")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r.URL.Path, r.Header)
		mux.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func parsedTime(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

func (s *server) v3Traces(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	depth, _ := strconv.Atoi(q.Get("query.num_traces"))
	list := s.find(q.Get("query.service_name"), parsedTime(q.Get("query.start_time_min")), parsedTime(q.Get("query.start_time_max")), depth)
	if len(list) == 0 {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"httpCode":404,"message":"No traces found"}}`)
		return
	}
	body, err := new(ptrace.JSONMarshaler).MarshalTraces(ingest.ToTraces(slices.Concat(list...)))
	if err != nil {
		panic(err)
	}
	s.answer(w, r, "application/json", slices.Concat([]byte(`{"result":`), body, []byte("}")))
}

func (s *server) legacyTraces(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int64 { n, _ := strconv.ParseInt(q.Get(key), 10, 64); return n }
	data := []any{}
	for _, t := range s.find(q.Get("service"), number("start")*1000, number("end")*1000+999, int(number("limit"))) {
		data = append(data, legacyTrace(t))
	}
	body, _ := json.Marshal(map[string]any{"data": data, "total": 0, "errors": nil})
	s.answer(w, r, "application/json", body)
}

func legacyTrace(t []analyzer.Span) map[string]any {
	processes, spans := map[string]any{}, []any{}
	for i := range t {
		s := &t[i]
		p := "p" + serviceOf(s)
		processes[p] = map[string]any{"serviceName": serviceOf(s), "tags": []any{}}
		references := []any{}
		if !s.Parent.IsZero() {
			references = append(references, map[string]string{"refType": "CHILD_OF", "traceID": s.TraceID.String(), "spanID": s.Parent.String()})
		}
		tags := []any{map[string]any{"key": "span.kind", "type": "string", "value": "server"}}
		for _, a := range s.Attributes {
			n, _ := a.Value.AsInt()
			tags = append(tags, map[string]any{"key": a.Key, "type": "int64", "value": n})
		}
		spans = append(spans, map[string]any{
			"traceID": s.TraceID.String(), "spanID": s.ID.String(), "operationName": s.Name, "references": references,
			"startTime": s.Start / 1000, "duration": (s.End - s.Start) / 1000, "tags": tags, "logs": []any{}, "processID": p,
		})
	}
	return map[string]any{"traceID": t[0].TraceID.String(), "spans": spans, "processes": processes}
}

func (s *server) tempoSearch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(key string) int64 { n, _ := strconv.ParseInt(q.Get(key), 10, 64); return n }
	if number("end") <= number("start") {
		http.Error(w, "http parameter start must be before end", http.StatusBadRequest)
		return
	}
	service := ""
	if q.Get("q") != "{}" {
		_, service, _ = strings.Cut(q.Get("q"), `"`)
		service, _, _ = strings.Cut(service, `"`)
	}
	list := []any{}
	for _, t := range s.find(service, number("start")*1e9, number("end")*1e9, int(number("limit"))) {
		list = append(list, map[string]string{"traceID": strings.TrimLeft(t[0].TraceID.String(), "0")})
	}
	body, _ := json.Marshal(map[string]any{"traces": list, "metrics": map[string]int{"completedJobs": 1, "totalJobs": 1}})
	s.answer(w, r, "application/json", body)
}

func (s *server) tempoTrace(w http.ResponseWriter, r *http.Request, version int) {
	for _, t := range s.traces {
		if strings.TrimLeft(t[0].TraceID.String(), "0") != r.PathValue("id") {
			continue
		}
		td := ingest.ToTraces(t)
		if r.Header.Get("Accept") == "application/protobuf" {
			body, _ := new(ptrace.ProtoMarshaler).MarshalTraces(td)
			if version == 2 {
				body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
			}
			s.answer(w, r, "application/protobuf", body)
			return
		}
		body, _ := new(ptrace.JSONMarshaler).MarshalTraces(td)
		if version == 2 {
			body = slices.Concat([]byte(`{"trace":`), body, []byte(`}`))
		} else {
			body = []byte(strings.Replace(string(body), `"resourceSpans"`, `"batches"`, 1))
		}
		s.answer(w, r, "application/json", body)
		return
	}
	http.NotFound(w, r)
}

// startHTTP listens on loopback until the test ends.
func startHTTP(t *testing.T, h http.Handler) string {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(func() { ts.CloseClientConnections(); ts.Close() })
	return ts.URL
}
