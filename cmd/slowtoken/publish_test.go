package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/report/confluence/confluencetest"
)

// A publisher runs slowtoken report --publish against a Confluence in memory.
type publisher struct {
	t       *testing.T
	site    *confluencetest.Server
	environ []string
	file    string // of traces
}

const confluenceToken = "s3cr3t-t0ken-1"

func newPublisher(t *testing.T, site *confluencetest.Server) *publisher {
	t.Helper()
	site.Token, site.Spaces = confluenceToken, []string{"PERF"}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	p := &publisher{t: t, site: site, file: filepath.Join(dir, "traces.json"), environ: []string{
		"HOME=" + dir, "CONFLUENCE_URL=" + server.URL, "CONFLUENCE_EMAIL=" + site.Email, "CONFLUENCE_TOKEN=" + confluenceToken,
		"SLOWTOKEN_LOG_LEVEL=debug",
	}}
	p.write("llm_request")
	return p
}

// write writes a trace of one request, by a name that reports show.
func (p *publisher) write(name string) {
	p.t.Helper()
	text := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"vllm"}}]},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"` + name + `","kind":2,"startTimeUnixNano":"1768470600000000000","endTimeUnixNano":"1768470602000000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.request.model","value":{"stringValue":"m"}}]}]}]}]}`
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// publish returns the exit code and what was printed on either output, in which no token may stand.
func (p *publisher) publish(flags ...string) (code int, said string) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	a := app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: p.environ, now: func() time.Time { return time.Unix(1768500000, 0) }}
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	code = run(ctx, a, append([]string{"report", p.file, "--publish", "--space", "PERF", "--title", "Slow tokens"}, flags...))
	said = stdout.String() + stderr.String()
	if strings.Contains(said, confluenceToken) {
		p.t.Errorf("the token is told:\n%s", said)
	}
	return code, said
}

// writes counts the requests that changed something, and forgets all.
func (p *publisher) writes() (n int) {
	for _, line := range p.site.Log() {
		if !strings.HasPrefix(line, "GET ") {
			n++
		}
	}
	p.site.Forget()
	return n
}

func TestReportIsPublished(t *testing.T) {
	for kind, site := range map[string]*confluencetest.Server{"cloud": {Cloud: true, Email: "ada@example.com"}, "data center": {}} {
		t.Run(kind, func(t *testing.T) {
			p := newPublisher(t, site)
			if code, said := p.publish("--dry-run"); code != exitOK || !strings.Contains(said, `"Slow tokens" in PERF would be created`) || p.writes() != 0 {
				t.Fatalf("a dry run: %d, %s", code, said)
			}
			if code, said := p.publish(); code != exitOK || !strings.Contains(said, `"Slow tokens" in PERF created`) {
				t.Fatalf("the first time: %d, %s", code, said)
			}
			page := site.Page("PERF", "Slow tokens")
			if page == nil || !strings.Contains(page.Body, "<h1>4. Bottleneck analysis</h1>") || len(page.Attachments) == 0 {
				t.Fatalf("the site has %+v", page)
			}
			p.writes()
			if code, said := p.publish(); code != exitOK || !strings.Contains(said, "unchanged") || p.writes() != 0 {
				t.Errorf("the same again: %d, %s", code, said)
			}
			p.write("another name")
			if code, said := p.publish(); code != exitOK || !strings.Contains(said, "updated") {
				t.Errorf("another text: %d, %s", code, said)
			}
			site.Edit(page.ID, "<p>by hand</p>")
			if code, said := p.publish(); code != exitFailure || !strings.Contains(said, "nothing is overwritten") || site.Page("PERF", "Slow tokens").Body != "<p>by hand</p>" {
				t.Errorf("over a person's edit: %d, %s", code, said)
			}
			if code, said := p.publish("--force"); code != exitOK || site.Page("PERF", "Slow tokens").Body == "<p>by hand</p>" {
				t.Errorf("by force: %d, %s", code, said)
			}
		})
	}
}

func TestPublishSaysWhatIsWrongWithoutTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		site  *confluencetest.Server
		fault *confluencetest.Fault
		says  string
	}{
		"may not write": {&confluencetest.Server{ReadOnly: true}, nil, "publish to http://127.0.0.1"},
		"is broken":     {&confluencetest.Server{}, &confluencetest.Fault{Method: "GET", Path: "/rest", Code: 500, Times: 100}, "publish to http://127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t, c.site)
			if c.fault != nil {
				c.site.Fail(*c.fault)
			}
			if code, said := p.publish(); code != exitFailure || !strings.Contains(said, c.says) {
				t.Errorf("%d, %s", code, said)
			}
		})
	}
}
