package source_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/ingest/source"
)

// The best API that a server speaks is chosen; what was tried in vain is told.
func TestProbe(t *testing.T) {
	b := traffic(3, noon, time.Minute)
	for _, c := range []struct {
		name string
		url  func(t *testing.T, s *server) string
		want string
	}{
		{"both over gRPC", overGRPC("v3", "v2"), source.JaegerV3GRPC},
		{"v2 only", overGRPC("v2"), source.JaegerV2GRPC},
		{"both over HTTP", overHTTP("v3", "legacy"), source.JaegerV3HTTP},
		{"legacy only", overHTTP("legacy"), source.JaegerLegacy},
		{"below a path", func(t *testing.T, s *server) string {
			return startHTTP(t, http.StripPrefix("/jaeger", s.httpAPIs("v3"))) + "/jaeger/"
		}, source.JaegerV3HTTP},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := source.OpenJaeger(t.Context(), source.Options{URL: c.url(t, &server{backend: b})})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if client.API() != c.want || !strings.Contains(client.Name(), c.want) {
				t.Errorf("%s, %s; want %s", client.API(), client.Name(), c.want)
			}
		})
	}
	_, err := source.OpenJaeger(t.Context(), source.Options{URL: overHTTP()(t, &server{backend: b})})
	if err == nil || !strings.Contains(err.Error(), "web page") || !strings.Contains(err.Error(), source.JaegerLegacy) {
		t.Errorf("a server that speaks none: %v", err)
	}
	_, err = source.OpenTempo(t.Context(), source.Options{URL: overHTTP("v3")(t, &server{backend: b})})
	if err == nil || !strings.Contains(err.Error(), "speaks none of Tempo's") {
		t.Errorf("a Jaeger taken for a Tempo: %v", err)
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"ftp://host":                   "starts with none of",
		"http://":                      "names no host",
		"http://user:secret@host":      "holds credentials",
		"http://ho st":                 "does not parse",
		"http://127.0.0.1:1":           "refused",
		"grpc://127.0.0.1:1":           "refused",
		"https://user:secret@host/a?b": "holds credentials",
	} {
		_, err := source.OpenJaeger(t.Context(), source.Options{URL: url, Attempts: 1})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want an error with %q and no secret", url, err, want)
		}
	}
	for api, want := range map[string]string{"v4": "unknown API", source.JaegerLegacy: "needs an http"} {
		_, err := source.OpenJaeger(t.Context(), source.Options{URL: "grpc://127.0.0.1:1", API: api})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("API %s: %v", api, err)
		}
	}
}

// Credentials and the tenant go with every request, in the headers that each server reads.
func TestCredentials(t *testing.T) {
	b := traffic(3, noon, time.Minute)
	for name, c := range map[string]struct {
		options source.Options
		want    string
	}{
		"token":    {source.Options{Token: "t0ken"}, "Bearer t0ken"},
		"password": {source.Options{User: "ada", Password: "pass"}, "Basic YWRhOnBhc3M="},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Tenant = "team-a"
			eachAPI(t, b, c.options, func(t *testing.T, a apiCase, s *server, client *source.Client, _ *waits) {
				if _, _, err := pullAll(client, source.Request{From: noon, To: noon.Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				tenant := "X-Tenant"
				if strings.HasPrefix(a.name, "tempo") {
					tenant = "X-Scope-OrgID"
				}
				if got := s.header.Get("Authorization"); got != c.want {
					t.Errorf("authorization %q, want %q", got, c.want)
				}
				if got := s.header.Get(tenant); got != "team-a" {
					t.Errorf("%s: %q", tenant, got)
				}
			})
		})
	}
}

// A server that refuses is not asked again, and credentials never follow to another host.
func TestRefusals(t *testing.T) {
	elsewhere := &server{backend: traffic(1, noon, 0)}
	other := startHTTP(t, elsewhere.httpAPIs("v3"))
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"401":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who are you?", http.StatusUnauthorized) }, "the credentials are refused"},
		"403":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not you", http.StatusForbidden) }, "403 Forbidden: not you"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other+r.URL.Path, http.StatusFound) }, "is a login in front of it"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			url := startHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				c.handler(w, r)
			}))
			w := &waits{}
			_, err := source.OpenJaeger(t.Context(), source.Options{URL: url, API: source.JaegerV3HTTP, Token: "t0ken", Wait: w.wait})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "t0ken") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if asked != 1 || len(w.list) != 0 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
	if len(elsewhere.asked) != 0 {
		t.Errorf("the other host was asked for %q", elsewhere.asked)
	}
}

