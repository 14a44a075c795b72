package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

func rulesCommand(a *app) *cobra.Command {
	cmd := section(&cobra.Command{
		Use:   "rules",
		Short: "The rules that name causes: show them, check your own, test them",
		Long: `Rules turn measures into named causes. They are YAML with conditions over documented variables; those that ship with
the program can be read here, and changed or added to with --rules FOLDER and the configuration file (docs/rules.md).`,
		GroupID: groupCare,
	})
	cmd.AddCommand(rulesListCommand(a), rulesShowCommand(a), rulesCheckCommand(a), rulesTestCommand(a), rulesSchemaCommand(a))
	return cmd
}

func rulesListCommand(a *app) *cobra.Command {
	coverage, format := false, "text"
	cmd := &cobra.Command{
		Use:   "list [FILE...]",
		Short: "List the rules; with --coverage, which can fire on the telemetry at hand",
		Long: `Lists the rules with their class and phase.

With --coverage it reads the traces of FILEs, else of the database, and says of each rule whether it could fire on what
they tell, and what setting of the stack at hand would supply the rest.`,
		Example: `  slowtoken rules list
  slowtoken rules list --coverage traces.json`,
	}
	o := analyzeOptions{memory: 256 << 20}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !coverage {
			if len(args) > 0 {
				return usageError("rules list: FILEs go with --coverage")
			}
			set, err := a.loadRules()
			if err != nil {
				return err
			}
			return listRules(a.stdout, set, format)
		}
		o.files = args
		return a.listCoverage(cmd.Context(), o, format)
	}
	cmd.Flags().BoolVar(&coverage, "coverage", false, "say which rules can fire on these traces, and what would enable the rest")
	cmd.Flags().StringVarP(&format, "output", "o", format, "output `FORMAT`: text, json")
	o.window.addFlags(cmd.Flags())
	o.limits.addFlags(cmd.Flags())
	a.config.addFlags(cmd.Flags(), "settle", "mapping", "facts", "rules.")
	return cmd
}

// listRules prints a line a rule.
func listRules(w io.Writer, set *rules.Set, format string) error {
	if format == "json" {
		views := make([]rules.View, 0, len(set.Rules))
		for _, r := range set.Rules {
			views = append(views, r.View())
		}
		return writeJSON(w, views)
	}
	for _, r := range set.Rules {
		mark := ""
		if r.Experimental() {
			mark = " (experimental)"
		}
		phase := r.Phase.String()
		if r.Class == rules.ClassTelemetry {
			phase = "-"
		}
		fmt.Fprintf(w, "%-28s %-10s %-13s %s%s\n", r.ID, r.Class, phase, r.Title, mark)
	}
	for _, id := range set.Disabled {
		fmt.Fprintf(w, "%-28s disabled\n", id)
	}
	return nil
}

// listCoverage says which rules can fire on the telemetry at hand.
func (a *app) listCoverage(ctx context.Context, o analyzeOptions, format string) error {
	r, set, err := a.diagnosed(ctx, o)
	if err != nil {
		return err
	}
	list := set.Coverage(r.Cases)
	if format == "json" {
		return writeJSON(a.stdout, list)
	}
	can := 0
	for _, c := range list {
		if c.Can {
			can++
		}
	}
	fmt.Fprintf(a.stdout, "%d of %d rules can fire on %s\n", can, len(list), r.Source)
	for _, c := range list {
		if c.Can {
			fmt.Fprintf(a.stdout, "can    %-28s %s\n", c.Rule, c.Title)
		}
	}
	for _, c := range list {
		if c.Can {
			continue
		}
		fmt.Fprintf(a.stdout, "lacks  %-28s %s\n", c.Rule, c.Title)
		said := map[string]bool{}
		for _, n := range c.Needs {
			if !said[n.What] {
				fmt.Fprintf(a.stdout, "         %s: %s\n", n.What, n.Remedy)
			}
			said[n.What] = true
		}
	}
	return nil
}

