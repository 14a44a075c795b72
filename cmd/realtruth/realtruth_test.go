package main

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/ollama"
)

// The document that is committed is made of the results that are committed.
func TestDocumentIsMadeOfTheResults(t *testing.T) {
	folder := filepath.Join("..", "..", "docs")
	r, err := readResults(filepath.Join(folder, "ground_truth_real.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(folder, "ground_truth_real.md"))
	if err != nil {
		t.Fatal(err)
	}
	if r.document() != string(want) {
		t.Error("docs/ground_truth_real.md is not what docs/ground_truth_real.json says: go run ./cmd/realtruth --from docs/ground_truth_real.json --doc docs/ground_truth_real.md")
	}
}

// Every fault that has a label has that of package fault, where it is injected under the same name.
func TestFaultsHaveTheirRegisteredLabels(t *testing.T) {
	for _, f := range cases {
		i := slices.IndexFunc(fault.Faults, func(g fault.Fault) bool { return g.Name == f.name })
		if i >= 0 && !slices.Equal(f.label.Rules, fault.Faults[i].Label.Rules) {
			t.Errorf("%s: label %v, registered %v", f.name, f.label.Rules, fault.Faults[i].Label.Rules)
		}
		if (f.name == "healthy") != (len(f.label.Rules) == 0) {
			t.Errorf("%s: label %v", f.name, f.label.Rules)
		}
	}
}

// Wilson's interval, against the formula written down a second time, and its edges.
func TestWilson(t *testing.T) {
	for _, x := range []struct {
		n, of     int
		low, high float64
	}{{0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634}, {110, 130, 0.7743, 0.8981}} {
		if low, high := wilson(x.n, x.of); math.Abs(low-x.low) > 5e-5 || math.Abs(high-x.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", x.n, x.of, low, high, x.low, x.high)
		}
	}
}

// A prompt whose length is there twice is not to be taken for another.
func TestLogIndexKnowsWhatItCannotTell(t *testing.T) {
	x := indexLog([]ollama.LogEvent{
		{Time: 1, Kind: ollama.AtRequest, Prompt: 20}, {Time: 2, Kind: ollama.AtSlot, Prompt: 5},
		{Time: 3, Kind: ollama.AtRequest, Prompt: 30}, {Time: 4, Kind: ollama.AtSlot, Prompt: 5}, {Time: 5, Kind: ollama.AtSlot, Prompt: 5},
	})
	if x.admitted[20] != 1 || x.admitted[30] != 3 || x.slotted[5] != 0 {
		t.Errorf("%+v", x)
	}
}

func TestJudge(t *testing.T) {
	named := func(rules ...string) *answer { return &answer{Named: rules} }
	queue := &faultCase{label: fault.Label{Rules: []string{"queue-saturation"}, Phase: analyzer.Queue}}
	for _, x := range []struct {
		f       *faultCase
		a       *answer
		carried bool
		want    judgement
	}{
		{queue, named("queue-saturation", "retries"), true, right},
		{queue, named("retries", "queue-saturation"), true, wrong},
		{queue, named(), true, silent},
		{queue, named(), false, abstained},
		{queue, named("retries"), false, wrong},
		{&faultCase{}, named(), true, right},
		{&faultCase{}, named("retries"), true, wrong},
	} {
		if got := judge(x.f, x.a, x.carried); got != x.want {
			t.Errorf("%v against %v, carried %v: %s, want %s", x.a.Named, x.f.label.Rules, x.carried, got, x.want)
		}
	}
}

// The prompts that are looked for in the log have different lengths, in bytes as in tokens.
func TestPromptsAreToldApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := ollama.WriteModel(path, ollama.Shape{Name: "tiny", Layers: 1, Width: 32, Heads: 2, KVHeads: 1, FeedForward: 32, Vocabulary: 6000, Contexts: 512}, 1); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := ollama.TokenizerOfFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := prompter{tokenizer}
	for i := range cases {
		load, err := p.plan(&cases[i], 20, 0.2, 5e9, 3)
		if err != nil {
			t.Fatal(err)
		}
		tokens, bytes := map[int]int{}, map[int]int{}
		for _, q := range load {
			tokens[q.tokens]++
			bytes[len(q.prompt)]++
			if q.at < 0 || q.at >= 5e9 || q.output < 1 {
				t.Errorf("%s: %+v", cases[i].name, q)
			}
		}
		many := func(m map[int]int) (n int) {
			for _, k := range m {
				if k > 1 {
					n++
				}
			}
			return n
		}
		if many(tokens) > 1 || many(bytes) > 1 {
			t.Errorf("%s: of %d prompts, %d lengths in tokens and %d in bytes are there more than once", cases[i].name, len(load), many(tokens), many(bytes))
		}
	}
}

// A relay delays what goes through it, either way, and no more than that.
func TestRelayDelays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	defer server.Close()
	const delay = 30 * time.Millisecond
	r, err := startRelay(strings.TrimPrefix(server.URL, "http://"), delay)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	best := time.Hour
	for range 5 {
		begun := time.Now()
		req, err := http.NewRequest(http.MethodGet, "http://"+r.address(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("traceparent", "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
			t.Errorf("got %q, %v", body, err)
		}
		res.Body.Close()
		best = min(best, time.Since(begun))
	}
	if best < 2*delay || best > 2*delay+50*time.Millisecond {
		t.Errorf("the fastest of five answers took %s, through a delay of %s each way", best, delay)
	}
	if late, ok := r.delayed(analyzer.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); !ok || late < 2*delay || late > time.Second {
		t.Errorf("the relay says that it delayed the trace by %s, %v", late, ok)
	}
}

// A client tries again after 503, says how long that took, and its spans come whole through the collector.
func TestClientTriesAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			http.Error(w, "gone", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, `{"response":"a","done":false}`+"\n"+`{"response":"","done":true,"prompt_eval_count":3,"eval_count":1}`+"\n")
	}))
	defer server.Close()
	c := &collector{}
	tracer, err := c.tracer(t.Context(), clientService, 1)
	if err != nil {
		t.Fatal(err)
	}
	const backoff = 20 * time.Millisecond
	list, err := newClient(tracer, &faultCase{backoff: backoff}, server.URL).play(t.Context(), []planned{{prompt: "te", output: 1}})
	if err != nil || !list[0].answered || list[0].wasted < backoff {
		t.Fatalf("%+v, %v", list, err)
	}
	spans, err := c.spans(0)
	if err != nil || len(spans) != 3 || len(ofClient(spans)) != 3 {
		t.Fatalf("%d spans, %v; want the question and two attempts", len(spans), err)
	}
	for one := range analyzer.GroupByTrace(spans) {
		if requests, _ := analyzer.Requests(one, nil); len(requests) != 0 {
			t.Errorf("without a dialect there are %d requests", len(requests))
		}
	}
}

