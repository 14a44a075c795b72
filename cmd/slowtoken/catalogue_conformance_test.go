package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/rules"
)

// The recorded runs of vLLM: a token budget of 64 a step on CodeLlama 34B behind a burst, and Llama 7B that decodes.
func TestConformanceRecordedRunsAreExplained(t *testing.T) {
	shared := os.Getenv("SLOWTOKEN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	analyze := func(file string, facts ...string) (string, *rules.Result) {
		path := filepath.Join(shared, "traces", file)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no recorded traces (%v); set SLOWTOKEN_SHARED to the shared folder", err)
		}
		args := []string{"analyze", path, "--fact", "replicas=1"}
		for _, fact := range facts {
			args = append(args, "--fact", fact)
		}
		var out [2]bytes.Buffer
		for i, format := range []string{"text", "json"} {
			var stderr bytes.Buffer
			a := app{stdin: strings.NewReader(""), stdout: &out[i], stderr: &stderr, environ: []string{"HOME=" + t.TempDir()}}
			if code := run(t.Context(), a, append(args, "-o", format)); code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
		}
		var result rules.Result
		if err := json.Unmarshal(out[1].Bytes(), &result); err != nil {
			t.Fatal(err)
		}
		return out[0].String(), &result
	}
	const codeLlama = "vllm_codellama34b_prefill_heavy.otlp.jsonl"
	for _, c := range []struct {
		facts []string
		first string
		says  []string
	}{
		{[]string{"max_num_batched_tokens=64", "max_num_seqs=32"}, "prefill-chunk-small", []string{"A step takes at most 64 prompt tokens"}},
		{[]string{"max_num_seqs=32"}, "prefill-underused", []string{"about 64"}},
	} {
		text, got := analyze(codeLlama, c.facts...)
		if len(got.Findings) != 1 || got.Findings[0].Rule != c.first || got.Findings[0].Rank != 1 {
			t.Fatalf("%v: want %s alone:\n%s", c.facts, c.first, text)
		}
		if beneath := got.Findings[0].Beneath; len(beneath) != 1 || beneath[0].Rule != "queue-saturation" {
			t.Errorf("%v: symptoms are %v, want queue-saturation", c.facts, beneath)
		}
		for _, s := range append(c.says, "its symptom: queue-saturation", "40 requests came within 411 ms") {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), s) {
				t.Errorf("%v: %q is not said:\n%s", c.facts, s, text)
			}
		}
	}
	text, got := analyze("vllm_llama7b_train.otlp.jsonl")
	for _, f := range got.Findings {
		if f.Phase != analyzer.Decode {
			t.Errorf("Llama 7B: %s is named, though it decodes and its queue is calm:\n%s", f.Rule, text)
		}
	}
}
