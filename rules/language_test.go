package rules

import (
	"errors"
	"strings"
	"testing"
)

// ruleWith is a rule that is right, with one part of it replaced.
func ruleWith(old, new string) string {
	const right = `id: some-rule
title: Something
class: queue
phase: queue
doc: what it is
params:
  min_share: {value: 0.2, unit: share, doc: a limit, source: ours}
when:
  - queue_share >= min_share
recoverable: {e2e: queue_recoverable, floor: a floor}
cause: "queue is {queue_share}"
fix: {summary: do something, effort: low, risk: low}
`
	if !strings.Contains(right, old) {
		panic("the rule does not hold " + old)
	}
	return strings.Replace(right, old, new, 1)
}

func TestProblemsAreNamedWhereTheyStand(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown variable":         {"queue_share >= min", "queue_shar >= min", `f.yaml:9:5: unknown variable "queue_shar": did you mean queue_share?`},
		"unknown function":         {"- queue_share >= min_share", "- rato(e2e_p95, e2e_p50) > 2.0", `f.yaml:9:9: unknown function "rato": did you mean ratio?`},
		"duration against number":  {"queue_share >= min_share", "ttft_p95 >= 0.5", `f.yaml:9:14: a duration and a number do not go with >=`},
		"wrong unit in ratio":      {"queue_share >= min_share", "ratio(ttft_p95, 1.0) > 2.0", `f.yaml:9:10: ratio does not take (duration, number)`},
		"whole number times":       {"queue_share >= min_share", "queue_share * 2 > min_share", `f.yaml:9:17: a number and a whole number do not go with *: write whole numbers as 2.0`},
		"bad duration literal":     {"queue_share >= min_share", `ttft_p95 > duration("200 ms")`, `f.yaml:9:25: that is not a duration`},
		"no condition":             {"queue_share >= min_share", "queue_share", `f.yaml:9:5: a condition must be a bool, true or false: this is a number`},
		"syntax":                   {"queue_share >= min_share", "(queue_share >= min_share", `f.yaml:9:30: Syntax error`},
		"in a literal block":       {"- queue_share >= min_share", "- |\n    queue_share > 0.1 &&\n    queu_share > 0.2", `f.yaml:11:5: unknown variable "queu_share": did you mean queue_share?`},
		"in a template":            {"{queue_share}", "{queue_shar}", `f.yaml:11:19: unknown variable "queue_shar": did you mean queue_share?`},
		"open brace":               {"{queue_share}", "{queue_share", `f.yaml:11:18: a { that no } closes`},
		"unknown key":              {"title: Something", "titel: Something", `f.yaml:2:1: a rule has no key "titel": did you mean title?`},
		"missing key":              {"doc: what it is\n", "", `f.yaml:1:1: the rule has no doc:`},
		"unknown class":            {"class: queue", "class: queu", `f.yaml:3:8: class "queu" is unknown: did you mean queue?`},
		"unknown phase":            {"phase: queue", "phase: prefil", `f.yaml:4:8: phase "prefil" is unknown: did you mean prefill?`},
		"bad id":                   {"id: some-rule", "id: Some_Rule", `f.yaml:1:5: id "Some_Rule": want small letters`},
		"parameter is variable":    {"  min_share:", "  queue_share:", `f.yaml:7:3: parameter "queue_share" has the name of a variable`},
		"parameter without source": {", source: ours", "", `f.yaml:7:3: parameter min_share has no source:`},
		"recoverable is a share":   {"e2e: queue_recoverable", "e2e: queue_share", `f.yaml:10:20: recoverable must be a duration: this is a number`},
		"unknown cause":            {"phase: queue", "phase: queue\ncauses: [other-rule]", `f.yaml:5:10: causes names the rule "other-rule", which there is not`},
		"discredits":               {"phase: queue", "phase: queue\ndiscredits: [queue]", `f.yaml:5:13: discredits goes with class: telemetry`},
		"no YAML":                  {"title: Something", "title: [", `this is not YAML`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load([]File{{"f.yaml", []byte(ruleWith(c.old, c.new))}})
			if err == nil {
				t.Fatal("it is accepted")
			}
			var problems Problems
			if !errors.As(err, &problems) || strings.Contains(problems[0].Error(), "\n") || !strings.Contains(problems[0].Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

func TestProblemsShowTheirLine(t *testing.T) {
	_, err := Load([]File{{"f.yaml", []byte(ruleWith("queue_share >=", "queue_shar >="))}})
	want := "f.yaml:9:5: unknown variable \"queue_shar\": did you mean queue_share?\n" +
		"      - queue_shar >= min_share\n" +
		"        ^"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

func TestIDsAreTakenOnce(t *testing.T) {
	one := File{"a.yaml", []byte(ruleWith("Something", "One"))}
	two := File{"b.yaml", []byte(ruleWith("Something", "Two"))}
	if _, err := Load([]File{one, two}); err == nil || !strings.Contains(err.Error(), "b.yaml:1:5: id some-rule is taken: a.yaml:1 has it") {
		t.Errorf("%v", err)
	}
	set, err := Load([]File{one}, []File{two})
	if err != nil || len(set.Rules) != 1 || set.Rules[0].Title != "Two" {
		t.Errorf("%v: a later layer replaces", err)
	}
}

func TestCausesGoInNoCircle(t *testing.T) {
	rule := func(id, causes string) File {
		return File{id + ".yaml", []byte(ruleWith("id: some-rule", "id: "+id+"\ncauses: ["+causes+"]"))}
	}
	_, err := Load([]File{rule("a", "b"), rule("b", "c"), rule("c", "a")})
	if err == nil || !strings.Contains(err.Error(), "c.yaml:2:10: causes go in a circle: a causes b causes c causes a") {
		t.Errorf("%v", err)
	}
}

func TestChangesOfParametersAndDisabling(t *testing.T) {
	for name, c := range map[string]struct {
		change Change
		want   string
	}{
		"another value":     {Change{"some-rule", "min_share", "0.5", "c.yaml:3"}, ""},
		"switched off":      {Change{"some-rule", "", "", "c.yaml:3"}, ""},
		"unknown rule":      {Change{"some-rul", "", "", "c.yaml:3"}, `c.yaml:3: there is no rule "some-rul": did you mean some-rule?`},
		"unknown parameter": {Change{"some-rule", "min_shar", "1", "c.yaml:3"}, `c.yaml:3: rule some-rule has no parameter "min_shar": did you mean min_share?`},
		"wrong kind":        {Change{"some-rule", "min_share", "5ms", "c.yaml:3"}, `c.yaml:3: parameter min_share of rule some-rule is a number, and 5ms is a duration`},
	} {
		set, err := Load([]File{{"f.yaml", []byte(ruleWith("Something", "Something"))}})
		if err != nil {
			t.Fatal(err)
		}
		err = set.Apply([]Change{c.change})
		if got := errorText(err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		m := Measures{"queue_share": number(0.3, 100), "requests": number(100, 0)}
		fired := len(set.Evaluate([]Case{{Place: Place{Regime: 1}, Measures: m}}).Findings) > 0
		if want := c.want != ""; fired != want {
			t.Errorf("%s: at a share of 0.3 the rule fires: %v", name, fired)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzLoad(f *testing.F) {
	for _, file := range Builtin() {
		f.Add(file.Text)
	}
	f.Add([]byte(ruleWith("queue_share >= min_share", "known(queue_share) && (queue_share > 0.1 || min_share == 0.2)")))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		set, err := Load([]File{{"f.yaml", content}})
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		set.Evaluate([]Case{{Place: Place{Regime: 1}}, {}})
	})
}