// What is measured as a GPU's is a GPU's, as the server's log says.
func TestDeviceIsTheOneAskedFor(t *testing.T) {
	line := func(layers string) string {
		return `time=2026-11-23T11:49:16.366Z level=INFO source=runner.go:895 msg=load request="{Operation:commit LoraPath:[] Parallel:1 GPULayers:` + layers + ` MainGPU:0}"` + "\n"
	}
	for _, x := range []struct{ log, device, wrong string }{
		{line("[]"), onCPU, onCUDA}, {line("13[ID:GPU-1 Layers:13(0..12)]"), onCUDA, onCPU},
	} {
		m := &machine{log: filepath.Join(t.TempDir(), "log")}
		if err := os.WriteFile(m.log, []byte(x.log), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.computesOn(x.device); err != nil {
			t.Error(err)
		}
		if err := m.computesOn(x.wrong); err == nil || !strings.Contains(err.Error(), "the server has its model on the "+x.device) {
			t.Errorf("asked for %s: %v", x.wrong, err)
		}
	}
}

func TestChoose(t *testing.T) {
	if list, err := choose("pause, healthy"); err != nil || len(list) != 2 || list[0].name != "pause" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := choose("gremlins"); err == nil || !strings.Contains(err.Error(), "want some of healthy, queue-limit") {
		t.Errorf("%v", err)
	}
}

// A short run fails when too little is right, when a healthy server is blamed, and when nothing can be told.
func TestHolds(t *testing.T) {
	one := func(fault string, j judgement, late bool) oneRun {
		return oneRun{Fault: fault, Queue: inGateway, Discarded: late, BySpans: answer{Named: []string{"retries"}, Judgement: j}}
	}
	for _, x := range []struct {
		runs []oneRun
		want string // part of the error; "" for none
	}{
		{[]oneRun{one("pause", right, false), one("burst", silent, false)}, ""},
		{[]oneRun{one("pause", right, false), one("burst", silent, false), one("retries", wrong, false)}, "1 of 3 answers are right"},
		{[]oneRun{one("pause", right, false), one("burst", right, false), one("healthy", wrong, false)}, "healthy server it is said to suffer from retries"},
		{[]oneRun{one("pause", right, false), one("healthy", wrong, true)}, ""},
		{[]oneRun{one("pause", right, false), one("burst", right, true), one("retries", right, true)}, "2 of 3 runs were sent over"},
	} {
		err := (&results{Runs: x.runs}).holds(0.5)
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v, want %q", x.runs, err, x.want)
		}
	}
}

