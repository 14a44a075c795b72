package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A fakeJaeger speaks api_v3 over HTTP about requests that one engine served.
type fakeJaeger struct {
	mu       sync.Mutex
	spans    []analyzer.Span // one of each trace
	failFrom time.Time       // searches that reach beyond this fail; zero for none
	searches int
}

func engineSpans(n int, start time.Time, apart time.Duration) (list []analyzer.Span) {
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("vllm")}}}
	scope := &analyzer.Scope{}
	for i := range n {
		at := start.Add(time.Duration(i) * apart).UnixNano()
		s := analyzer.Span{
			ID: analyzer.SpanID{1}, Start: at, End: at + 2e9, Name: "llm_request", Kind: analyzer.SpanKindServer, Resource: resource, Scope: scope,
			Attributes: analyzer.Attributes{
				{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(0.5)},
				{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(100)},
				{Key: "gen_ai.response.model", Value: analyzer.String("m")},
			},
		}
		binary.BigEndian.PutUint64(s.TraceID[8:], uint64(i)+1)
		list = append(list, s)
	}
	return list
}

func (j *fakeJaeger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch r.URL.Path {
	case "/api/v3/services":
		fmt.Fprint(w, `{"services":["vllm"]}`)
		return
	case "/api/v3/operations":
		fmt.Fprint(w, `{"operations":[{"name":"llm_request","spanKind":"server"}]}`)
		return
	case "/api/v3/traces":
	default:
		http.NotFound(w, r)
		return
	}
	j.searches++
	q := r.URL.Query()
	from, _ := time.Parse(time.RFC3339Nano, q.Get("query.start_time_min"))
	to, _ := time.Parse(time.RFC3339Nano, q.Get("query.start_time_max"))
	depth, _ := strconv.Atoi(q.Get("query.search_depth"))
	if !j.failFrom.IsZero() && to.After(j.failFrom) {
		http.Error(w, "the storage is broken", http.StatusInternalServerError)
		return
	}
	var found []analyzer.Span
	for _, s := range slices.Backward(j.spans) {
		if len(found) < depth && from.UnixNano() <= s.Start && s.Start <= to.UnixNano() {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"httpCode":404,"message":"No traces found"}}`)
		return
	}
	body, err := new(ptrace.JSONMarshaler).MarshalTraces(ingest.ToTraces(found))
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"result":%s}`, body)
}

// A pullTest runs commands against a fake Jaeger, with a database of its own, at a fixed time.
type pullTest struct {
	t      *testing.T
	jaeger *fakeJaeger
	url    string
	now    time.Time
	db     string
	env    []string
	stderr string // of the last command
}

func newPullTest(t *testing.T, spans []analyzer.Span) *pullTest {
	j := &fakeJaeger{spans: spans}
	ts := httptest.NewServer(j)
	t.Cleanup(ts.Close)
	dir := t.TempDir()
	return &pullTest{
		t: t, jaeger: j, url: ts.URL, now: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC),
		db: filepath.Join(dir, "s.db"), env: []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir},
	}
}

// run runs a command and returns its exit code and standard output.
func (p *pullTest) run(args ...string) (code int, stdout string) {
	p.t.Helper()
	var out, errs bytes.Buffer
	a := app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, environ: p.env, now: func() time.Time { return p.now }}
	code = run(context.Background(), a, append(args, "--db", p.db))
	p.stderr = errs.String()
	return code, out.String()
}

// pull pulls the last hour and returns the JSON that it prints.
func (p *pullTest) pull(wantCode int, args ...string) (r pullResult) {
	p.t.Helper()
	code, stdout := p.run(append([]string{"pull", "--jaeger", p.url, "--since", "1h", "--depth", "20", "-o", "json"}, args...)...)
	if code != wantCode {
		p.t.Fatalf("exit code %d, want %d: %s", code, wantCode, p.stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		p.t.Fatalf("%v in %s", err, stdout)
	}
	return r
}

// analyzed returns how many requests and spans an analysis sees.
func (p *pullTest) analyzed(args ...string) (requests, spans int, exemplar string) {
	p.t.Helper()
	code, stdout := p.run(append([]string{"analyze", "-o", "json"}, args...)...)
	if code != 0 {
		p.t.Fatalf("exit code %d: %s", code, p.stderr)
	}
	var r struct {
		Requests  struct{ Total int }
		Spans     int
		Exemplars []struct{ Link string }
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		p.t.Fatal(err)
	}
	return r.Requests.Total, r.Spans, r.Exemplars[0].Link
}

var pullStart = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)

