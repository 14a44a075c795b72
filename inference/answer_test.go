package inference

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Whatever API and form is asked for, the client gets what Ollama would have answered, and Ollama is asked for a stream.
func TestAnswers(t *testing.T) {
	tool := append([]string{
		`{"model":"m","created_at":"%s","message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"weather","arguments":{"city":"Bonn"}}}]},"done":false}`,
	}, chatLines[3])
	var text strings.Builder
	for _, test := range []struct {
		name, path, body string
		lines            []string
	}{
		{"generate, streamed by default", "/api/generate", `{"model":"m","prompt":"p","options":{"seed":1},"unknown":[7]}`, generateLines},
		{"generate, whole", "/api/generate", `{"model":"m","prompt":"p","stream":false}`, generateLines},
		{"chat, streamed", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":true}`, chatLines},
		{"chat, whole", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":false}`, chatLines},
		{"chat with a tool call, whole", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":false}`, tool},
		{"OpenAI, streamed with usage", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":9}`, chatLines},
		{"OpenAI, streamed", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":true}`, tool},
		{"OpenAI, whole", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}]}`, chatLines},
		{"OpenAI with a tool call, whole", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}]}`, tool},
	} {
		fake := newFake(t, test.lines)
		r := newRig(t, fake)
		status, header, body := post(t, r.URL+test.path, test.body)
		fmt.Fprintf(&text, "== %s\nasked %s %s\n%d %s\n%s", test.name, test.path, fake.questions()[0], status, header.Get("Content-Type"), body)
	}
	golden(t, "testdata/answers.txt", constant(text.String()))
}

// What goes wrong is told in the words of the API that was asked, and named on the span.
func TestErrors(t *testing.T) {
	var text strings.Builder
	for _, test := range []struct {
		name, path, body string
		status           int
		lines            []string
	}{
		{"no JSON", "/api/generate", `{`, 0, nil},
		{"no model", "/api/chat", `{"messages":[]}`, 0, nil},
		{"no messages", "/v1/chat/completions", `{"model":"m"}`, 0, nil},
		{"unknown model", "/api/generate", `{"model":"m","prompt":"p"}`, 404, []string{`{"error":"model 'm' not found"}`}},
		{"unknown model, OpenAI", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}]}`, 404, []string{`{"error":"model 'm' not found"}`}},
		{"Ollama is busy", "/api/generate", `{"model":"m","prompt":"p"}`, 503, []string{`{"error":"server busy"}`}},
		{"an error that is no JSON", "/api/generate", `{"model":"m","prompt":"p"}`, 500, []string{`oops`}},
		{"an error in place of the answer", "/api/generate", `{"model":"m","prompt":"p","stream":false}`, 0, []string{generateLines[0], `{"error":"out of memory"}`}},
		{"an error in the middle of the answer", "/api/generate", `{"model":"m","prompt":"p"}`, 0, []string{generateLines[0], `{"error":"out of memory"}`}},
		{"an error in the middle of the answer, OpenAI", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":true}`, 0, []string{chatLines[1], `{"error":"out of memory"}`}},
		{"never done", "/api/generate", `{"model":"m","prompt":"p","stream":false}`, 0, generateLines[:2]},
		{"never done, streamed", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"p"}],"stream":true}`, 0, chatLines[1:2]},
		{"a line that is no JSON", "/api/generate", `{"model":"m","prompt":"p","stream":false}`, 0, []string{`<html>`}},
		{"not served", "/api/pull", `{"model":"m"}`, 0, nil},
	} {
		fake := newFake(t, test.lines)
		fake.status = test.status
		r := newRig(t, fake)
		status, header, body := post(t, r.URL+test.path, test.body)
		fmt.Fprintf(&text, "== %s\n%d %s %s\n%s", test.name, status, header.Get("Content-Type"), header.Get("Retry-After"), body)
		if test.path == "/api/pull" {
			continue
		}
		request, _ := r.request(t)
		fmt.Fprintf(&text, "span: %s, error.type %s, %s\n", request.Name(), about(request, "error.type"), request.Status().Description)
		if free, _ := r.gateway.queue.state(); free != r.gateway.Slots {
			t.Errorf("%s: %d of %d slots are free afterwards", test.name, free, r.gateway.Slots)
		}
	}
	fake := newFake(t, nil)
	fake.Close()
	status, _, body := post(t, newRig(t, fake).URL+"/api/generate", `{"model":"m","prompt":"p"}`)
	fmt.Fprintf(&text, "== Ollama does not run\n%d\n%s", status, body)
	golden(t, "testdata/errors.txt", constant(text.String()))
}

var changing = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z|chatcmpl-\d+|"created":\d+|127\.0\.0\.1:\d+|error 0x[0-9a-f]+`)

// constant replaces what differs from run to run.
func constant(text string) string {
	return changing.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case strings.HasPrefix(s, "chatcmpl"):
			return "chatcmpl-ID"
		case strings.HasPrefix(s, `"created`):
			return `"created":TIME`
		case strings.HasPrefix(s, "127"):
			return "ADDRESS"
		}
		return "TIME"
	})
}

func post(t *testing.T, url, body string) (status int, header http.Header, answer string) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}
