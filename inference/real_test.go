package inference

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/slowtoken/slowtoken/inference/ollama"
)

// realOllama starts the Ollama server that SLOWTOKEN_OLLAMA names, which computes one request at a time, with a model of
// random weights called random.
func realOllama(t *testing.T) (server *ollama.Server, model string) {
	t.Helper()
	binary := os.Getenv("SLOWTOKEN_OLLAMA")
	if binary == "" {
		t.Skip("SLOWTOKEN_OLLAMA names no Ollama server; make ollama-test builds one and runs this")
	}
	folder := t.TempDir()
	model = filepath.Join(folder, "random.gguf")
	if err := ollama.WriteModel(model, ollama.Shapes[0], 1); err != nil {
		t.Fatal(err)
	}
	modelfile := filepath.Join(folder, "Modelfile")
	if err := os.WriteFile(modelfile, []byte("FROM "+model+"\nTEMPLATE {{ .Prompt }}\nPARAMETER num_thread 1\nPARAMETER temperature 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := ollama.Start(t.Context(), ollama.ServerConfig{
		Binary: binary, Parallel: 1, Models: filepath.Join(folder, "models"), Home: folder, Log: filepath.Join(folder, "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := server.Create(t.Context(), "random", modelfile); err != nil {
		t.Fatal(err)
	}
	return server, model
}

// realRig is a gateway that lets four requests into a server that computes one, so that the queue forms in the server.
func realRig(t *testing.T, server *ollama.Server, model string) *rig {
	tokenizer, err := ollama.TokenizerOfFile(model)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, newFake(t, nil), func(c *Config) {
		c.Upstream, c.Slots, c.Tokenizers, c.WeightLog = server.URL, 4, vocabularyFile{tokenizer}, server
	})
	r.gateway.vocab.of("random")
	await(t, "the vocabulary is there", func() bool { return r.gateway.vocab.of("random") != nil })
	return r
}

type vocabularyFile struct{ tokenizer *ollama.Tokenizer }

func (v vocabularyFile) Tokenizer(context.Context, string) (func(string) (int, error), error) {
	return v.tokenizer.Count, nil
}

// Twenty requests, streamed and not, through both APIs: their spans tile them exactly, tokens are counted as the server
// counts them, and where the gateway places the end of loading and the start of prefill agrees with the server's log.
func TestRealOllamaTimes(t *testing.T) {
	server, model := realOllama(t)
	r := realRig(t, server, model)
	const requests = 20
	warm := func() { post(t, r.URL+"/api/generate", `{"model":"random","prompt":"hi","options":{"num_predict":1}}`) }
	warm()
	load, below := r.request(t)
	if !slices.ContainsFunc(below, func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "model_load" }) {
		t.Errorf("the first request of %s has no model_load", load.EndTime().Sub(load.StartTime()))
	}
	r.spans.Reset()

	var all sync.WaitGroup
	next := make(chan int, requests)
	prompts, bytes := make([]string, requests), map[string]int{} // of each prompt by its tokens
	for i := range requests {
		prompts[i] = strconv.Itoa(i) + strings.Repeat(" tene", 40+7*i)
		tokens, err := r.gateway.vocab.of("random")(prompts[i])
		if err != nil {
			t.Fatal(err)
		}
		bytes[strconv.Itoa(tokens)] = len(prompts[i])
		next <- i
	}
	close(next)
	for range 4 {
		all.Go(func() {
			for i := range next {
				prompt := prompts[i]
				body := fmt.Sprintf(`{"model":"random","prompt":%q,"stream":%v,"options":{"num_predict":20}}`, prompt, i%2 == 0)
				path := "/api/generate"
				if i%4 >= 2 {
					path = "/v1/chat/completions"
					body = fmt.Sprintf(`{"model":"random","messages":[{"role":"user","content":%q}],"stream":%v,"max_tokens":20}`, prompt, i%2 == 0)
				}
				if status, _, answer := post(t, r.URL+path, body); status != http.StatusOK || len(answer) == 0 {
					t.Errorf("request %d: %d %s", i, status, answer)
				}
			}
		})
	}
	all.Wait()
	log, err := server.Log()
	if err != nil {
		t.Fatal(err)
	}
	var late []float64 // ms that the gateway's placement is off
	seen, good := 0, 0
	for _, s := range r.spans.Ended() {
		if s.SpanKind().String() != "server" {
			continue
		}
		seen++
		parts := map[string]sdktrace.ReadOnlySpan{}
		sum := time.Duration(0)
		for _, part := range r.spans.Ended() {
			if part.Parent().SpanID() == s.SpanContext().SpanID() {
				parts[part.Name()] = part
				sum += part.EndTime().Sub(part.StartTime())
			}
		}
		length := s.EndTime().Sub(s.StartTime())
		if sum != length {
			t.Errorf("the spans of a request of %s add up to %s", length, sum)
		}
		if own, its := about(parts["tokenize"], "slowtoken.tokenize.tokens"), about(s, "gen_ai.usage.input_tokens"); own != its {
			t.Errorf("the gateway counts %s tokens, Ollama %s", own, its)
		}
		tokens, err := strconv.Atoi(about(s, "gen_ai.usage.input_tokens"))
		if err != nil {
			t.Fatal(err)
		}
		for kind, placed := range map[ollama.LogKind]time.Time{ollama.AtSlot: parts["prefill"].StartTime(), ollama.AtRequest: parts["admit"].StartTime()} {
			at := logged(log, kind, tokens, bytes[strconv.Itoa(tokens)])
			if at == 0 {
				t.Errorf("the log tells no %s of %d tokens", kind, tokens)
				continue
			}
			off := time.Duration(placed.UnixNano() - at)
			late = append(late, float64(off)/1e6)
			if off.Abs() <= max(5*time.Millisecond, length/50) {
				good++
			} else {
				t.Logf("%s of %d tokens is placed %s off, in a request of %s", kind, tokens, off, length)
			}
		}
	}
	slices.SortFunc(late, func(a, b float64) int { return int(math.Copysign(1, math.Abs(a)-math.Abs(b))) })
	t.Logf("placed against the server's log: %d of %d within 5 ms or 2 %%; median %.1f ms, largest %.1f ms off", good, len(late), late[len(late)/2], late[len(late)-1])
	// On a machine that is short of processors a few threads are late to write what happened.
	if seen != requests || good < len(late)*8/10 {
		t.Errorf("%d requests of %d were seen, and %d of %d placements are within 5 ms or 2 %% of the server's log", seen, requests, good, len(late))
	}
}

