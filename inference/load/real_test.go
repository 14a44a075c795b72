package load

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/ollama"
)

// Each API of a real Ollama server, which computes one request at a time, is asked by two users and answers with tokens
// whose times and counts are in order.
func TestRealOllamaIsLoaded(t *testing.T) {
	binary := os.Getenv("SLOWTOKEN_OLLAMA")
	if binary == "" {
		t.Skip("SLOWTOKEN_OLLAMA names no Ollama server; make ollama-test builds one and runs this")
	}
	folder := t.TempDir()
	model, modelfile := filepath.Join(folder, "random.gguf"), filepath.Join(folder, "Modelfile")
	if err := ollama.WriteModel(model, ollama.Shapes[0], 1); err != nil {
		t.Fatal(err)
	}
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
	for _, api := range apis {
		target := Target{URL: server.URL.JoinPath(api.path), Stream: true}
		if err := target.Resolve(t.Context()); err != nil || target.Model == "" {
			t.Fatalf("%s: %v", api.name, err)
		}
		r := run(t, Config{Target: target, Plan: Plan{
			Loop: Closed, Users: 2, Duration: 3 * time.Second, Drain: time.Minute, Sizes: []Size{{"s", 1, 64, 20}}, Seed: 1,
		}})
		s := &r.Steps[0]
		ttft, e2e, tpot := s.measure("TTFT", FromSending), s.measure("E2E", FromSending), s.measure("TPOT", FromSending)
		t.Logf("%s: %d ok, %d failed %v; prompts of %.0f tokens, %.0f planned; answers of %.1f; %.0f tokens/s; TTFT %.0f ms, TPOT %.1f ms, E2E %.0f ms",
			api.name, s.Succeeded, s.Failed, s.Errors, s.Input, s.Asked, s.Output, s.Throughput.OutputTokens, ttft.Mean/1e6, tpot.Mean/1e6, e2e.Mean/1e6)
		if s.Succeeded < 2 || s.Failed > 0 || s.Unfinished > 0 || s.NotStreamed > 0 || s.Uncounted > 0 {
			t.Errorf("%s: %+v", api.name, s)
		}
		if s.Input < 32 || s.Output <= 0 || s.Output > 20 || ttft.N < 1 || ttft.Mean <= 0 || e2e.Mean <= ttft.Mean || tpot.Mean <= 0 {
			t.Errorf("%s: numbers that cannot be", api.name)
		}
	}
}
