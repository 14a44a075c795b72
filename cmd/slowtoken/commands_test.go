package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A commandBlock is the commands that stand together in a document: a block marked "sh", the examples of a command's help,
// or what the head of a file in deploy/ says. Sessions in blocks marked "console" are run by TestExamples.
type commandBlock struct {
	where string
	lines []string
}

// commandBlocks returns those of every document.
func commandBlocks(t *testing.T) (list []commandBlock) {
	t.Helper()
	for path, text := range documents(t) {
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			switch language := strings.TrimSpace(m[2]); {
			case language == "sh":
				list = append(list, commandBlock{path, commandLines(m[3])})
			case path == "docs/cli.md":
				if _, examples, found := strings.Cut(m[3], "\nExamples:\n"); found {
					examples, _, _ = strings.Cut(examples, "\n\n")
					list = append(list, commandBlock{path, commandLines(examples)})
				}
			case language == "":
				for _, line := range commandLines(m[3]) {
					if looksTyped.MatchString(line) {
						t.Errorf("%s: %q looks like a command, and its block is not marked sh or console: nothing runs it", path, line)
					}
				}
			}
		}
	}
	heads, err := filepath.Glob("../../deploy/*")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../deploy/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(heads, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a folder
		}
		var lines []string
		for _, m := range headCommand.FindAllStringSubmatch(string(text), -1) {
			lines = append(lines, commandLines(m[1])...)
		}
		if len(lines) > 0 {
			list = append(list, commandBlock{strings.TrimPrefix(filepath.ToSlash(path), "../../"), lines})
		}
	}
	return list
}

var (
	looksTyped  = regexp.MustCompile(`^(\$ |([A-Z_]+=\S+ )*(sudo )?(\S*/)?(slowtoken|make|go|docker|kubectl|curl|duckdb|ollama|systemctl) )`)
	headCommand = regexp.MustCompile(`(?m)^ *#(?:   |.*: )((?:sudo |docker |kubectl |curl |systemctl |slowtoken ).*)$`)
)

