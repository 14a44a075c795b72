package report

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// docs/quality.md lists every doubt.
func TestQualityDocument(t *testing.T) {
	const path = "../docs/quality.md"
	var b bytes.Buffer
	b.WriteString("# Doubts about telemetry\n\n" +
		"The doubts that a report can have about what it was given, as the program states them; `go test ./report -run QualityDocument -update` writes\n" +
		"this page. [definitions.md](definitions.md) says when a phase is not to be trusted because of them.\n\n")
	table := func(title string, list []analyzer.WarningMeaning) {
		fmt.Fprintf(&b, "## %s\n\n| Doubt | What it counts | Phases it touches | What to do |\n|---|---|---|---|\n", title)
		for _, w := range list {
			touches := joinPhases(w.Touches.Phases(), ", ")
			switch {
			case w.Bounded:
				touches += "; bounded"
			case w.ByTime:
				touches += "; by its time"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", w.Name, w.Meaning, touches, w.Remedy)
		}
		b.WriteByte('\n')
	}
	table("Of requests", analyzer.RequestWarnings)
	table("Of traces", analyzer.AssemblyWarnings)
	table("Of a trace among others", population.Warnings)
	got := append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; -update writes it. It should be:\n%s", path, got)
	}
}

// docs/definitions.md names what people can state and ask for.
func TestDefinitionsNameEveryFactAndTarget(t *testing.T) {
	text, err := os.ReadFile("../docs/definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range population.FactKeys {
		names = append(names, f.Key)
	}
	for name := range DefaultTargets {
		names = append(names, name)
	}
	for _, d := range Definitions {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/definitions.md does not name %s", name)
		}
	}
}
