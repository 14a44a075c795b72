package main

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/inference/demo"
)

// A window that is over has one answer: from the file, from the server, and from the server while it receives later
// traces.
func TestTheAnswerIsTheSameWithAndWithoutAServer(t *testing.T) {
	home := t.TempDir()
	environ := []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}
	slowtoken := func(stdin []byte, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		a := app{stdin: bytes.NewReader(stdin), stdout: &stdout, stderr: &stderr, environ: environ}
		if code := run(t.Context(), a, args); code != exitOK {
			t.Fatalf("slowtoken %v: exit code %d: %s", args, code, &stderr)
		}
		return stdout.String()
	}
	recording := func(end time.Time, copyNumber byte) []ptrace.Traces {
		batches, err := readRecording(demo.Recording())
		if err != nil {
			t.Fatal(err)
		}
		retime(batches, end)
		for _, td := range batches {
			for s := range allSpans(td) {
				id := s.TraceID()
				id[0] ^= copyNumber // other traces, not more spans of the same ones
				s.SetTraceID(id)
			}
		}
		return batches
	}
	end := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	var file []byte
	for _, td := range recording(end, 0) {
		line, err := encodeOTLPJSON(td)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, line...)
	}
	slowtoken(file, "import", "-")
	questions := [][]string{
		{"analyze", "--since", stamp(end.Add(-2 * time.Minute)), "--until", stamp(end.Add(-time.Minute))},
		{"analyze", "--since", stamp(end.Add(-2 * time.Minute)), "--until", stamp(end.Add(-time.Minute)), "-o", "json"},
	}
	var fromFile []string
	for _, q := range questions {
		fromFile = append(fromFile, slowtoken(nil, q...))
	}
	compare := func(when string) {
		t.Helper()
		for i, q := range questions {
			if diff := cmp.Diff(fromFile[i], slowtoken(nil, q...)); diff != "" {
				t.Fatalf("%v %s (-from the file +now):\n%s", q, when, diff)
			}
		}
	}

	var log bytes.Buffer
	a := &app{stdout: &log, stderr: &log, environ: environ, now: time.Now, log: newLogger(&log, "warn", "text")}
	c := newConfig(a.getenv)
	c.DB = filepath.Join(home, "slowtoken", "slowtoken.db")
	c.Serve.GRPCEndpoint, c.Serve.HTTPEndpoint, c.Serve.AdminEndpoint = "127.0.0.1:0", "off", "off"
	server, err := a.startService(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	compare("through the server")

	sending, stopSending := context.WithCancel(t.Context())
	sent := make(chan int)
	go func() {
		total := 0
		for n := byte(1); sending.Err() == nil && n < 255; n++ {
			spans, err := send(sending, server.otlp.Info().GRPC, recording(end.Add(time.Duration(n)*time.Hour), n))
			if err != nil && sending.Err() == nil {
				t.Errorf("send: %v", err)
				break
			}
			total += spans
		}
		sent <- total
	}()
	for range 5 {
		compare("while later traces come in")
	}
	stopSending()
	if n := <-sent; n == 0 {
		t.Error("nothing was sent meanwhile")
	}
	if err := server.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare("after the server stopped")
}