// A run that is discarded is no run: another one takes its place, with a seed that was not used.
func TestDiscardedRunsAreMadeUpFor(t *testing.T) {
	r := &results{Runs: []oneRun{
		{Fault: "healthy", Queue: inGateway, Seed: 300},
		{Fault: "healthy", Queue: inGateway, Seed: 301, Discarded: true},
		{Fault: "healthy", Queue: inServer, Seed: 300},
		{Fault: "healthy", Queue: inGateway, Seed: 99}, // of an earlier call
		{Fault: "pause", Queue: inGateway, Seed: 300},
		{Fault: "pause", Queue: inGateway, Seed: 301},
	}}
	list, err := choose("healthy,pause")
	if err != nil {
		t.Fatal(err)
	}
	if r.complete(list, inGateway, 2, 300) {
		t.Error("one of two healthy runs was discarded, and nothing is to be made up for")
	}
	if !r.has("healthy", inGateway, 301) || r.has("healthy", inGateway, 302) {
		t.Error("the seed of the discarded run is used, the next one is not")
	}
	r.Runs = append(r.Runs, oneRun{Fault: "healthy", Queue: inGateway, Seed: 302})
	if !r.complete(list, inGateway, 2, 300) || r.complete(list, inGateway, 3, 300) {
		t.Error("there are two runs of each now, and not three")
	}
	if least, most := r.rounds(); least != 2 || most != 3 {
		t.Errorf("%d to %d rounds, want 2 to 3", least, most)
	}
	if left := r.left(); !strings.Contains(left, "burst") || strings.Contains(left, "pause") {
		t.Errorf("left out%s", left)
	}
}

// A server that does not answer is told from a program that is to end.
func TestStuckIsNotTheEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // whoever reads no body does not see that the client leaves
		<-r.Context().Done()
	}))
	defer server.Close()
	_, tracer := noTelemetry()
	ask := func(whole context.Context, patience time.Duration) bool {
		ctx, cancel := context.WithTimeout(whole, patience)
		defer cancel()
		return stuck(whole, newClient(tracer, &faultCase{}, server.URL).ask(ctx, &sent{}))
	}
	if !ask(t.Context(), time.Millisecond) {
		t.Error("a server that answers nobody is taken for one that does")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if ask(ended, time.Minute) {
		t.Error("the end of the program is taken for a server that answers nobody")
	}
}
