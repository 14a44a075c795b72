package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Fixture is one example of what rules should say: of measures alone, or of files of traces and metrics.
type Fixture struct {
	Name     string
	File     string
	Line     int
	Measures Measures         // nil where traces are given
	Traces   []string         // files, relative to that of the fixture
	Metrics  []string         // files
	Facts    population.Facts // as [population.FactKey.Check] spells them
	Expect   Expectation
}

// An Expectation says what rules should say. Ids of rules stand for findings; those that are listed as symptoms count.
type Expectation struct {
	First   string   // the finding of rank 1
	Fires   []string // these are named
	Silent  []string // these are not
	Beneath []string // these are listed as symptoms of another
	Skipped []string // these cannot be decided for want of data
	Healthy bool     // nothing is worth doing something about
}

// ReadFixtures reads the fixtures of a file.
func ReadFixtures(file string, content []byte) ([]Fixture, error) {
	r := &reader{file: file}
	var list []Fixture
	if top := r.open(content); top != nil {
		has := r.fields(top, "the file", []field{{"tests", func(n *yaml.Node) {
			r.list(n, "tests", func(n *yaml.Node) { list = append(list, r.fixture(n)) })
		}}})
		if !has["tests"] && len(r.problems) == 0 {
			r.fail(top, "the file has no list tests:")
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return list, nil
}

func (r *reader) fixture(n *yaml.Node) Fixture {
	f := Fixture{File: r.file, Line: n.Line, Facts: population.Facts{}}
	has := r.fields(n, "a test", []field{
		{"name", func(n *yaml.Node) { f.Name = r.text(n, "name") }},
		{"measures", func(n *yaml.Node) {
			f.Measures = Measures{}
			r.entries(n, "measures", func(key, value *yaml.Node) { r.measure(f.Measures, key, value) })
		}},
		{"traces", func(n *yaml.Node) { f.Traces = r.texts(n, "traces") }},
		{"metrics", func(n *yaml.Node) { f.Metrics = r.texts(n, "metrics") }},
		{"facts", func(n *yaml.Node) {
			r.entries(n, "facts", func(key, value *yaml.Node) { r.fact(f.Facts, key, value) })
		}},
		{"expect", func(n *yaml.Node) { f.Expect = r.expectation(n) }},
	})
	if n.Kind != yaml.MappingNode {
		return f
	}
	for _, need := range []string{"name", "expect"} {
		if !has[need] {
			r.fail(n, "the test has no %s:", need)
		}
	}
	if has["measures"] == has["traces"] {
		r.fail(n, "a test needs either measures: or traces:")
	}
	return f
}

func (r *reader) expectation(n *yaml.Node) (e Expectation) {
	ids := func(to *[]string, what string) field {
		return field{what, func(n *yaml.Node) { *to = r.texts(n, what) }}
	}
	has := r.fields(n, "expect", []field{
		{"first", func(n *yaml.Node) { e.First = r.text(n, "first") }},
		ids(&e.Fires, "fires"), ids(&e.Silent, "silent"), ids(&e.Beneath, "beneath"), ids(&e.Skipped, "skipped"),
		{"healthy", func(n *yaml.Node) { e.Healthy = r.text(n, "healthy") == "true" }},
	})
	if n.Kind == yaml.MappingNode && len(has) == 0 {
		r.fail(n, "expect says nothing: it needs first, fires, silent, beneath, skipped or healthy")
	}
	return e
}

// measure reads the value of a variable: a number, a duration such as 200ms, true or false, a text, or a number with an
// interval as [value, low, high].
func (r *reader) measure(to Measures, key, value *yaml.Node) {
	v, ok := VariableNamed(key.Value)
	if !ok {
		var names []string
		for i := range Variables {
			names = append(names, Variables[i].Name)
		}
		r.fail(key, "unknown variable %q%s", key.Value, guess(key.Value, names))
		return
	}
	var numbers []float64
	if value.Kind == yaml.SequenceNode {
		for _, n := range value.Content {
			x, err := parseAs(v.Kind, n.Value)
			if err != nil {
				r.fail(n, "%s: %v", v.Name, err)
				return
			}
			numbers = append(numbers, x)
		}
		if len(numbers) != 3 || v.Kind == Bool || v.Kind == Text {
			r.fail(value, "%s wants a value, or [value, low, high] for a number or a duration", v.Name)
			return
		}
		to[v.Name] = number(numbers[0], 0).within(numbers[1], numbers[2])
		return
	}
	s := r.text(value, v.Name)
	switch v.Kind {
	case Text:
		to[v.Name] = text(s)
	case Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			r.fail(value, "%s is true or false: this is %q", v.Name, s)
		}
		to[v.Name] = truth(b)
	default:
		x, err := parseAs(v.Kind, s)
		if err != nil {
			r.fail(value, "%s: %v", v.Name, err)
		}
		to[v.Name] = number(x, 0)
	}
}

func parseAs(kind Kind, s string) (float64, error) {
	if kind == Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration such as 200ms", s)
		}
		return float64(d), nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return x, nil
}