// diagnosed reads what o asks for and lets the rules name causes.
func (a *app) diagnosed(ctx context.Context, o analyzeOptions) (*report.Report, *rules.Set, error) {
	w, err := o.window.parse(a.now())
	if err != nil {
		return nil, nil, err
	}
	l, err := a.language()
	if err != nil {
		return nil, nil, err
	}
	set, err := a.loadRules()
	if err != nil {
		return nil, nil, err
	}
	ro := report.Options{Dialects: l.dialects, Rules: set}
	ro.Window.Since, ro.Window.Until = w.nanos()
	if err := o.limits.apply(a.config, &ro); err != nil {
		return nil, nil, err
	}
	src, err := a.openTraces(ctx, reading{files: o.files, window: w, whole: l.whole, memory: o.memory})
	if err != nil {
		return nil, nil, err
	}
	defer src.close()
	ro.Source, ro.LeftOut, ro.Metrics = src.name, src.leftOut, src.metricPoints(ctx)
	r, err := report.Build(src.traces, ro)
	if err != nil {
		return nil, nil, err
	}
	if r.Traces == 0 {
		return nil, nil, a.nothingFound(ctx, src, w, o)
	}
	return r, set, nil
}

func rulesShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show a rule: its conditions, thresholds with their sources, and what it advises",
		Example: "  slowtoken rules show queue-saturation",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := a.loadRules()
			if err != nil {
				return err
			}
			r := set.Rule(args[0])
			if r == nil {
				return noRule("rules show "+args[0], args[0], set)
			}
			return r.WriteText(a.stdout)
		},
	}
}

// noRule says that there is no rule of that id.
func noRule(what, id string, set *rules.Set) error {
	err := usageError("%s: there is no such rule", what)
	var ids []string
	for _, r := range set.Rules {
		ids = append(ids, r.ID)
	}
	if guess := analyzer.Nearest(id, ids); guess != "" {
		return withHint(err, "did you mean %s?", guess)
	}
	return withHint(err, "slowtoken rules list shows them all")
}

func rulesCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE...",
		Short:   "Check files of rules and their examples, together with the rules that ship with the program",
		Example: "  slowtoken rules check my-rules/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []rules.File
			var examples []rules.Fixture
			for _, name := range args {
				content, err := os.ReadFile(name)
				if err != nil {
					return usageError("read rules: %w", err)
				}
				if !strings.HasSuffix(name, ".test.yaml") {
					files = append(files, rules.File{Name: name, Text: content})
					continue
				}
				list, err := rules.ReadFixtures(name, content)
				if err != nil {
					return ruleProblems(err)
				}
				examples = append(examples, list...)
			}
			set, err := rules.Load(rules.Builtin(), files)
			if err == nil {
				err = set.CheckFixtures(examples)
			}
			if err != nil {
				return ruleProblems(err)
			}
			n := 0
			for _, r := range set.Rules {
				if slices.Contains(args, r.File) {
					n++
				}
			}
			fmt.Fprintf(a.stdout, "%s in %s: all right\n", plural(n, "rule"), plural(len(args), "file"))
			return nil
		},
	}
}

func rulesSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of files of rules, for editors",
		Example: `  slowtoken rules schema > rules.schema.json`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return writeJSON(a.stdout, rules.Schema()) },
	}
}

func rulesTestCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test FOLDER",
		Short: "Run the examples beside rules: what they should say, and do",
		Long: `Runs every *.test.yaml below FOLDER against the built-in rules and the rules of FOLDER itself. An example states measures,
or names files of traces and metrics beside it, and says which findings it expects: docs/rules.md.`,
		Example: "  slowtoken rules test my-rules",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.testRules(cmd.Context(), args[0]) },
	}
}

