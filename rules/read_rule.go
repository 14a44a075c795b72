package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ruleID is what ids look like.
var ruleID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// paramName is what names of thresholds look like: as those of variables.
var paramName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// A ruleReader reads one rule.
type ruleReader struct {
	*reader
	rule  *Rule
	env   *cel.Env // with the rule's parameters
	names []string // what expressions may refer to
}

// readRules reads a file of one rule, or of a list of rules.
func readRules(env *cel.Env, file string, content []byte) ([]*Rule, Problems) {
	r := &reader{file: file}
	var list []*Rule
	top := r.open(content)
	switch {
	case top == nil:
	case top.Kind == yaml.SequenceNode:
		r.list(top, "the file", func(n *yaml.Node) { list = append(list, r.rule(env, n)) })
	default:
		list = append(list, r.rule(env, top))
	}
	return list, r.problems
}

// rule reads one rule. Its parameters come first, wherever they stand, since expressions refer to them.
func (r *reader) rule(env *cel.Env, n *yaml.Node) *Rule {
	rr := &ruleReader{reader: r, rule: &Rule{
		File: r.file, Line: n.Line, Scope: ScopeRegime, Affected: AffectedAll, places: map[string]place{},
	}}
	rule := rr.rule
	rr.params(n)
	rr.extend(env, n)
	noted := func(name string, read func(*yaml.Node)) field {
		return field{name, func(n *yaml.Node) {
			rule.places[name] = place{n.Line, n.Column}
			read(n)
		}}
	}
	has := r.fields(n, "a rule", []field{
		noted("id", rr.id),
		{"title", func(n *yaml.Node) { rule.Title = r.text(n, "title") }},
		noted("class", func(n *yaml.Node) { rule.Class = oneOf(r, n, "class", Classes) }),
		noted("phase", func(n *yaml.Node) { rule.Phase = r.phase(n) }),
		{"doc", func(n *yaml.Node) { rule.Doc = r.text(n, "doc") }},
		{"scope", func(n *yaml.Node) { rule.Scope = oneOf(r, n, "scope", Scopes) }},
		{"params", func(*yaml.Node) {}},
		noted("when", func(n *yaml.Node) {
			r.list(n, "when", func(n *yaml.Node) {
				if e := rr.expr(n, "a condition", Bool); e != nil {
					rule.When = append(rule.When, e)
				}
			})
		}),
		{"evidence", func(n *yaml.Node) { r.list(n, "evidence", rr.evidence) }},
		noted("affected", func(n *yaml.Node) { rule.Affected = oneOf(r, n, "affected", AffectedCohorts) }),
		{"recoverable", rr.recovery},
		{"cause", func(n *yaml.Node) { rule.Cause = rr.template(n, "cause") }},
		{"symptoms", func(n *yaml.Node) {
			r.list(n, "symptoms", func(n *yaml.Node) { rule.Symptoms = append(rule.Symptoms, rr.template(n, "a symptom")) })
		}},
		{"causes", func(n *yaml.Node) { rule.Causes = rr.ids(n, "causes") }},
		{"excludes", func(n *yaml.Node) { rule.Excludes = rr.ids(n, "excludes") }},
		noted("discredits", func(n *yaml.Node) {
			r.list(n, "discredits", func(n *yaml.Node) { rule.Discredits |= analyzer.SetOf(r.phase(n)) })
		}),
		noted("fix", rr.fix),
		{"verified", func(n *yaml.Node) { rule.Verified = r.texts(n, "verified") }},
	})
	rr.complete(n, has)
	return rule
}

// complete checks what a rule must have.
func (r *ruleReader) complete(n *yaml.Node, has map[string]bool) {
	if n.Kind != yaml.MappingNode {
		return
	}
	needs := []string{"id", "title", "class", "doc", "when", "cause", "fix"}
	if r.rule.Class != ClassTelemetry {
		needs = append(needs, "phase", "recoverable")
	}
	for _, key := range needs {
		if !has[key] {
			r.fail(n, "the rule has no %s:", key)
		}
	}
	if has["discredits"] && r.rule.Class != ClassTelemetry && r.rule.Class != "" {
		r.failAt(r.rule.places["discredits"], "discredits goes with class: telemetry; this rule is of class %s", r.rule.Class)
	}
}