// commandLines returns the commands of a block, without comments and empty lines; a line that goes on is one.
func commandLines(block string) (list []string) {
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// A commandKind says how a command of a document is kept true.
type commandKind int

const (
	runQuickly commandKind = iota // by TestDocumentsRun, in a folder with the files and servers that it names
	runForReal                    // by the same test in make documents-test: in a copy of the repository, with a real Jaeger and Ollama
	byStage                       // a stage of make check does it
	scaledDown                    // by make documents-test too, with settings that make it short
	dryRun                        // make -n in make documents-test: the target is there and its recipe is read
	notRun                        // nobody does
)

// commandKinds says which of the documents' commands are run how. The first that matches holds; a command that none matches
// fails TestEveryCommandIsRun.
var commandKinds = []struct {
	pattern string
	kind    commandKind
	why     string // of byStage the stage; of scaledDown the settings; of dryRun and notRun the reason
}{
	{`^make( |$)(test|check|build|ground-truth-short)?( .*)?#`, byStage, "test"},
	{`^make$|^make (test|check)$`, byStage, "test"},
	{`^make build`, byStage, "build"},
	{`^make kill-rounds\b`, scaledDown, "SLOWTOKEN_KILL_ROUNDS=1"},
	{`^make bench-ingest\b`, scaledDown, "TRACES=2000 ROUNDS=1"},
	{`^make (bench|soak|ground-truth)\b`, dryRun, "measures for minutes to hours, on a machine that does nothing else"},
	{`^go run ./cmd/groundtruth`, notRun, "simulates for a quarter of an hour; its tests run a part"},
	{`^go clean -cache`, notRun, "it throws away what the machine has built"},
	{`^docker (build|run)|^docker compose .* up `, byStage, "deploy"},
	{`^docker compose .* exec ollama`, notRun, "it fetches a model, for which a container engine and a registry are needed"},
	{`^kubectl apply|systemctl|^sudo cp deploy/systemd`, byStage, "deploy"},
	{`^sha256sum|^tar |^sudo install|^make (dist|docs)`, runForReal, ""},
	{`slowtoken demo|slowtoken loadtest|--ollama managed|grpc://|^ollama |ollama run|my-application`, runForReal, ""},
	{`^go |^bin/tracegen|\btime -v|^/usr/bin/time|bin/slowtoken|^time bin/`, runForReal, ""},
	{`slowtoken gateway --ollama http://127|slowtoken (serve|gateway) +&`, runForReal, ""},
	{`^(export|duckdb|curl|\$EDITOR|docker exec|docker compose .* exec slowtoken|kubectl exec) `, runQuickly, ""},
	{`^([A-Z_]+=\S+ +)*(sudo +)?slowtoken\b`, runQuickly, ""},
}

// commandKindOf returns how a command is run.
func commandKindOf(line string) (kind commandKind, why string, known bool) {
	for _, k := range commandKinds {
		if regexp.MustCompile(k.pattern).MatchString(line) {
			return k.kind, k.why, true
		}
	}
	return 0, "", false
}

func TestEveryCommandIsRun(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[commandKind]int{}
	for _, b := range commandBlocks(t) {
		for _, line := range b.lines {
			kind, why, known := commandKindOf(line)
			switch {
			case !known:
				t.Errorf("%s: nothing runs %q: say in commandKinds how it is kept true", b.where, line)
			case kind == byStage && !strings.Contains(string(makefile), ".ci/stage "+why+" "):
				t.Errorf("%s: %q is left to the stage %s, which make check does not have", b.where, line, why)
			}
			counts[kind]++
			t.Logf("%d %-22s %s", kind, b.where, line)
		}
	}
	if counts[runQuickly] < 60 || counts[runForReal] < 20 {
		t.Errorf("%d and %d commands are run: they are not found", counts[runQuickly], counts[runForReal])
	}
}

// foreground are commands that run until they are told to stop; they are, once they say what they say when they are ready.
type foregroundCommand struct{ pattern, ready string }

var foreground = []foregroundCommand{
	{`slowtoken serve( |$)`, "ready: "},
	{`slowtoken gateway( |$)`, "gateway on "},
	{`--follow`, ""}, // says nothing until it is stopped
}

// isForeground reports whether a command runs until it is told to stop.
func isForeground(line string) bool {
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimSpace(line)
	return !strings.HasSuffix(line, "&") && slices.ContainsFunc(foreground, func(f foregroundCommand) bool { return regexp.MustCompile(f.pattern).MatchString(line) })
}

// gates are commands whose exit code may tell that a gate is not passed.
var gates = regexp.MustCompile(`--fail-on|--threshold`)

// TestDocumentsRun runs the commands that documents show, where that is quick. Each command is run once, and must end with
// exit code 0, or 3 where it is a gate.
func TestDocumentsRun(t *testing.T) {
	w := newCommandWorld(t, t.TempDir())
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err == nil {
		err = os.Symlink(filepath.Join(top, "docs"), filepath.Join(w.dir, "docs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	done := map[string]bool{}
	for _, b := range commandBlocks(t) {
		for _, line := range b.lines {
			kind, _, _ := commandKindOf(line)
			command, _, _ := strings.Cut(line, "  #")
			if kind != runQuickly || done[command] || strings.HasPrefix(command, "export ") {
				continue
			}
			done[command] = true
			if err := w.try(t, w.here(command)); err != nil {
				t.Errorf("%s: %s: %v", b.where, command, err)
			}
		}
	}
}

// try runs a command and says what is wrong with how it ends.
func (w *commandWorld) try(t *testing.T, command string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, f := range foreground {
		if isForeground(command) && regexp.MustCompile(f.pattern).MatchString(command) {
			return w.tryServer(ctx, t, command, f.ready)
		}
	}
	out, err := w.shell(ctx, command).CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitFinding && gates.MatchString(command) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// tryServer starts a command that runs until it is told to stop, beside the servers of the world, and stops it once it is
// ready.
func (w *commandWorld) tryServer(ctx context.Context, t *testing.T, command, ready string) error {
	command = strings.ReplaceAll(command, w.gateway, freeAddress(t))
	cmd := w.shell(ctx, "exec env "+command)
	cmd.Env = append(cmd.Env, "SLOWTOKEN_DB="+filepath.Join(t.TempDir(), "own.db"), "OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none")
	for _, name := range []string{"OTLP_GRPC", "OTLP_HTTP", "ADMIN"} {
		cmd.Env = append(cmd.Env, "SLOWTOKEN_"+name+"_ENDPOINT="+freeAddress(t))
	}
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var all strings.Builder
	seen := ready == ""
	if seen {
		time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if !seen && strings.Contains(lines.Text(), ready) {
			seen = true
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
		}
	}
	if err := cmd.Wait(); err != nil || !seen {
		return fmt.Errorf("it ends with %w\n%s", err, all.String())
	}
	return nil
}
