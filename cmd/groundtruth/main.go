// Command groundtruth measures how often slowtoken names the true cause, on simulated systems whose cause is known:
//
//	go run ./cmd/groundtruth --out docs/ground_truth.md
//
// runs every scenario of split.json, lets the analyzer read what telemetry would have said of it, and writes down how
// the answers compare with what was injected. While rules are tuned, look at the other half only:
//
//	go run ./cmd/groundtruth --only develop --list
//	go run ./cmd/groundtruth --only develop --match eager --dialect vllm --report
//
// The same code and rules give the same document.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/inference/emit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "groundtruth: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("groundtruth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "run these parts, with commas between them: "+strings.Join(parts, ", ")+"; empty is all")
	match := flags.String("match", "", "run the scenarios with this text in their name")
	out := flags.String("out", "", "write the document to this file; - prints it, of what was run")
	list := flags.Bool("list", false, "print a line for each answer")
	reports := flags.Bool("report", false, "print the whole report of each answer, with the targets and facts that were given, and why rules fire or do not")
	dialectName := flags.String("dialect", "", "write every scenario down in this dialect alone, whatever it has in split.json")
	workers := flags.Int("workers", runtime.GOMAXPROCS(0), "scenarios that run at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *workers < 1 {
		return errors.New("all settings are flags, and --workers is at least 1; see --help")
	}
	split, err := readSplit()
	if err != nil {
		return err
	}
	scenarios, err := split.scenarios()
	if err != nil {
		return err
	}
	scenarios, err = choose(scenarios, *only, *match)
	if err != nil {
		return err
	}
	if *dialectName != "" {
		if _, err := emit.ByName(*dialectName); err != nil {
			return err
		}
		for i := range scenarios {
			scenarios[i].dialects = []string{*dialectName}
		}
	}
	b, err := newBench(split)
	if err != nil {
		return err
	}
	b.show = *reports
	begun := time.Now()
	results, err := b.measureAll(ctx, scenarios, *workers, func(done int) {
		if done%50 == 0 {
			fmt.Fprintf(stderr, "%d of %d scenarios, %s\n", done, len(scenarios), time.Since(begun).Round(time.Second))
		}
	})
	if err != nil {
		return err
	}
	for _, r := range results {
		if *list {
			printResult(stdout, r)
		}
		if *reports {
			fmt.Fprintln(stdout, r.shown)
		}
	}
	board := newBoard(split, b.rulesHash, results)
	board.commit = commit(ctx)
	if *out == "-" {
		_, err = io.WriteString(stdout, board.document())
		return err
	}
	if *out != "" {
		if *only != "" || *match != "" || *dialectName != "" {
			return errors.New("--out holds all parts and dialects: leave out --only, --match and --dialect")
		}
		return os.WriteFile(*out, []byte(board.document()), 0o644) //nolint:gosec // documentation is for everybody
	}
	_, err = io.WriteString(stdout, board.summary())
	return err
}

// commit returns which commit the working tree is of, as git says.
func commit(ctx context.Context) string {
	revision, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "not known: this is no clone of the repository"
	}
	text := "`" + strings.TrimSpace(string(revision)) + "`"
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(changed) > 0 {
		text += ", and changes to it"
	}
	return text
}

// choose keeps the scenarios of some parts, and with a text in their name.
func choose(list []scenario, only, match string) (chosen []scenario, err error) {
	wanted := map[part]bool{}
	for name := range strings.SplitSeq(only, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		p, err := partNamed(name)
		if err != nil {
			return nil, err
		}
		wanted[p] = true
	}
	for _, s := range list {
		if (len(wanted) == 0 || wanted[s.part]) && strings.Contains(s.name(), match) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no scenario of --only %q has %q in its name", only, match)
	}
	return chosen, nil
}