func (r *ruleReader) id(n *yaml.Node) {
	r.rule.ID = r.text(n, "id")
	if r.rule.ID != "" && !ruleID.MatchString(r.rule.ID) {
		r.fail(n, "id %q: want small letters, digits and single dashes, such as queue-saturation", r.rule.ID)
	}
}

func (r *reader) phase(n *yaml.Node) analyzer.Phase {
	var names []string
	for _, p := range analyzer.Phases {
		names = append(names, p.String())
	}
	phase, err := analyzer.ParsePhase(oneOf(r, n, "phase", names))
	if err != nil {
		return analyzer.Unattributed
	}
	return phase
}

// ids reads a list of ids of other rules; whether they exist shows when all are read.
func (r *ruleReader) ids(n *yaml.Node, what string) (ids []string) {
	r.list(n, what, func(n *yaml.Node) {
		id := r.text(n, what)
		r.rule.places[what+" "+id] = place{n.Line, n.Column}
		ids = append(ids, id)
	})
	return ids
}

// params reads the thresholds.
func (r *ruleReader) params(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "params" {
			r.entries(n.Content[i+1], "params", r.param)
		}
	}
}

func (r *ruleReader) param(key, value *yaml.Node) {
	p := Param{Name: key.Value}
	switch _, taken := VariableNamed(p.Name); {
	case !paramName.MatchString(p.Name):
		r.fail(key, "parameter %q: want small letters, digits and underscores", p.Name)
		return
	case taken:
		r.fail(key, "parameter %q has the name of a variable", p.Name)
		return
	}
	has := r.fields(value, "a parameter", []field{
		{"value", func(n *yaml.Node) {
			kind, x, err := parseParam(r.text(n, "value"))
			if err != nil {
				r.fail(n, "parameter %s: %v", p.Name, err)
			}
			p.Kind, p.Number = kind, x
		}},
		{"unit", func(n *yaml.Node) { p.Unit = r.text(n, "unit") }},
		{"doc", func(n *yaml.Node) { p.Doc = r.text(n, "doc") }},
		{"source", func(n *yaml.Node) { p.Source = r.text(n, "source") }},
	})
	for _, need := range []string{"value", "doc", "source"} {
		if !has[need] && value.Kind == yaml.MappingNode {
			r.fail(key, "parameter %s has no %s: (source is where the value is published, or ours)", p.Name, need)
		}
	}
	r.rule.Params = append(r.rule.Params, p)
}

// parseParam reads the value of a threshold: a number, or a duration such as 200ms.
func parseParam(s string) (Kind, float64, error) {
	if x, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
		return Number, x, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return Duration, float64(d), nil
	}
	return Number, 0, fmt.Errorf("%q is neither a number nor a duration such as 200ms", s)
}

// extend makes the environment of the rule's expressions.
func (r *ruleReader) extend(env *cel.Env, n *yaml.Node) {
	r.env = env
	var options []cel.EnvOption
	for _, p := range r.rule.Params {
		options = append(options, cel.Variable(p.Name, celTypes[p.Kind]))
		r.names = append(r.names, p.Name)
	}
	for i := range Variables {
		r.names = append(r.names, Variables[i].Name)
	}
	if len(options) == 0 {
		return
	}
	extended, err := env.Extend(options...)
	if err != nil {
		r.fail(n, "the parameters cannot be declared: %v", err)
		return
	}
	r.env = extended
}

// expr reads an expression of one of the wanted kinds; nil if it is none.
func (r *ruleReader) expr(n *yaml.Node, what string, wanted ...Kind) *Expr {
	n, ok := r.visit(n)
	if !ok {
		return nil
	}
	source := r.text(n, what)
	if source == "" {
		return nil
	}
	e, problem := compile(r.env, source, r.names, maxSplit)
	if problem != nil {
		r.failAt(r.inside(n, problem.line, problem.column), "%s", problem.message)
		return nil
	}
	if len(wanted) > 0 && !slices.Contains(wanted, e.Kind) {
		r.fail(n, "%s must be a %s: this is a %s", what, kindWord(wanted), e.Kind)
		return nil
	}
	return e
}

func kindWord(kinds []Kind) string {
	if kinds[0] == Bool {
		return "bool, true or false"
	}
	return kinds[0].String()
}

