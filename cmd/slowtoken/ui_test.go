package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestPrintableStripsWhatSteersATerminal(t *testing.T) {
	if got, want := printable("GET \x1b]0;owned\x07\r\n/π"), "GET �]0;owned���/π"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorsDoNotSteerATerminal(t *testing.T) {
	var stderr strings.Builder
	(&app{stderr: &stderr}).complain(errors.New("span \"\x1b[2J\":\nbad"))
	if got, want := stderr.String(), "slowtoken: span \"�[2J\":\nbad\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorsPrintEveryHintOnce(t *testing.T) {
	var stderr strings.Builder
	a := &app{stderr: &stderr}
	err := withHint(usageError("open %s: %w", "x", errors.New("no such file")), "give a file\nthat exists")
	err = fmt.Errorf("import: %w", err)
	a.complain(err)
	want := "slowtoken: import: open x: no such file\n  give a file\n  that exists\n"
	if stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
	if exitCode(err) != exitUsage {
		t.Errorf("exit code %d, want %d", exitCode(err), exitUsage)
	}
}

func TestAnErrorWithoutWordsPrintsNothing(t *testing.T) {
	var stderr strings.Builder
	(&app{stderr: &stderr}).complain(exitWith(exitNoData))
	if stderr.Len() > 0 {
		t.Errorf("printed %q", stderr.String())
	}
}

// hello is an answer to write out.
func hello(w io.Writer) error {
	_, err := io.WriteString(w, "hello")
	return err
}

func TestAnswersGoThroughALinkAndLeaveIt(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if err := (&app{}).writeOut(link, hello); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "hello" {
		t.Errorf("the link's target holds %q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
}

func TestAnswersGoIntoAPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pipes have no path on Windows")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := (&app{}).writeOut(fmt.Sprintf("/dev/fd/%d", w.Fd()), hello); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "hello" {
		t.Errorf("the pipe carried %q, %v", got, err)
	}
}
