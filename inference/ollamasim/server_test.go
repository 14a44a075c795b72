package ollamasim

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/slowtoken/slowtoken/inference/sim"
)

const millisecond = int64(time.Millisecond)

// system takes 10 ms and 0.1 ms a token to prefill, and 4 ms for a step of decoding.
func system() sim.Config {
	c := sim.NewConfig(sim.Llama8B, sim.H100)
	c.Timing = sim.Linear{PromptBase: 10 * millisecond, PromptToken: millisecond / 10, StepBase: 4 * millisecond}
	c.Engine = sim.EngineConfig{Slots: 1, Blocks: 1000}
	return c
}

// start serves a system and returns a client of Ollama's and what was really done, request by request.
func start(t *testing.T, c sim.Config, o Options) (client *api.Client, truths func() []Truth) {
	t.Helper()
	var mu sync.Mutex
	var done []Truth
	o.Done = func(truth Truth) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, truth)
	}
	s := New(c, o)
	served := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		served.Close()
	})
	at, err := url.Parse(served.URL)
	if err != nil {
		t.Fatal(err)
	}
	return api.NewClient(at, served.Client()), func() []Truth {
		mu.Lock()
		defer mu.Unlock()
		return append([]Truth(nil), done...)
	}
}

func ask(ctx context.Context, client *api.Client, prompt string, predict int) (answers []api.GenerateResponse, err error) {
	err = client.Generate(ctx, &api.GenerateRequest{Model: "sim", Prompt: prompt, Options: map[string]any{"num_predict": predict}}, func(r api.GenerateResponse) error {
		answers = append(answers, r)
		return nil
	})
	return answers, err
}

func TestAnswersAreStreamedAndStateTheirDurations(t *testing.T) {
	client, truths := start(t, system(), Options{})
	answers, err := ask(t.Context(), client, strings.Repeat("word", 200), 20)
	if err != nil {
		t.Fatal(err)
	}
	last := answers[len(answers)-1]
	if len(answers) != 21 || !last.Done || last.DoneReason != "length" || last.PromptEvalCount != 200 || last.EvalCount != 20 {
		t.Fatalf("%d lines, the last %+v", len(answers), last)
	}
	truth := truths()[0]
	if last.TotalDuration != truth.Answered.Sub(truth.Received) || last.PromptEvalDuration != truth.First.Sub(truth.Scheduled) ||
		last.EvalDuration != truth.Last.Sub(truth.First) || last.LoadDuration <= 0 {
		t.Errorf("it states %+v, in truth it was %+v", last.Metrics, truth)
	}
	// The machine may be slow, never fast: a prefill of 30 ms and 19 steps of 4 ms.
	if last.PromptEvalDuration < 30*time.Millisecond || last.EvalDuration < 76*time.Millisecond {
		t.Errorf("prefill took %v and decoding %v", last.PromptEvalDuration, last.EvalDuration)
	}
	for i := 1; i < len(answers); i++ {
		if answers[i].CreatedAt.Before(answers[i-1].CreatedAt) {
			t.Errorf("line %d was made before line %d", i, i-1)
		}
	}
}

