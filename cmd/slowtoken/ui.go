package main

// What a person sees. The rules:
//   - The answer, in the format that -o chose, goes to standard output, and nothing else does.
//   - Notes, errors, progress and logs go to standard error. Notes and errors start with "slowtoken: ", have no
//     capital initial and no full stop; a hint, what to do next, stands on a line of its own.
//   - Progress is drawn only when standard error is a terminal, and is wiped when it is done.
//   - Colour is used only on a terminal, and never when NO_COLOR is set.
//   - Text that came in with telemetry is hostile: printable strips what could steer a terminal.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// note tells the person at the terminal something beside the answer.
func (a *app) note(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	fmt.Fprintf(a.stderr, "slowtoken: %s\n", strings.Join(lines, "\n"))
}

// complain prints err with its hint.
func (a *app) complain(err error) {
	var e *exitError
	if errors.As(err, &e) && e.err == nil {
		return
	}
	a.note("%s", strings.TrimRight(err.Error(), "\n"))
	for ; errors.As(err, &e); err = e.err {
		if e.hint != "" {
			fmt.Fprintf(a.stderr, "  %s\n", strings.ReplaceAll(e.hint, "\n", "\n  "))
		}
	}
}

// colour wraps text in the ANSI code when w is a terminal on which colour is welcome.
func (a *app) colour(w io.Writer, code, text string) string {
	if !isTerminal(w) || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A progress shows how far a long task is.
type progress struct{ bar *progressbar.ProgressBar }

// progress starts a progress display for total bytes, -1 when unknown. It draws nothing off a terminal.
func (a *app) progress(what string, total int64) progress {
	if !isTerminal(a.stderr) {
		return progress{}
	}
	return progress{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(total > 0),
	)}
}

// set says how many bytes are done.
func (p progress) set(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n) // it only draws: there is nobody to tell
	}
}

// done wipes the display.
func (p progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// printable returns s with everything that could steer a terminal replaced.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// printJSON writes v to standard output, indented.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// checkFormat refuses an output format that is not among known.
func checkFormat(format string, known ...string) error {
	for _, k := range known {
		if format == k {
			return nil
		}
	}
	return usageError("-o %s: unknown output format; use %s", format, strings.Join(known, " or "))
}

// plural returns "1 span", "2 spans".
func plural[N int | int64 | uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// writeOut calls write with the file called name, or with standard output when it is "" or "-". A file appears complete
// or not at all, and only its owner can read it: traces can hold prompts. A link stays, and what it names is written; a
// pipe or a device is written to, never replaced.
func (a *app) writeOut(name string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return write(a.stdout)
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return writeInPlace(name, write)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".slowtoken-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}

// writeInPlace calls write with the pipe or device called name; a folder is refused by the system.
func writeInPlace(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
