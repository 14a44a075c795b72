package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/slowtoken/slowtoken/analyzer"
)

// costLimit bounds the evaluation of one expression, in CEL's units of cost; a long condition takes under 100.
const costLimit = 5_000

// maxExpression is how long an expression may be, in bytes.
const maxExpression = 2_000

// maxSplit is how deep connectives of a condition are taken apart.
const maxSplit = 6

// celTypes are the kinds as CEL knows them.
var celTypes = [...]*cel.Type{Number: cel.DoubleType, Duration: cel.DurationType, Bool: cel.BoolType, Text: cel.StringType}

// A Function is something that expressions can call.
type Function struct{ Name, Signature, Doc string }

// Functions lists what expressions can call beside CEL's operators.
var Functions = []Function{
	{"ratio", "ratio(duration, duration) number", "the first over the second"},
	{"scale", "scale(duration, number) duration", "the duration times the number"},
	{"seconds", "seconds(duration) number", "the duration in seconds"},
	{"least", "least(a, b)", "the smaller of two numbers or two durations"},
	{"most", "most(a, b)", "the larger of two numbers or two durations"},
	{"percent", "percent(number) text", "a share as a percentage, for texts"},
	{"round", "round(number, number) text", "a number rounded to a multiple of the second, for texts"},
	{"known", "known(variable) bool", "whether the variable is known here"},
	{"duration", `duration("200ms") duration`, "a duration; checked when the rule is loaded"},
}

// knownPrefix begins the hidden variables that known() reads.
const knownPrefix = "@known."

// newEnv returns the environment of all expressions, before a rule adds its parameters.
func newEnv() (*cel.Env, error) {
	two := func(name string, a, b, out *cel.Type, f func(a, b ref.Val) ref.Val) cel.FunctionOpt {
		id := fmt.Sprintf("%s_%s_%s", name, a, b)
		return cel.Overload(id, []*cel.Type{a, b}, out, cel.BinaryBinding(f))
	}
	choose := func(name string, first func(a, b float64) bool) cel.EnvOption {
		pick := func(a, b ref.Val) ref.Val {
			if first(asFloat(a), asFloat(b)) {
				return a
			}
			return b
		}
		return cel.Function(name, two(name, cel.DoubleType, cel.DoubleType, cel.DoubleType, pick), two(name, cel.DurationType, cel.DurationType, cel.DurationType, pick))
	}
	options := []cel.EnvOption{
		cel.ClearMacros(), cel.Macros(cel.GlobalMacro("known", 1, expandKnown)), cel.EnableMacroCallTracking(),
		cel.CrossTypeNumericComparisons(true),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateRegexLiterals()),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(50),
		cel.Function("ratio", two("ratio", cel.DurationType, cel.DurationType, cel.DoubleType, func(a, b ref.Val) ref.Val {
			return types.Double(asFloat(a) / asFloat(b))
		})),
		cel.Function("scale", two("scale", cel.DurationType, cel.DoubleType, cel.DurationType, func(a, b ref.Val) ref.Val {
			return durationVal(asFloat(a) * asFloat(b))
		}), two("scale", cel.DurationType, cel.IntType, cel.DurationType, func(a, b ref.Val) ref.Val {
			return durationVal(asFloat(a) * asFloat(b))
		})),
		cel.Function("seconds", cel.Overload("seconds_duration", []*cel.Type{cel.DurationType}, cel.DoubleType, cel.UnaryBinding(func(a ref.Val) ref.Val {
			return types.Double(asFloat(a) / 1e9)
		}))),
		choose("least", func(a, b float64) bool { return a <= b }),
		choose("most", func(a, b float64) bool { return a >= b }),
		cel.Function("percent", cel.Overload("percent_double", []*cel.Type{cel.DoubleType}, cel.StringType, cel.UnaryBinding(func(a ref.Val) ref.Val {
			return types.String(formatShare(asFloat(a)))
		}))),
		cel.Function("round", two("round", cel.DoubleType, cel.DoubleType, cel.StringType, roundTo), two("round", cel.DoubleType, cel.IntType, cel.StringType, roundTo)),
	}
	for i := range Variables {
		v := &Variables[i]
		options = append(options, cel.Variable(v.Name, celTypes[v.Kind]), cel.Variable(knownPrefix+v.Name, cel.BoolType))
	}
	return cel.NewEnv(options...)
}

func roundTo(a, b ref.Val) ref.Val {
	step := asFloat(b)
	if step == 0 {
		step = 1
	}
	return types.String(formatNumber(math.Round(asFloat(a)/step) * step))
}

// expandKnown makes known(x) the hidden variable that says whether x is known.
func expandKnown(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if args[0].Kind() != ast.IdentKind {
		return nil, f.NewError(args[0].ID(), "known() wants the name of a variable")
	}
	return f.NewIdent(knownPrefix + args[0].AsIdent()), nil
}

func asFloat(v ref.Val) float64 {
	switch v := v.(type) {
	case types.Double:
		return float64(v)
	case types.Int:
		return float64(v)
	case types.Duration:
		return float64(v.Duration)
	}
	return math.NaN()
}

