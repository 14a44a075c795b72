package main

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

const (
	leastRanked   = 15 // rules that were seen to fire on the shape of a stack that was recorded
	mostUndecided = 6  // rules that no dialect feeds
	healthyPrefix = "healthy"
)

// An example is a fixture of traces with what the catalogue says of it.
type example struct {
	*rules.Fixture
	report *report.Report
}

// catalogueExamples analyzes every fixture of traces beside the catalogue, and checks what it expects.
func catalogueExamples(t *testing.T) (*rules.Set, []example) {
	t.Helper()
	set, err := rules.Load(rules.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := readFixtures(filepath.Join("..", "..", "rules", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.CheckFixtures(fixtures); err != nil {
		t.Fatal(err)
	}
	a := app{stdin: strings.NewReader(""), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), environ: []string{"HOME=" + t.TempDir()}}
	rootCommand(&a) // which makes the configuration
	if err := a.configure(); err != nil {
		t.Fatal(err)
	}
	var list []example
	for i := range fixtures {
		f := &fixtures[i]
		if f.Traces == nil {
			for _, wrong := range f.Check(set.Evaluate(f.Cases())) {
				t.Errorf("%s:%d: %s: %s", f.File, f.Line, f.Name, wrong)
			}
			continue
		}
		r, err := a.fixtureReport(t.Context(), set, f)
		if err != nil {
			t.Fatalf("%s:%d: %s: %v", f.File, f.Line, f.Name, err)
		}
		for _, wrong := range f.Check(r.Result) {
			t.Errorf("%s:%d: %s: %s", f.File, f.Line, f.Name, wrong)
		}
		list = append(list, example{f, r})
	}
	return set, list
}

// named returns the findings of r by rule, symptoms beneath others and faults of telemetry included.
func named(r *rules.Result) map[string]*rules.Finding {
	found := map[string]*rules.Finding{}
	for _, list := range [][]rules.Finding{r.Findings, r.Telemetry} {
		for i := range list {
			found[list[i].Rule] = &list[i]
			for j := range list[i].Beneath {
				found[list[i].Beneath[j].Rule] = &list[i].Beneath[j]
			}
		}
	}
	return found
}

// Every rule has an example of traces that it fires on and one that it just does not fire on; at least fifteen fire on the
// shape of a recorded stack, and at most six can be decided on the telemetry of none. What is healthy names nothing.
func TestCatalogueHasExamplesOfEveryRule(t *testing.T) {
	set, examples := catalogueExamples(t)
	fires, near, decided := map[string][]example{}, map[string]bool{}, map[string]bool{}
	for _, e := range examples {
		for id := range named(e.report.Result) {
			if slices.Contains(slices.Concat([]string{e.Expect.First}, e.Expect.Fires, e.Expect.Beneath), id) {
				fires[id] = append(fires[id], e)
			}
		}
		for _, id := range e.Expect.Silent {
			skipped := slices.ContainsFunc(e.report.Skipped, func(s rules.Skipped) bool { return s.Rule == id })
			near[id] = near[id] || !skipped
		}
		for _, c := range set.Coverage(e.report.Cases) {
			decided[c.Rule] = decided[c.Rule] || c.Can
		}
		if strings.HasPrefix(filepath.Base(e.Traces[0]), healthyPrefix) {
			if found := slices.Sorted(maps.Keys(named(e.report.Result))); len(found) > 0 {
				t.Errorf("%s names %v: %s is a healthy system", e.Name, found, e.Traces[0])
			}
			if !e.Expect.Healthy || e.report.Nearest == nil {
				t.Errorf("%s: want the verdict of a healthy system, and the margin to the nearest rule: %s", e.Name, e.Traces[0])
			}
		}
	}
	ranked, undecided := 0, []string(nil)
	for _, r := range set.Rules {
		if !decided[r.ID] {
			undecided = append(undecided, r.ID)
		}
		if len(fires[r.ID]) == 0 {
			t.Errorf("rule %s has no example of traces that it fires on: add one to rules/fixtures", r.ID)
		}
		if !near[r.ID] {
			t.Errorf("rule %s has no example of traces that it is decided and silent on: add one to rules/fixtures", r.ID)
		}
		for _, name := range r.Verified {
			if !firesOn(fires[r.ID], name) {
				t.Errorf("rule %s is verified on %s: no example of that dialect fires, or the dialect is not verified", r.ID, name)
			}
		}
		if !r.Experimental() && r.Class != rules.ClassTelemetry {
			ranked++
		}
	}
	if ranked < leastRanked {
		t.Errorf("%d rules are ranked, want %d", ranked, leastRanked)
	}
	if len(undecided) > mostUndecided {
		t.Errorf("%d rules can be decided on no example, want at most %d: %v", len(undecided), mostUndecided, undecided)
	}
	if testing.Verbose() {
		t.Log(matrix(examples))
	}
}

// firesOn reports whether an example was read by the dialect, which must be verified.
func firesOn(examples []example, name string) bool {
	i := slices.IndexFunc(dialect.All, func(d analyzer.Dialect) bool { return d.Name == name })
	return i >= 0 && dialect.All[i].Verified && slices.ContainsFunc(examples, func(e example) bool {
		return slices.ContainsFunc(e.report.Dialects, func(d report.Dialect) bool { return d.Name == name })
	})
}

// matrix lists what fires on which example, as rank and rule; a plus stands for a symptom of another.
func matrix(examples []example) string {
	var b strings.Builder
	for _, e := range examples {
		fmt.Fprintf(&b, "\n%-44s %-10s", strings.TrimSuffix(filepath.Base(e.Traces[0]), ".jsonl.gz"), e.report.Result.Verdict)
		for _, f := range e.report.Findings {
			fmt.Fprintf(&b, " %d:%s", f.Rank, f.Rule)
			for _, s := range f.Beneath {
				fmt.Fprintf(&b, "+%s", s.Rule)
			}
		}
		for _, f := range e.report.Telemetry {
			fmt.Fprintf(&b, " %s", f.Rule)
		}
	}
	return b.String()
}