// Pulling twice fetches what is new and changes no answer; --restart fetches all again and changes none either.
func TestPullTwice(t *testing.T) {
	p := newPullTest(t, engineSpans(300, pullStart, 10*time.Second))
	if r := p.pull(0); r.Spans != 300 || r.API != "api_v3-http" {
		t.Fatalf("%d spans over %s, want 300 over api_v3-http", r.Spans, r.API)
	}
	requests, spans, link := p.analyzed()
	if requests != 300 || spans != 300 || !strings.HasPrefix(link, p.url+"/trace/00000000000000000000") {
		t.Fatalf("%d requests of %d spans, want 300 of 300; link %q", requests, spans, link)
	}
	searches := p.jaeger.searches
	r := p.pull(0)
	if r.Skipped < 3500 || p.jaeger.searches-searches > 3 {
		t.Errorf("the second pull skipped %v s and searched %d times", r.Skipped, p.jaeger.searches-searches)
	}
	if r := p.pull(0, "--restart"); r.Spans != 300 {
		t.Errorf("--restart fetched %d spans, want 300", r.Spans)
	}
	if requests, spans, _ := p.analyzed(); requests != 300 || spans != 300 {
		t.Errorf("%d requests of %d spans after pulling three times", requests, spans)
	}
}

// A pull that fails midway says so and keeps what it has; the next goes on from there.
func TestPullGoesOnAfterAFailure(t *testing.T) {
	p := newPullTest(t, engineSpans(300, pullStart, 10*time.Second))
	p.jaeger.failFrom = pullStart.Add(30 * time.Minute)
	r := p.pull(1)
	if r.Spans == 0 || r.Spans == 300 || r.Error == "" || !strings.Contains(p.stderr, "the storage is broken") || !strings.Contains(p.stderr, "goes on from there") {
		t.Fatalf("%d spans, error %q, said:\n%s", r.Spans, r.Error, p.stderr)
	}
	p.jaeger.failFrom = time.Time{}
	rest := p.pull(0)
	if rest.Skipped == 0 || rest.Spans >= 300 {
		t.Errorf("the second pull skipped %v s and fetched %d spans", rest.Skipped, rest.Spans)
	}
	if requests, spans, _ := p.analyzed(); requests != 300 || spans != 300 {
		t.Errorf("%d requests of %d spans, want 300 of 300", requests, spans)
	}
}

// What was noted for a database that is gone counts for nothing.
func TestPullIntoANewDatabase(t *testing.T) {
	p := newPullTest(t, engineSpans(50, pullStart, 10*time.Second))
	p.pull(0)
	if err := os.Remove(p.db); err != nil {
		t.Fatal(err)
	}
	if r := p.pull(0); r.Spans != 50 {
		t.Errorf("%d spans, want 50: %s", r.Spans, p.stderr)
	}
}

// Spans that arrive late at the server come with the next pull.
func TestPullLateSpans(t *testing.T) {
	all := engineSpans(20, time.Date(2026, 3, 1, 12, 59, 10, 0, time.UTC), 2*time.Second)
	p := newPullTest(t, all[:10])
	p.pull(0)
	p.jaeger.spans = all
	p.now = p.now.Add(10 * time.Second)
	p.pull(0)
	if requests, _, _ := p.analyzed(); requests != 20 {
		t.Errorf("%d requests, want 20", requests)
	}
}

// The same answer comes from a source, with and without a database.
func TestAnalyzeFromJaeger(t *testing.T) {
	p := newPullTest(t, engineSpans(100, pullStart, 20*time.Second))
	requests, spans, link := p.analyzed("--jaeger", p.url, "--since", "1h")
	if requests != 100 || spans != 100 || !strings.HasPrefix(link, p.url+"/trace/") || !strings.HasSuffix(link, "?uiFind=0100000000000000") {
		t.Errorf("%d requests of %d spans, link %q", requests, spans, link)
	}
	if !strings.Contains(p.stderr, "api_v3-http") {
		t.Errorf("it does not say what it read: %s", p.stderr)
	}
	if _, err := os.Stat(p.db); err == nil {
		t.Error("it made a database")
	}
	_, stdout := p.run("analyze", "--jaeger", p.url, "--since", "1h")
	if lines := strings.Count(stdout, "\n"); lines > 25 || !strings.Contains(stdout, p.url+"/trace/") {
		t.Errorf("%d lines:\n%s", lines, stdout)
	}
	_, _, link = p.analyzed("--jaeger", p.url, "--since", "1h", "--grafana", "https://grafana.example.com")
	if !strings.HasPrefix(link, "https://grafana.example.com/explore?") || strings.Contains(link, "{") {
		t.Errorf("link %q", link)
	}
}

