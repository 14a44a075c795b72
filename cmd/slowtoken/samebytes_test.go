package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/inference/synth"
	"github.com/slowtoken/slowtoken/ingest"
)

// A bench is a server on a database of its own, and a way to run commands on that database.
type bench struct {
	t       *testing.T
	environ []string
	db      string
	server  *service
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, db: filepath.Join(dir, "b.db"), environ: []string{"HOME=" + dir, "SLOWTOKEN_DB=" + filepath.Join(dir, "b.db"), "SLOWTOKEN_LOG_LEVEL=error"}}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) app(stdout, stderr *bytes.Buffer) app {
	return app{stdin: new(bytes.Buffer), stdout: stdout, stderr: stderr, environ: b.environ, now: time.Now}
}

func (b *bench) start() {
	b.t.Helper()
	a := b.app(new(bytes.Buffer), new(bytes.Buffer))
	config := newConfig(a.getenv)
	a.log = newLogger(a.stderr, "error", "text")
	config.DB = b.db
	config.Serve.GRPCEndpoint, config.Serve.HTTPEndpoint, config.Serve.AdminEndpoint = "127.0.0.1:0", "127.0.0.1:0", "off"
	server, err := a.startService(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.server = server
}

func (b *bench) stop() {
	if b.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.server.stop(ctx); err != nil {
		b.t.Errorf("stop the server: %v", err)
	}
	b.server = nil
}

func (b *bench) send(batches []ptrace.Traces) {
	b.t.Helper()
	if _, err := send(b.t.Context(), b.server.otlp.Info().GRPC, batches); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a command that must succeed, and returns what it printed.
func (b *bench) run(args ...string) []byte {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(b.t.Context(), b.app(&stdout, &stderr), args); code != exitOK {
		b.t.Fatalf("slowtoken %q: exit code %d: %s", args, code, &stderr)
	}
	return stdout.Bytes()
}

// recordingEndingAt returns the recording, moved in time.
func recordingEndingAt(t *testing.T, end time.Time) []ptrace.Traces {
	t.Helper()
	recording, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	retime(recording, end)
	return recording
}

// TestClosedWindowIsAnsweredInTheSameBytes analyzes a window that is over while the server receives later traces, again
// and again, then without the server.
func TestClosedWindowIsAnsweredInTheSameBytes(t *testing.T) {
	b := newBench(t)
	end := time.Now().Add(-time.Hour)
	b.send(recordingEndingAt(t, end))
	question := func(format string) []string {
		return []string{"analyze", "--settle", "0s", "-o", format,
			"--since", end.Add(-time.Hour).Format(time.RFC3339Nano), "--until", end.Add(time.Minute).Format(time.RFC3339Nano)}
	}
	want, wantText := b.run(question("json")...), b.run(question("text")...)

	ctx, stop := context.WithCancel(t.Context())
	var sender sync.WaitGroup
	received := 0
	sender.Go(func() {
		for seed := uint64(1); ctx.Err() == nil; seed++ {
			for batch := range synth.Corpus(synth.CorpusOptions{Traces: 100, Seed: seed, End: time.Now().UnixNano()}) {
				if _, err := send(t.Context(), b.server.otlp.Info().GRPC, []ptrace.Traces{ingest.ToTraces(batch)}); err != nil {
					t.Errorf("send: %v", err)
					return
				}
				received += len(batch)
			}
		}
	})
	for range 10 {
		if got := b.run(question("json")...); !bytes.Equal(got, want) {
			t.Errorf("while later traces arrive, another answer:\n%s", cmp.Diff(string(want), string(got)))
		}
	}
	stop()
	sender.Wait()
	if received == 0 {
		t.Error("no later traces arrived")
	}
	b.stop()
	if got := b.run(question("json")...); !bytes.Equal(got, want) {
		t.Errorf("without the server, another answer:\n%s", cmp.Diff(string(want), string(got)))
	}
	if got := b.run(question("text")...); !bytes.Equal(got, wantText) {
		t.Errorf("without the server, another text:\n%s", cmp.Diff(string(wantText), string(got)))
	}
}

// TestFileAndDatabaseAgree analyzes what the database holds once from there and once from its export.
func TestFileAndDatabaseAgree(t *testing.T) {
	b := newBench(t)
	b.send(recordingEndingAt(t, time.Now()))
	file := filepath.Join(t.TempDir(), "export.jsonl")
	b.run("export", "--settle", "0s", "--format", "otlp-json", "--out", file)
	for _, memory := range []string{"256MB", "64KB"} { // in one pass, in many
		var fromDB, fromFile map[string]any
		for _, q := range []struct {
			into *map[string]any
			args []string
		}{
			{&fromDB, []string{"analyze", "--settle", "0s", "-o", "json", "--memory", memory}},
			{&fromFile, []string{"analyze", "-o", "json", file}},
		} {
			if err := json.Unmarshal(b.run(q.args...), q.into); err != nil {
				t.Fatal(err)
			}
			delete(*q.into, "source")
		}
		if fromDB["spans"] != 601.0 {
			t.Errorf("%v spans were analyzed, want 601", fromDB["spans"])
		}
		if d := cmp.Diff(fromDB, fromFile); d != "" {
			t.Errorf("with --memory %s database and file disagree (-database +file):\n%s", memory, d)
		}
	}
}
