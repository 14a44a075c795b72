package main

import (
	"errors"
	"fmt"
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