// durationVal returns a duration of ns nanoseconds, bounded by what a duration can hold.
func durationVal(ns float64) ref.Val {
	switch {
	case math.IsNaN(ns):
		return types.NewErr("the duration is not a number")
	case ns >= math.MaxInt64:
		return types.Duration{Duration: math.MaxInt64}
	case ns <= math.MinInt64:
		return types.Duration{Duration: math.MinInt64}
	}
	return types.Duration{Duration: time.Duration(ns)}
}

// An end says which value of a measure an expression is computed with.
type end uint8

const (
	atValue end = iota
	atLow
	atHigh
)

// bindings are what an expression is evaluated against.
type bindings struct {
	measures Measures
	params   map[string]Param
	end      end
}

// ResolveName implements [interpreter.Activation]. What is not known is CEL's unknown: it spreads through operators,
// but not past an "or" that is true anyway, or an "and" that is false.
func (b *bindings) ResolveName(name string) (any, bool) {
	if known, ok := strings.CutPrefix(name, knownPrefix); ok {
		return types.Bool(b.measures[known].Known), true
	}
	if p, ok := b.params[name]; ok {
		return p.val(), true
	}
	i, ok := variableIndex[name]
	if !ok {
		return nil, false
	}
	m := b.measures[name]
	if !m.Known {
		return types.NewUnknown(int64(i+1), types.NewAttributeTrail(name)), true
	}
	switch Variables[i].Kind {
	case Bool:
		return types.Bool(m.Bool), true
	case Text:
		return types.String(m.Text), true
	}
	x := m.Number
	if m.Interval && b.end == atLow {
		x = m.Low
	}
	if m.Interval && b.end == atHigh {
		x = m.High
	}
	if Variables[i].Kind == Duration {
		return durationVal(x), true
	}
	return types.Double(x), true
}

// Parent implements [interpreter.Activation].
func (*bindings) Parent() interpreter.Activation { return nil }

// An Expr is an expression of a rule, compiled.
type Expr struct {
	Text    string
	Kind    Kind
	Reads   []string // the variables it reads, each once, in the order of the text
	program cel.Program

	// Of a comparison, an "and", an "or" or a choice ("?:"): its sides, so that an explanation can show them and say how
	// near it is to being true; nil else. choice says which side of a choice counts.
	op                  string
	left, right, choice *Expr
}

// A celError is what is wrong with an expression, at an offset of its text.
type celError struct {
	line, column int // line from 1 on, column from 0 on, in characters
	message      string
}

// compile checks an expression and makes it ready to run. names are what it may refer to.
func compile(env *cel.Env, source string, names []string, depth int) (*Expr, *celError) {
	if len(source) > maxExpression {
		return nil, &celError{1, 0, fmt.Sprintf("the expression has %d bytes: at most %d are read", len(source), maxExpression)}
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, &celError{
			line: max(1, first.Location.Line()), column: max(0, first.Location.Column()),
			message: explainIssue(first.Message, source, first.Location.Line(), first.Location.Column(), names),
		}
	}
	kind, ok := kindOf(checked.OutputType())
	if !ok {
		return nil, &celError{1, 0, fmt.Sprintf("the expression is a %s: want a number, a duration, a text, or true or false", checked.OutputType())}
	}
	program, err := env.Program(checked, cel.CostLimit(costLimit))
	if err != nil {
		return nil, &celError{1, 0, err.Error()}
	}
	e := &Expr{Text: source, Kind: kind, Reads: readsOf(checked.NativeRep().Expr()), program: program}
	if depth > 0 {
		e.split(env, checked, names, depth-1)
	}
	return e, nil
}

var (
	comparisons = map[string]string{"_>=_": ">=", "_>_": ">", "_<=_": "<=", "_<_": "<", "_==_": "==", "_!=_": "!="}
	connectives = map[string]string{"_&&_": "&&", "_||_": "||", "_?_:_": "?:"}
)

// split compiles the sides of a comparison, a connective or a choice by themselves.
func (e *Expr) split(env *cel.Env, checked *cel.Ast, names []string, depth int) {
	top := checked.NativeRep().Expr()
	if top.Kind() != ast.CallKind {
		return
	}
	op, below := comparisons[top.AsCall().FunctionName()], 0
	if op == "" {
		op, below = connectives[top.AsCall().FunctionName()], depth
	}
	if op == "" {
		return
	}
	sides := [3]*Expr{}
	for i, arg := range top.AsCall().Args() {
		source, err := cel.ExprToString(arg, checked.NativeRep().SourceInfo())
		if err != nil {
			return
		}
		side, problem := compile(env, source, names, below)
		if problem != nil {
			return
		}
		sides[i] = side
	}
	if op == "?:" {
		sides = [3]*Expr{sides[1], sides[2], sides[0]}
	}
	e.op, e.left, e.right, e.choice = op, sides[0], sides[1], sides[2]
}

func kindOf(t *cel.Type) (Kind, bool) {
	switch {
	case t.IsExactType(cel.BoolType):
		return Bool, true
	case t.IsExactType(cel.DurationType):
		return Duration, true
	case t.IsExactType(cel.StringType):
		return Text, true
	case t.IsExactType(cel.DoubleType), t.IsExactType(cel.IntType):
		return Number, true
	}
	return Number, false
}

