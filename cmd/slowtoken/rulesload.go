package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/slowtoken/slowtoken/rules"
)

// ruleSettings say which rules there are.
type ruleSettings struct {
	Dir     string
	Disable string // ids, with commas between them

	// params are the thresholds of rules that the configuration file changes, as rules.params.RULE.NAME.
	params []fileKey
}

// paramKeys is the part of the configuration file that holds thresholds of rules.
const paramKeys = "rules.params"

func (s *ruleSettings) list() []*setting {
	return []*setting{
		{key: "rules.dir", flag: textFlag(&s.Dir, "rules", "add the rules in this `FOLDER`; one with the id of another replaces it: docs/rules.md")},
		{key: "rules.disable", flag: textFlag(&s.Disable, "disable-rules", "leave out these rules: `IDS` with commas between them")},
	}
}

// loadRules returns the built-in rules with what the user adds and changes.
func (a *app) loadRules() (*rules.Set, error) {
	layers := [][]rules.File{rules.Builtin()}
	if dir := a.config.Rules.Dir; dir != "" {
		files, err := rules.ReadDir(os.DirFS(dir), dir)
		if err != nil {
			return nil, usageError("%w", err)
		}
		layers = append(layers, files)
	}
	return a.ruleSet(layers...)
}

// ruleSet checks layers of rules, and makes the changes of the configuration.
func (a *app) ruleSet(layers ...[]rules.File) (*rules.Set, error) {
	set, err := rules.Load(layers...)
	if err != nil {
		return nil, ruleProblems(err)
	}
	var changes []rules.Change
	for id := range strings.SplitSeq(a.config.Rules.Disable, ",") {
		if id = strings.TrimSpace(id); id != "" {
			changes = append(changes, rules.Change{Rule: id, Origin: a.config.lookup("rules.disable").origin})
		}
	}
	for _, k := range a.config.Rules.params {
		id, param, ok := strings.Cut(strings.TrimPrefix(k.key, paramKeys+"."), ".")
		if !ok {
			return nil, usageError("%s: %s: want a mapping of parameters, such as min_share: 0.3", k.origin(), k.key)
		}
		changes = append(changes, rules.Change{Rule: id, Param: param, Value: k.value, Origin: k.origin()})
	}
	if err := set.Apply(changes); err != nil {
		return nil, usageError("%w", err)
	}
	return set, nil
}

// ruleProblems makes what is wrong with files of rules an error of usage.
func ruleProblems(err error) error {
	var problems rules.Problems
	if !errors.As(err, &problems) {
		return err
	}
	noun := "problem"
	if len(problems) > 1 {
		noun = "problems"
	}
	return withHint(usageError("the rules cannot be used: %s\n%w", fmt.Sprintf("%d %s", len(problems), noun), err),
		"docs/rules.md says what a file of rules may hold, and slowtoken rules schema gives it to editors")
}