// A certificate that nobody vouches for ends the attempt at once, with what to do about it; with the authority named,
// all is well.
func TestTLS(t *testing.T) {
	b := traffic(3, noon, time.Minute)
	web := httptest.NewTLSServer((&server{backend: b}).httpAPIs("v3", "legacy"))
	web.Config.ErrorLog = nil
	t.Cleanup(web.Close)
	rpc := startGRPC(t, &server{backend: b}, &web.TLS.Certificates[0], "v3", "v2")
	authorities := x509.NewCertPool()
	authorities.AddCert(web.Certificate())
	for url, want := range map[string]string{web.URL: source.JaegerV3HTTP, rpc: source.JaegerV3GRPC} {
		w := &waits{}
		_, err := source.OpenJaeger(t.Context(), source.Options{URL: url, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, Wait: w.wait, API: want})
		if err == nil || !strings.Contains(err.Error(), "TLS") || !strings.Contains(err.Error(), "--source-ca") {
			t.Errorf("%s: %v", url, err)
		}
		if len(w.list) != 0 {
			t.Errorf("%s: tried again %d times", url, len(w.list))
		}
		c, err := source.OpenJaeger(t.Context(), source.Options{URL: url, TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)}); err != nil || len(got) != 6 || c.API() != want {
			t.Errorf("%s: %d spans over %s; %v", url, len(got), c.API(), err)
		}
	}
	plain := startHTTP(t, (&server{backend: b}).httpAPIs("v3"))
	_, err := source.OpenJaeger(t.Context(), source.Options{URL: strings.Replace(plain, "http:", "https:", 1), API: source.JaegerV3HTTP, Attempts: 1})
	if err == nil || !strings.Contains(err.Error(), "is it http instead of https") {
		t.Errorf("https to a server without: %v", err)
	}
}

// Errors beside data mean that the data is not all there is.
func TestLegacyErrorsBesideData(t *testing.T) {
	s := &server{backend: traffic(3, noon, time.Minute)}
	api := s.httpAPIs("legacy")
	url := startHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/traces" {
			api.ServeHTTP(w, r)
			return
		}
		writeJSON(w, map[string]any{"data": []any{legacyTrace(s.traces[0])}, "errors": []map[string]any{{"code": 500, "msg": "a shard is gone"}}})
	}))
	c, err := source.OpenJaeger(t.Context(), source.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, done, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)})
	if err == nil || !strings.Contains(err.Error(), "a shard is gone") || len(got) != 0 || len(done) != 0 {
		t.Errorf("%d spans, %d slices, error %v", len(got), len(done), err)
	}
}

// A page that a proxy puts in the place of an answer is an error, not an empty answer.
func TestPagesInPlaceOfTraces(t *testing.T) {
	s := &server{backend: traffic(3, noon, time.Minute)}
	api := s.httpAPIs("v3", "legacy", "tempo-v2")
	for _, code := range []int{http.StatusOK, http.StatusNotFound} {
		url := startHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.Contains([]string{"/api/traces", "/api/v3/traces", "/api/search"}, r.URL.Path) {
				api.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = w.Write([]byte("<html>gateway</html>"))
		}))
		for _, name := range []string{source.JaegerV3HTTP, source.JaegerLegacy, source.TempoV2} {
			open := source.OpenJaeger
			if name == source.TempoV2 {
				open = source.OpenTempo
			}
			c, err := open(t.Context(), source.Options{URL: url, API: name})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, done, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)}); err == nil || len(done) != 0 {
				t.Errorf("%s, %d: no error", name, code)
			}
		}
	}
}

// Traces that Tempo's search names and that are gone when asked for are counted, and their slice says so.
func TestTempoTracesThatAreGone(t *testing.T) {
	s := &server{backend: traffic(10, noon, time.Minute)}
	api := s.httpAPIs("tempo-v2")
	gone := hexID(s.traces[4][0].TraceID)
	partial := hexID(s.traces[5][0].TraceID)
	url := startHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, strings.TrimLeft(gone, "0")):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, strings.TrimLeft(partial, "0")):
			r.Header.Set("Accept", "application/json")
			rec := httptest.NewRecorder()
			api.ServeHTTP(rec, r)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(strings.Replace(rec.Body.String(), "{", `{"status":"PARTIAL","message":"too large",`, 1)))
		default:
			api.ServeHTTP(w, r)
		}
	}))
	c, err := source.OpenTempo(t.Context(), source.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, done, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)})
	stats := c.Stats()
	if err != nil || len(got) != 18 || stats.Missing != 1 || len(stats.MissingFirst) != 1 || done[0].Missing != 1 || stats.Warnings["trace_partial"] != 1 {
		t.Errorf("%d spans, stats %+v, %v", len(got), stats, err)
	}
}

// A Tempo of before 2.7 has the search of version 2 and delivers traces in version 1 only.
func TestTempoBefore27(t *testing.T) {
	s := &server{backend: traffic(10, noon, time.Minute)}
	api := s.httpAPIs("tempo-v2")
	url := startHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v2/traces/") {
			http.NotFound(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	c, err := source.OpenTempo(t.Context(), source.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, _, err := pullAll(c, source.Request{From: noon, To: noon.Add(time.Hour)}); err != nil || len(got) != 20 {
		t.Errorf("%d spans, %v", len(got), err)
	}
}
