package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// terminalRecordings are sessions in a terminal, which docs/recordings holds as asciicast files (version 2): what a person
// types and what the program prints. A step that begins with # is said, others are run.
var terminalRecordings = []struct {
	file, title string
	steps       []string
}{
	{"setup.cast", "slowtoken: setup walkthrough", []string{
		"# A file of traces needs no setup: OTLP, Jaeger, Zipkin and Tempo are told apart by their content.",
		"slowtoken analyze inference/demo/recording.otlp.jsonl.gz",
		"# To ask more than once, take it into the database. It is made when it is needed.",
		"slowtoken import inference/demo/recording.otlp.jsonl.gz",
		"# Ask about a stretch of time.",
		"slowtoken analyze --since 2026-01-15T09:31:00Z --until 2026-01-15T09:32:00Z",
		"# One request, closely.",
		"slowtoken trace f96d9866",
		"# For traces as they happen, run slowtoken serve and send OTLP to 127.0.0.1:4317. slowtoken doctor says what is missing.",
	}},
	{"analysis.cast", "slowtoken: a performance analysis", []string{
		"# Users wait for an answer to begin. The limit of the engine is stated, since no span carries it.",
		"slowtoken analyze --fact replicas=1 --fact sampling=none --fact max_num_seqs=8 docs/examples/before.otlp.jsonl.gz",
		"# Why does that rule fire?",
		"slowtoken analyze --fact max_num_seqs=8 --explain admission-limit docs/examples/before.otlp.jsonl.gz",
		"# One of the requests that it concerns.",
		"slowtoken trace bc9abc8e --file docs/examples/before.otlp.jsonl.gz",
		"# What would a higher limit bring? The requests are replayed as they arrived.",
		"slowtoken whatif --fact replicas=1 --fact sampling=none --slots 256 docs/examples/before.otlp.jsonl.gz",
		"# The limit was lifted, and the same requests came again. Did it help, and can it be chance?",
		"slowtoken compare docs/examples/before.otlp.jsonl.gz docs/examples/after.otlp.jsonl.gz",
	}},
}

// A castHeader is the first line of an asciicast file.
//
// Source: https://docs.asciinema.org/manual/asciicast/v2/
type castHeader struct {
	Version int    `json:"version"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Title   string `json:"title"`
}

// TestTerminalRecordings plays each recording: its commands are run again, and must print what it shows. -update records
// anew.
func TestTerminalRecordings(t *testing.T) {
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range terminalRecordings {
		path := filepath.Join(top, "docs", "recordings", r.file)
		got := record(t, top, r.title, r.steps)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(screen(t, path, want), screen(t, path, got)); diff != "" {
			t.Errorf("%s shows what the program no longer prints; go test ./cmd/slowtoken -run Recordings -update records it anew (-shown +printed):\n%s", path, diff)
		}
	}
}

// record runs the steps in a folder that shows what they read of the repository at top, and writes down the session, at
// the pace of a person.
func record(t *testing.T, top, title string, steps []string) []byte {
	home := t.TempDir()
	t.Chdir(home)
	for _, folder := range []string{"docs", "inference"} {
		if err := os.Symlink(filepath.Join(top, folder), folder); err != nil {
			t.Fatal(err)
		}
	}
	var cast bytes.Buffer
	lines := json.NewEncoder(&cast)
	lines.SetEscapeHTML(false)
	at := 0.5
	event := func(pause float64, text string) {
		if err := lines.Encode([]any{json.Number(fmt.Sprintf("%.2f", at)), "o", strings.ReplaceAll(text, "\n", "\r\n")}); err != nil {
			t.Fatal(err)
		}
		at += pause
	}
	if err := lines.Encode(castHeader{Version: 2, Width: 140, Height: 42, Title: title}); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		event(0.4, "$ ")
		for _, word := range strings.SplitAfter(step, " ") {
			event(0.12, word)
		}
		event(0.6, "\n")
		if strings.HasPrefix(step, "#") {
			continue
		}
		var printed bytes.Buffer
		run(t.Context(), app{
			stdin: new(bytes.Buffer), stdout: &printed, stderr: &printed, environ: []string{"HOME=" + home, "SLOWTOKEN_DB=slowtoken.db"}, now: time.Now,
		}, strings.Fields(step)[1:])
		for line := range strings.Lines(printed.String()) {
			event(0.03, line)
		}
		at += 4 // to read
	}
	return cast.Bytes()
}

// screen plays a recording and returns all that it shows.
func screen(t *testing.T, path string, cast []byte) string {
	lines := json.NewDecoder(bytes.NewReader(cast))
	var h castHeader
	if err := lines.Decode(&h); err != nil || h.Version != 2 || h.Width < 80 || h.Height < 24 {
		t.Fatalf("%s is no asciicast of version 2: %+v, %v", path, h, err)
	}
	var shown strings.Builder
	for last := 0.0; lines.More(); {
		var e [3]any
		if err := lines.Decode(&e); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		at, timed := e[0].(float64)
		text, written := e[2].(string)
		if !timed || !written || e[1] != "o" || at < last {
			t.Fatalf("%s: %v is no output after %g s", path, e, last)
		}
		last = at
		shown.WriteString(text)
	}
	return shown.String()
}