// readsOf lists the variables that an expression reads.
func readsOf(top ast.Expr) (names []string) {
	seen := map[string]bool{}
	ast.PostOrderVisit(top, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		name := strings.TrimPrefix(e.AsIdent(), knownPrefix)
		if _, ok := variableIndex[name]; ok && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}))
	return names
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '\((.*)\)'`)
)

// explainIssue says in the words of rules what CEL found wrong at a place of source.
func explainIssue(message, source string, line, column int, names []string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		name := strings.TrimPrefix(m[1], knownPrefix)
		if strings.HasPrefix(strings.TrimSpace(after(source, line, column)), "(") {
			var functions []string
			for _, f := range Functions {
				functions = append(functions, f.Name)
			}
			return fmt.Sprintf("unknown function %q%s", name, guess(name, functions))
		}
		return fmt.Sprintf("unknown variable %q%s", name, guess(name, names))
	}
	if m := overload.FindStringSubmatch(message); m != nil {
		return explainOverload(m[1], strings.Split(m[2], ", "))
	}
	if strings.HasPrefix(message, "invalid duration argument") {
		return `that is not a duration: write a number and a unit without a space, such as duration("200ms") or duration("1.5s")`
	}
	return strings.ReplaceAll(message, "google.protobuf.Duration", "duration")
}

// after returns what follows a place of source.
func after(source string, line, column int) string {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(lines[line-1])
	return string(runes[min(max(column, 0), len(runes)):])
}

var typeWords = strings.NewReplacer("google.protobuf.Duration", "duration", "double", "number", "int", "whole number", "string", "text")

// explainOverload says why an operator or function does not take its operands.
func explainOverload(function string, operands []string) string {
	words := make([]string, len(operands))
	durations, numbers := 0, 0
	for i, o := range operands {
		words[i] = typeWords.Replace(o)
		switch o {
		case "duration", "google.protobuf.Duration":
			durations++
		case "double", "int", "uint":
			numbers++
		}
	}
	name := strings.Trim(function, "_")
	if strings.HasPrefix(function, "_") && len(operands) == 2 {
		what := fmt.Sprintf("a %s and a %s do not go with %s", words[0], words[1], name)
		switch {
		case durations == 1 && numbers == 1 && comparisons[function] != "":
			return what + `: write the limit as duration("500ms"), or take seconds() or ratio() of the duration`
		case durations >= 1 && (name == "*" || name == "/"):
			return what + ": use scale(duration, number) or ratio(duration, duration)"
		case numbers == 2:
			return what + ": write whole numbers as 2.0"
		}
		return what
	}
	for _, f := range Functions {
		if f.Name == function {
			return fmt.Sprintf("%s does not take (%s): it is %s", function, strings.Join(words, ", "), f.Signature)
		}
	}
	return fmt.Sprintf("%s does not take (%s)", name, strings.Join(words, ", "))
}

// guess names what name was probably meant to be.
func guess(name string, known []string) string {
	if near := analyzer.Nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ""
}

// A result is the value of an expression: known, or missing some inputs, or an error such as a division by zero.
type result struct {
	value   Measure
	missing []string // variables that would have to be known
	err     error
}

// eval computes e. A number that is not finite counts as an error.
func (e *Expr) eval(b *bindings) result {
	out, _, err := e.program.Eval(b)
	if err != nil {
		return result{err: fmt.Errorf("%s: %w", e.Text, err)}
	}
	switch v := out.(type) {
	case *types.Unknown:
		return result{missing: unknownNames(v)}
	case types.Bool:
		return result{value: truth(bool(v))}
	case types.String:
		return result{value: text(string(v))}
	case types.Double, types.Int, types.Duration:
		m := number(asFloat(v), 0)
		if !m.Known {
			return result{err: fmt.Errorf("%s is %v", e.Text, v)}
		}
		return result{value: m}
	}
	return result{err: fmt.Errorf("%s: %v", e.Text, out)}
}

func unknownNames(u *types.Unknown) (names []string) {
	for _, id := range u.IDs() {
		if id >= 1 && int(id) <= len(Variables) {
			names = append(names, Variables[id-1].Name)
		}
	}
	return names
}

// estimate computes e with the interval that the intervals of its inputs give: its values at all of their lower ends and
// at all of their upper ends.
func (e *Expr) estimate(b *bindings) result {
	r := e.eval(b)
	if !r.value.Known || e.Kind == Bool || e.Kind == Text {
		return r
	}
	n, interval := 0, false
	for _, name := range e.Reads {
		m := b.measures[name]
		interval = interval || m.Interval
		if m.N > 0 && (n == 0 || m.N < n) {
			n = m.N
		}
	}
	r.value.N = n
	if !interval {
		return r
	}
	low := e.eval(&bindings{b.measures, b.params, atLow})
	high := e.eval(&bindings{b.measures, b.params, atHigh})
	if low.value.Known && high.value.Known {
		r.value = r.value.within(min(low.value.Number, high.value.Number), max(low.value.Number, high.value.Number))
	}
	return r
}