func (r *reader) fact(to population.Facts, key, value *yaml.Node) {
	f, ok := population.FactNamed(key.Value)
	if !ok {
		var names []string
		for _, f := range population.FactKeys {
			names = append(names, f.Key)
		}
		r.fail(key, "unknown fact %q: %s", key.Value, suggest(key.Value, names))
		return
	}
	checked, err := f.Check(r.text(value, key.Value))
	if err != nil {
		r.fail(value, "%v", err)
	}
	to[f.Key] = checked
}

// Cases returns the cases of a fixture of measures: the same measures for rules of regimes and of all of the time.
func (f *Fixture) Cases() []Case {
	m := Measures{}
	for name, value := range f.Measures {
		m[name] = value
	}
	for key, value := range f.Facts {
		m[factPrefix+key] = factMeasure(f.Facts, key, value)
	}
	if !m["requests"].Known {
		m["requests"] = number(1000, 0)
	}
	return []Case{{Place: Place{Domain: "fixture", Regime: 1}, Measures: m}, {Place: Place{Domain: "fixture"}, Measures: m}}
}

// Check returns what of a result is not as the fixture expects, nil if all is.
func (f *Fixture) Check(got *Result) (wrong []string) {
	named, beneath := map[string]bool{}, map[string]bool{}
	first := ""
	for i := range got.Findings {
		g := &got.Findings[i]
		named[g.Rule] = true
		if g.Rank == 1 {
			first = g.Rule
		}
		for j := range g.Beneath {
			named[g.Beneath[j].Rule], beneath[g.Beneath[j].Rule] = true, true
		}
	}
	for i := range got.Telemetry {
		named[got.Telemetry[i].Rule] = true
	}
	skipped := map[string]*Skipped{}
	for i := range got.Skipped {
		skipped[got.Skipped[i].Rule] = &got.Skipped[i]
	}
	why := func(id string) string {
		if s := skipped[id]; s != nil {
			var names []string
			for _, n := range s.Needs {
				names = append(names, n.Variable)
			}
			return ": skipped, no data for " + strings.Join(names, ", ")
		}
		for _, w := range got.Withheld {
			if w.Rule == id {
				return ": withheld, " + w.Why
			}
		}
		return ""
	}
	e := &f.Expect
	if e.First != "" && e.First != first {
		wrong = append(wrong, fmt.Sprintf("first is %q, want %s%s", first, e.First, why(e.First)))
	}
	for _, id := range e.Fires {
		if !named[id] {
			wrong = append(wrong, fmt.Sprintf("%s does not fire%s", id, why(id)))
		}
	}
	for _, id := range e.Silent {
		if named[id] {
			wrong = append(wrong, fmt.Sprintf("%s fires", id))
		}
	}
	for _, id := range e.Beneath {
		if !beneath[id] {
			wrong = append(wrong, fmt.Sprintf("%s is not listed as a symptom of another%s", id, why(id)))
		}
	}
	for _, id := range e.Skipped {
		if skipped[id] == nil {
			wrong = append(wrong, fmt.Sprintf("%s is not skipped for want of data", id))
		}
	}
	if e.Healthy && got.Verdict != VerdictHealthy {
		var ids []string
		for i := range got.Findings {
			ids = append(ids, fmt.Sprintf("%s (%s)", got.Findings[i].Rule, got.Findings[i].Severity))
		}
		wrong = append(wrong, fmt.Sprintf("verdict is %s, want %s: %s", got.Verdict, VerdictHealthy, strings.Join(ids, ", ")))
	}
	return wrong
}

// CheckFixtures returns what fixtures say of rules that s does not have.
func (s *Set) CheckFixtures(list []Fixture) error {
	var ids []string
	for _, r := range s.Rules {
		ids = append(ids, r.ID)
	}
	for i := range list {
		f := &list[i]
		for _, id := range slices.Concat([]string{f.Expect.First}, f.Expect.Fires, f.Expect.Silent, f.Expect.Beneath, f.Expect.Skipped) {
			if id != "" && !slices.Contains(ids, id) {
				return fmt.Errorf("%s:%d: test %q names the rule %q, which there is not: %s", f.File, f.Line, f.Name, id, suggestFew(id, ids, "slowtoken rules list shows them"))
			}
		}
	}
	return nil
}
