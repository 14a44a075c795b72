package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the expected files anew")

// docs/cli.md is the help texts of all commands.
func TestCLIDocs(t *testing.T) {
	const path = "../../docs/cli.md"
	a := &app{stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &strings.Builder{}}
	got := cliDocs(rootCommand(a))
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date; go test ./cmd/slowtoken -run CLIDocs -update writes it (-file +help):\n%s", path, diff)
	}
}

// Every command says what it does and shows how to call it.
func TestCommandsHaveExamples(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Short == "" || (sub.Example == "" && !sub.HasSubCommands()) {
				t.Errorf("%s: no summary or no example", sub.CommandPath())
			}
			if sub.Example != "" && !strings.Contains(sub.Example, "slowtoken "+sub.Name()) && !strings.Contains(sub.Example, sub.CommandPath()) {
				t.Errorf("%s: its example does not call it:\n%s", sub.CommandPath(), sub.Example)
			}
			walk(sub)
		}
	}
	walk(rootCommand(&app{}))
}

func cliDocs(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# The command line\n\n")
	b.WriteString("The help texts of all commands, as the program prints them; `go test ./cmd/slowtoken -run CLIDocs -update` writes this page.\n")
	appendCommandDocs(&b, root)
	return b.String()
}

func appendCommandDocs(b *strings.Builder, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n## %s\n\n```\n%s\n\n%s```\n", cmd.CommandPath(), about, cmd.UsageString())
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			appendCommandDocs(b, sub)
		}
	}
}