// template reads a text with expressions.
func (r *ruleReader) template(n *yaml.Node, what string) *Template {
	n, ok := r.visit(n)
	if !ok {
		return nil
	}
	source := r.text(n, what)
	t, problem := parseTemplate(r.env, source, r.names, r.unitOf)
	if problem != nil {
		r.failAt(r.inside(n, problem.line, problem.column), "%s", problem.message)
		return nil
	}
	return t
}

// unitOf returns the unit of a variable or parameter.
func (r *ruleReader) unitOf(name string) string {
	if v, ok := VariableNamed(name); ok {
		return v.Unit
	}
	if p := r.rule.param(name); p != nil {
		return p.Unit
	}
	return ""
}

func (r *ruleReader) evidence(n *yaml.Node) {
	var e Evidence
	has := r.fields(n, "evidence", []field{
		{"value", func(n *yaml.Node) { e.Value = r.expr(n, "value") }},
		{"holds", func(n *yaml.Node) { e.Holds = r.expr(n, "holds", Bool) }},
		{"say", func(n *yaml.Node) { e.Say = r.template(n, "say") }},
	})
	if n.Kind == yaml.MappingNode && (!has["value"] || !has["holds"]) {
		r.fail(n, "evidence needs value: and holds:")
		return
	}
	if e.Value != nil && e.Holds != nil {
		r.rule.Evidence = append(r.rule.Evidence, e)
	}
}

func (r *ruleReader) recovery(n *yaml.Node) {
	has := r.fields(n, "recoverable", []field{
		{"e2e", func(n *yaml.Node) { r.rule.Recover.E2E = r.expr(n, "recoverable", Duration) }},
		{"ttft", func(n *yaml.Node) { r.rule.Recover.TTFT = r.expr(n, "recoverable", Duration) }},
		{"floor", func(n *yaml.Node) { r.rule.Recover.Floor = r.text(n, "floor") }},
		{"of", func(n *yaml.Node) {
			switch of := r.text(n, "of"); of {
			case "", "affected":
			case "all":
				r.rule.Recover.OfAll = true
			default:
				r.fail(n, "recoverable is of %q: want all or affected", of)
			}
		}},
	})
	for _, need := range []string{"e2e", "floor"} {
		if n.Kind == yaml.MappingNode && !has[need] {
			r.fail(n, "recoverable has no %s:", need)
		}
	}
}

func (r *ruleReader) fix(n *yaml.Node) {
	f := &r.rule.Fix
	templates := func(to *[]*Template, what string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			r.list(n, what, func(n *yaml.Node) { *to = append(*to, r.template(n, what)) })
		}
	}
	has := r.fields(n, "fix", []field{
		{"summary", func(n *yaml.Node) { f.Summary = r.template(n, "summary") }},
		{"steps", templates(&f.Steps, "steps")},
		{"settings", func(n *yaml.Node) {
			f.Settings = map[string][]*Template{}
			r.entries(n, "settings", func(key, value *yaml.Node) {
				stack := oneOf(r.reader, key, "stack", Stacks)
				var list []*Template
				templates(&list, "settings")(value)
				f.Settings[stack] = list
			})
		}},
		{"before", func(n *yaml.Node) { f.Before = r.template(n, "before") }},
		{"after", func(n *yaml.Node) { f.After = r.template(n, "after") }},
		{"predict", func(n *yaml.Node) {
			number := func(to **Expr) func(*yaml.Node) {
				return func(n *yaml.Node) { *to = r.expr(n, "predict", Number) }
			}
			r.fields(n, "predict", []field{
				{"scale", number(&f.Predict.Scale)}, {"slots", number(&f.Predict.Slots)}, {"chunk_budget", number(&f.Predict.ChunkBudget)},
			})
		}},
		{"effort", func(n *yaml.Node) { f.Effort = oneOf(r.reader, n, "effort", Levels) }},
		{"risk", func(n *yaml.Node) { f.Risk = oneOf(r.reader, n, "risk", Levels) }},
		{"references", func(n *yaml.Node) { f.References = r.texts(n, "references") }},
	})
	for _, need := range []string{"summary", "effort", "risk"} {
		if n.Kind == yaml.MappingNode && !has[need] {
			r.fail(n, "fix has no %s:", need)
		}
	}
}
