package ollama

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's own binary play an Ollama server, and a program that starts one.
func TestMain(m *testing.M) {
	switch os.Getenv("SLOWTOKEN_TEST_ROLE") {
	case "ollama":
		playOllama()
	case "parent":
		os.Setenv("SLOWTOKEN_TEST_ROLE", "ollama")
		s, err := Start(context.Background(), ServerConfig{Binary: os.Args[0], Parallel: 1, Log: os.Getenv("SLOWTOKEN_TEST_LOG")})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.cmd.Process.Pid)
		select {}
	}
	os.Exit(m.Run())
}

func playOllama() {
	fmt.Fprintln(os.Stderr, "slots", os.Getenv("OLLAMA_NUM_PARALLEL"), "context", os.Getenv("OLLAMA_CONTEXT_LENGTH"), "models", os.Getenv("OLLAMA_MODELS"))
	if os.Getenv("OLLAMA_MODELS") == "broken" {
		os.Exit(3)
	}
	http.ListenAndServe(os.Getenv("OLLAMA_HOST"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") }))
}

func TestServerStartsAndStops(t *testing.T) {
	t.Setenv("SLOWTOKEN_TEST_ROLE", "ollama")
	log := filepath.Join(t.TempDir(), "log")
	s, err := Start(t.Context(), ServerConfig{Binary: os.Args[0], Parallel: 3, Context: 512, Models: "m", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(s.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if res, err := http.Get(s.URL.String()); err == nil {
		res.Body.Close()
		t.Error("it answers after it was stopped")
	}
	said, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(said), "slots 3 context 512 models m") {
		t.Errorf("its log is %q: %v", said, err)
	}

	if _, err := Start(t.Context(), ServerConfig{Binary: os.Args[0], Models: "broken", Log: log}); err == nil || !strings.Contains(err.Error(), "before it answered; its log is "+log) {
		t.Errorf("a server that ends at once: %v", err)
	}
	if _, err := Start(t.Context(), ServerConfig{Binary: filepath.Join(t.TempDir(), "none"), Log: log}); err == nil {
		t.Error("a binary that is not there was started")
	}
}

// A server that is paused answers nothing until it goes on, and then answers.
func TestServerPauses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux pauses a server with its runners")
	}
	t.Setenv("SLOWTOKEN_TEST_ROLE", "ollama")
	s, err := Start(t.Context(), ServerConfig{Binary: os.Args[0], Parallel: 1, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	const length = 300 * time.Millisecond
	began := time.Now()
	over := make(chan error, 1)
	go func() { over <- s.Pause(length) }()
	for state := ""; !strings.Contains(state, "State:\tT"); {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		state = string(status)
		if time.Since(began) > 10*time.Second {
			t.Fatalf("it does not stand still: %s", state)
		}
	}
	res, err := http.Get(s.URL.String())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if took := time.Since(began); took < length {
		t.Errorf("it answered after %s, in a pause of %s", took, length)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// A server does not outlive the process that started it, even one that is killed.
func TestNoServerIsOrphaned(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a process to its parent")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "SLOWTOKEN_TEST_ROLE=parent", "SLOWTOKEN_TEST_LOG="+filepath.Join(t.TempDir(), "log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent says %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		// A process that nobody has waited for yet is a zombie: its command line is empty.
		if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || len(command) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the server %d runs 10 s after its parent was killed", pid)
		}
	}
}

func TestTokenizerOfServer(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answer) }))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := func(model, pre, types string) string {
		return fmt.Sprintf(`{"model_info":{"tokenizer.ggml.model":%q,"tokenizer.ggml.pre":%q,"tokenizer.ggml.tokens":["a","b","ab"],"tokenizer.ggml.token_type":%s,"tokenizer.ggml.merges":["a b"]}}`, model, pre, types)
	}
	answer = vocabulary("gpt2", "llama-bpe", "[1,1,1]")
	tokenizer, err := TokenizerOfServer(t.Context(), server.Client(), base, "m")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := tokenizer.Count("abba"); err != nil || n != 3 {
		t.Errorf("abba is %d tokens, want 3: %v", n, err)
	}
	for want, bad := range map[string]string{
		`its tokenizer is "llama"`:            vocabulary("llama", "", "[1,1,1]"),
		`cuts text as "new"`:                  vocabulary("gpt2", "new", "[1,1,1]"),
		"lists 3 tokens and the types of 1":   vocabulary("gpt2", "default", "[1]"),
		"invalid character":                   "<html>",
		`only byte pair encoding (gpt2) is k`: "{}",
	} {
		answer = bad
		if _, err := TokenizerOfServer(t.Context(), server.Client(), base, "m"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
}

func FuzzReadVocabulary(f *testing.F) {
	f.Add([]byte("GGUF"))
	f.Add([]byte("GGUF\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00k\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00v"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := readVocabulary(strings.NewReader(string(data)))
		if (v == nil) == (err == nil) {
			t.Errorf("a vocabulary %v and an error %v", v, err)
		}
	})
}