// With --follow new traces are stored as they come, until the command is interrupted.
func TestPullFollow(t *testing.T) {
	all := engineSpans(40, pullStart, 10*time.Second)
	p := newPullTest(t, all[:10])
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan int)
	var out, errs bytes.Buffer
	go func() {
		a := app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, environ: p.env, now: func() time.Time { return p.now }}
		done <- run(ctx, a, []string{"pull", "--jaeger", p.url, "--since", "1h", "--follow", "--every", "10ms", "--late", "1h", "--db", p.db})
	}()
	searchedAgain := func() {
		p.jaeger.mu.Lock()
		before := p.jaeger.searches
		p.jaeger.mu.Unlock()
		for more := 0; more < 20; time.Sleep(5 * time.Millisecond) {
			p.jaeger.mu.Lock()
			more = p.jaeger.searches - before
			p.jaeger.mu.Unlock()
			if t.Context().Err() != nil {
				t.Fatal("it stopped searching")
			}
		}
	}
	searchedAgain()
	p.jaeger.mu.Lock()
	p.jaeger.spans = all
	p.jaeger.mu.Unlock()
	searchedAgain()
	interrupt()
	if code := <-done; code != 0 || !strings.Contains(out.String(), "40 spans of 40 traces") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
	if requests, spans, _ := p.analyzed(); requests != 40 || spans != 40 {
		t.Errorf("%d requests of %d spans, want 40 of 40", requests, spans)
	}
}

func TestPullUsage(t *testing.T) {
	p := newPullTest(t, nil)
	for _, c := range []struct {
		args string
		want string
	}{
		{"pull --since 1h", "name a source"},
		{"pull --jaeger URL", "--since is missing"},
		{"pull --jaeger URL --tempo URL --since 1h", "exclude each other"},
		{"pull --jaeger URL --since 1h --depth 0", "--depth 0"},
		{"pull --jaeger URL --since 1h --follow --until 1m", "--follow and --until"},
		{"analyze --jaeger URL x.json --since 1h", "exclude each other"},
		{"analyze --jaeger URL", "--since is missing"},
	} {
		code, _ := p.run(strings.Fields(strings.ReplaceAll(c.args, "URL", p.url))...)
		if code != exitUsage || !strings.Contains(p.stderr, c.want) {
			t.Errorf("%s: exit code %d, said %s", c.args, code, p.stderr)
		}
	}
	if code, out := p.run("pull", "--jaeger", p.url, "--list"); code != 0 || out != "vllm\n  llm_request  server\n" {
		t.Errorf("--list: %d %q %s", code, out, p.stderr)
	}
}

// The periods that were fetched and the gaps between them make up the window, whatever was fetched in whatever order.
func TestPeriods(t *testing.T) {
	at := func(minute int) time.Time { return pullStart.Add(time.Duration(minute) * time.Minute) }
	var s pullSource
	for _, p := range [][2]int{{10, 20}, {40, 50}, {20, 25}, {5, 10}, {45, 60}, {30, 30}} {
		s.cover(period{at(p[0]), at(p[1])})
	}
	want := []period{{at(5), at(25)}, {at(40), at(60)}}
	if !slices.Equal(s.Covered, want) {
		t.Errorf("covered %v, want %v", s.Covered, want)
	}
	gaps := s.gaps(window{at(0), at(70)})
	if want := []period{{at(0), at(5)}, {at(25), at(40)}, {at(60), at(70)}}; !slices.Equal(gaps, want) {
		t.Errorf("gaps %v, want %v", gaps, want)
	}
	if gaps := s.gaps(window{at(6), at(24)}); len(gaps) != 0 {
		t.Errorf("gaps %v in what was fetched", gaps)
	}
}