// logged returns when the server's log tells that the prompt of that many tokens, and bytes, had its slot, or before that
// came from the server's front.
func logged(log []ollama.LogEvent, kind ollama.LogKind, tokens, bytes int) int64 {
	for _, e := range log {
		if e.Kind == kind && (kind == ollama.AtSlot && e.Prompt == tokens || kind == ollama.AtRequest && e.Prompt == bytes) {
			return e.Time
		}
	}
	return 0
}

// A client that goes away stops the real server too, and the next one is served. Ollama loses a request's place for ever
// when its connection closes in the moment that it passes a message on, about once in a hundred departures from a model as
// small as this one (https://github.com/ollama/ollama/issues/17131), so that three servers are tried. A gateway that does
// not pass a departure on fails on each: 100000 tokens take minutes.
func TestRealOllamaStopsForClientsThatGoAway(t *testing.T) {
	const servers, patience = 3, 10 * time.Second
	for i := range servers {
		server, model := realOllama(t)
		r := realRig(t, server, model)
		departure(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		status, body, err := generate(ctx, r, `{"model":"random","prompt":"hi","stream":false,"options":{"num_predict":2}}`)
		cancel()
		switch {
		case err == nil && status == http.StatusOK:
			return
		case err == nil:
			t.Fatalf("the next request: %d %s", status, body)
		}
		t.Logf("server %d of %d: the next request waited %s for one that is gone", i+1, servers, patience)
	}
	t.Errorf("%d servers went on for a client that was gone", servers)
}

// departure is a client that goes away while its answer streams, whose request's span says so.
func departure(t *testing.T, r *rig) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/generate", strings.NewReader(`{"model":"random","prompt":"hi","options":{"num_predict":100000}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	leave()
	request, _ := r.request(t)
	if got := about(request, "error.type"); got != "cancelled" || request.Parent().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("error.type %q, trace %s", got, request.Parent().TraceID())
	}
}

// generate asks and reads the whole answer.
func generate(ctx context.Context, r *rig, body string) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/api/generate", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res.StatusCode, string(data), err
}