// The wait for a slot is in no field: it lies in what the others leave of the total.
func TestQueueLiesInWhatIsLeftOfTheTotal(t *testing.T) {
	client, truths := start(t, system(), Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := ask(t.Context(), client, "why", 10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	longest := time.Duration(0)
	for _, truth := range truths() {
		longest = max(longest, truth.Scheduled.Sub(truth.Queued))
		if truth.Scheduled.Before(truth.Queued) || truth.First.Before(truth.Scheduled) || truth.Last.Before(truth.First) {
			t.Errorf("times are out of order: %+v", truth)
		}
	}
	if len(truths()) != 4 || longest < 3*46*time.Millisecond-20*time.Millisecond {
		t.Errorf("%d answers, the longest wait was %v, want at least the three before it", len(truths()), longest)
	}
}

func TestModelIsLoadedAndUnloaded(t *testing.T) {
	c := system()
	c.Load = sim.Load{Disk: c.Model.Weights() / 0.05, Base: 20 * millisecond}
	client, _ := start(t, c, Options{})
	loaded := func() int {
		list, err := client.ListRunning(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Models)
	}
	if loaded() != 0 {
		t.Error("it is loaded before anybody asked")
	}
	answers, err := ask(t.Context(), client, "why", 2)
	if err != nil || answers[len(answers)-1].LoadDuration < 70*time.Millisecond {
		t.Errorf("a cold answer states %v of loading (%v)", answers[len(answers)-1].LoadDuration, err)
	}
	if loaded() != 1 {
		t.Error("it is not loaded after an answer")
	}
	unload := api.GenerateRequest{Model: "sim", KeepAlive: &api.Duration{Duration: 0}}
	if err := client.Generate(t.Context(), &unload, func(api.GenerateResponse) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if loaded() != 0 {
		t.Error("keep_alive 0 leaves it loaded")
	}
}

func TestRefusals(t *testing.T) {
	c := system()
	c.Timing = sim.Linear{StepBase: 200 * millisecond}
	client, _ := start(t, c, Options{MaxQueue: 1})
	var status api.StatusError
	err := client.Generate(t.Context(), &api.GenerateRequest{Model: "other", Prompt: "why"}, func(api.GenerateResponse) error { return nil })
	if !errors.As(err, &status) || status.StatusCode != 404 {
		t.Errorf("another model: %v", err)
	}
	if _, err := ask(t.Context(), client, "why", 1<<20); err == nil || !strings.Contains(err.Error(), "exceed the KV cache") {
		t.Errorf("an answer that is too long: %v", err)
	}
	// One long answer fills the server, and makes room when its client goes away.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	var once sync.Once
	begun := make(chan struct{})
	go func() {
		first <- client.Generate(ctx, &api.GenerateRequest{Model: "sim", Prompt: "why", Options: map[string]any{"num_predict": 900}}, func(api.GenerateResponse) error {
			once.Do(func() { close(begun) })
			return nil
		})
	}()
	<-begun
	if _, err = ask(t.Context(), client, "why", 1); !errors.As(err, &status) || status.StatusCode != 503 {
		t.Errorf("a request too many: %v", err)
	}
	cancel()
	<-first
	for errors.As(err, &status) && status.StatusCode == 503 {
		status = api.StatusError{}
		_, err = ask(t.Context(), client, "why", 1)
	}
	if err != nil {
		t.Errorf("after a request was cancelled: %v", err)
	}
}

func TestChatInOnePiece(t *testing.T) {
	client, _ := start(t, system(), Options{})
	whole := false
	var answers []api.ChatResponse
	err := client.Chat(t.Context(), &api.ChatRequest{
		Model: "sim:latest", Messages: []api.Message{{Role: "user", Content: "why"}}, Stream: &whole, Options: map[string]any{"num_predict": 5},
	}, func(r api.ChatResponse) error {
		answers = append(answers, r)
		return nil
	})
	if err != nil || len(answers) != 1 || len(strings.Fields(answers[0].Message.Content)) != 5 || answers[0].EvalCount != 5 {
		t.Errorf("got %+v, %v", answers, err)
	}
}

func TestWhatTheServerSaysOfItself(t *testing.T) {
	client, _ := start(t, system(), Options{})
	if v, err := client.Version(t.Context()); err != nil || v != Version {
		t.Errorf("version %q, %v", v, err)
	}
	if list, err := client.List(t.Context()); err != nil || len(list.Models) != 1 || list.Models[0].Name != "sim:latest" {
		t.Errorf("models %+v, %v", list, err)
	}
	if m, err := client.Show(t.Context(), &api.ShowRequest{Model: "sim"}); err != nil || m.ModelInfo["general.architecture"] != "llama" {
		t.Errorf("model %+v, %v", m, err)
	}
	if _, err := client.Show(t.Context(), &api.ShowRequest{Model: "none"}); err == nil {
		t.Error("it shows a model that it does not have")
	}
}

// A prefix that was computed once is not computed again, and a stopped process is silent.
func TestPrefixCacheAndPauses(t *testing.T) {
	c := system()
	c.Engine.PrefixCache = true
	client, truths := start(t, c, Options{})
	prompt := strings.Repeat("a long beginning ", 100)
	for range 2 {
		if _, err := ask(t.Context(), client, prompt, 2); err != nil {
			t.Fatal(err)
		}
	}
	if cold, warm := truths()[0], truths()[1]; cold.Cached != 0 || warm.Cached != prefixBytes/bytesPerToken {
		t.Errorf("%d tokens were cached at first and %d then", cold.Cached, warm.Cached)
	}

	c = system()
	c.Pauses = []sim.Pause{{At: c.Start, Duration: 300 * millisecond}}
	begun := time.Now()
	client, truths = start(t, c, Options{})
	if _, err := ask(t.Context(), client, "why", 2); err != nil {
		t.Fatal(err)
	}
	if first := truths()[0].First.Sub(begun); first < 300*time.Millisecond {
		t.Errorf("the first token came after %v, while the process was stopped", first)
	}
}