// testRules runs all fixtures below dir.
func (a *app) testRules(ctx context.Context, dir string) error {
	layers := [][]rules.File{rules.Builtin()}
	if files, err := rules.ReadDir(os.DirFS(dir), dir); err == nil {
		layers = append(layers, files)
	} else if _, statErr := os.Stat(dir); statErr != nil {
		return usageError("read rules: %w", statErr)
	}
	set, err := a.ruleSet(layers...)
	if err != nil {
		return err
	}
	fixtures, err := readFixtures(dir)
	if err != nil {
		return err
	}
	if len(fixtures) == 0 {
		return noDataError("no *.test.yaml below %s", dir)
	}
	if err := set.CheckFixtures(fixtures); err != nil {
		return usageError("%w", err)
	}
	failed := 0
	for i := range fixtures {
		result, err := a.runFixture(ctx, set, &fixtures[i])
		if err != nil {
			return fmt.Errorf("%s: test %q: %w", fixtures[i].File, fixtures[i].Name, err)
		}
		wrong := fixtures[i].Check(result)
		if len(wrong) == 0 {
			continue
		}
		failed++
		fmt.Fprintf(a.stdout, "FAIL %s:%d: %s\n", fixtures[i].File, fixtures[i].Line, fixtures[i].Name)
		for _, w := range wrong {
			fmt.Fprintf(a.stdout, "     %s\n", w)
		}
	}
	if failed > 0 {
		fmt.Fprintf(a.stdout, "%d of %s failed\n", failed, plural(len(fixtures), "test"))
		return exitWith(exitFinding)
	}
	fmt.Fprintf(a.stdout, "%s passed\n", plural(len(fixtures), "test"))
	return nil
}

// readFixtures reads all examples below dir.
func readFixtures(dir string) ([]rules.Fixture, error) {
	var fixtures []rules.Fixture
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".test.yaml") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		list, err := rules.ReadFixtures(path, content)
		fixtures = append(fixtures, list...)
		return err
	})
	var problems rules.Problems
	switch {
	case errors.As(err, &problems):
		return nil, usageError("the tests cannot be used:\n%w", err)
	case err != nil:
		return nil, fmt.Errorf("read tests: %w", err)
	}
	return fixtures, nil
}

// runFixture lets the rules judge one example.
func (a *app) runFixture(ctx context.Context, set *rules.Set, f *rules.Fixture) (*rules.Result, error) {
	if f.Measures != nil {
		return set.Evaluate(f.Cases()), nil
	}
	r, err := a.fixtureReport(ctx, set, f)
	if err != nil {
		return nil, err
	}
	return r.Result, nil
}

// fixtureReport analyzes the files of an example.
func (a *app) fixtureReport(ctx context.Context, set *rules.Set, f *rules.Fixture) (*report.Report, error) {
	l, err := a.language()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, name := range slices.Concat(f.Traces, f.Metrics) {
		files = append(files, filepath.Join(filepath.Dir(f.File), name))
	}
	src, err := a.openFiles(ctx, files, analysisReads())
	if err != nil {
		return nil, err
	}
	ro := report.Options{
		Source: src.name, Dialects: l.dialects, Rules: set, Facts: f.Facts, Targets: report.Defaults(), Metrics: src.metricPoints(ctx),
	}
	r, err := report.Build(src.traces, ro)
	if err != nil {
		return nil, err
	}
	if r.Requests.Total == 0 {
		return nil, fmt.Errorf("no request in %s", src.name)
	}
	return r, nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// What --fail-on takes, beside the severities of rules.
const failOnTarget = "target"

var failOnValues = []string{string(rules.SeverityCritical), string(rules.SeverityModerate), failOnTarget}

func checkFailOn(list []string) error {
	for _, what := range list {
		if !slices.Contains(failOnValues, what) {
			return withGuess(usageError("--fail-on %s: use %s", what, strings.Join(failOnValues, ", ")), what, failOnValues)
		}
	}
	return nil
}

// failedOn ends the program with the exit code of a finding when r has what the list names.
func failedOn(list []string, r *report.Report) error {
	has := func(severities ...rules.Severity) bool {
		return slices.ContainsFunc(r.Findings, func(f rules.Finding) bool { return f.Rank > 0 && slices.Contains(severities, f.Severity) })
	}
	for _, what := range list {
		missed := slices.ContainsFunc(r.Targets, func(t report.TargetResult) bool { return t.Verdict == report.VerdictFail })
		switch {
		case what == failOnTarget && missed,
			what == string(rules.SeverityCritical) && has(rules.SeverityCritical),
			what == string(rules.SeverityModerate) && has(rules.SeverityModerate, rules.SeverityCritical):
			return exitWith(exitFinding)
		}
	}
	return nil
}
