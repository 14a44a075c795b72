package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// A stoppedReader is input in the middle of which the user interrupts.
type stoppedReader struct{ stop context.CancelFunc }

func (r stoppedReader) Read(p []byte) (int, error) {
	r.stop()
	return copy(p, `{"resourceSpans":[]}`+"\n"), nil
}

func TestAnInterruptedImportSaysThatItCanBeRepeated(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr bytes.Buffer
	a := app{stdin: stoppedReader{stop}, stdout: &stdout, stderr: &stderr, environ: []string{"HOME=" + t.TempDir()}}
	if code := run(ctx, a, []string{"import", "--db", filepath.Join(t.TempDir(), "x.db"), "-"}); code != exitFailure {
		t.Errorf("exit code %d, want %d", code, exitFailure)
	}
	for _, want := range []string{"x.db: interrupted", "importing the files again changes no answer"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not in %q", want, &stderr)
		}
	}
	if stdout.Len() > 0 {
		t.Errorf("printed %q", &stdout)
	}
}

func TestArgumentsInHintsAreQuotedForAShell(t *testing.T) {
	if got, want := quoteArgs("--db", "a.db", "it's mine", ""), `--db a.db 'it'\''s mine' '' `; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
