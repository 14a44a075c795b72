package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
)

// A File is a file of rules.
type File struct {
	Name string // as problems name it
	Text []byte
}

//go:embed catalogue/*.yaml
var catalogue embed.FS

// Builtin returns the rules that ship with the program, as files.
func Builtin() []File {
	entries, err := catalogue.ReadDir("catalogue")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var files []File
	for _, e := range entries {
		name := "catalogue/" + e.Name()
		text, err := catalogue.ReadFile(name)
		if err != nil {
			panic(err)
		}
		files = append(files, File{"rules/" + name, text})
	}
	return files
}

// fixtureSuffix ends the names of files of fixtures, which stand beside rules.
const fixtureSuffix = ".test.yaml"

// ReadDir reads the files of rules in a folder of dir, by name; fixtures are left out.
func ReadDir(dir fs.FS, name string) ([]File, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), fixtureSuffix) || !strings.HasSuffix(e.Name(), ".yaml") && !strings.HasSuffix(e.Name(), ".yml") {
			continue
		}
		text, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		files = append(files, File{strings.TrimSuffix(name, "/") + "/" + e.Name(), text})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read rules: %s holds no .yaml file", name)
	}
	return files, nil
}

// A Set is rules that were read, checked against each other, and can be evaluated.
type Set struct {
	Rules    []*Rule  // telemetry first, then by class and in the order of files
	Disabled []string // ids that are switched off, and not in Rules
}

// Rule returns the rule of that id, nil if there is none.
func (s *Set) Rule(id string) *Rule {
	for _, r := range s.Rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// baseEnv is the environment of all rules; making it takes longer than reading a rule.
var baseEnv = sync.OnceValues(newEnv)

// Load reads layers of files. A rule of a later layer replaces that of an earlier one with the same id; within a layer
// an id stands once. The error lists [Problems].
func Load(layers ...[]File) (*Set, error) {
	env, err := baseEnv()
	if err != nil {
		return nil, fmt.Errorf("make the language of rules: %w", err)
	}
	var problems Problems
	var all []*Rule
	for _, layer := range layers {
		list, p := loadLayer(env, layer)
		problems = append(problems, p...)
		all = slices.DeleteFunc(all, func(r *Rule) bool {
			return slices.ContainsFunc(list, func(n *Rule) bool { return n.ID == r.ID })
		})
		all = append(all, list...)
	}
	if len(problems) == 0 {
		problems = checkTogether(all, layers)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	slices.SortStableFunc(all, func(a, b *Rule) int { return classOrder(a.Class) - classOrder(b.Class) })
	return &Set{Rules: all}, nil
}

func classOrder(c Class) int {
	if c == ClassTelemetry {
		return -1
	}
	return slices.Index(Classes, c)
}

func loadLayer(env *cel.Env, files []File) (all []*Rule, problems Problems) {
	for _, f := range files {
		list, p := readRules(env, f.Name, f.Text)
		problems = append(problems, p...)
		for _, rule := range list {
			if i := slices.IndexFunc(all, func(r *Rule) bool { return r.ID == rule.ID && r.ID != "" }); i >= 0 {
				problems = append(problems, at(files, rule, "id", "id %s is taken: %s:%d has it", rule.ID, all[i].File, all[i].places["id"].line))
				continue
			}
			all = append(all, rule)
		}
	}
	return all, problems
}

// at returns a problem at a place that the reader of rule has noted.
func at(files []File, rule *Rule, what string, format string, args ...any) *Problem {
	p := rule.places[what]
	problem := &Problem{File: rule.File, Line: p.line, Column: p.column, Message: fmt.Sprintf(format, args...)}
	for _, f := range files {
		if f.Name == rule.File {
			if lines := strings.Split(string(f.Text), "\n"); p.line >= 1 && p.line <= len(lines) {
				problem.Source = strings.TrimRight(lines[p.line-1], "\r")
			}
		}
	}
	return problem
}

// checkTogether checks what rules say of each other: that the others exist, and that no rule causes itself.
func checkTogether(all []*Rule, layers [][]File) (problems Problems) {
	files := slices.Concat(layers...)
	byID := map[string]*Rule{}
	var ids []string
	for _, r := range all {
		byID[r.ID] = r
		ids = append(ids, r.ID)
	}
	for _, r := range all {
		for _, list := range []struct {
			what string
			ids  []string
		}{{"causes", r.Causes}, {"excludes", r.Excludes}} {
			for _, id := range list.ids {
				switch {
				case byID[id] == nil:
					problems = append(problems, at(files, r, list.what+" "+id, "%s names the rule %q, which there is not: %s", list.what, id, suggest(id, ids)))
				case id == r.ID:
					problems = append(problems, at(files, r, list.what+" "+id, "%s names the rule itself", list.what))
				}
			}
		}
	}
	if len(problems) > 0 {
		return problems
	}
	state := map[string]int{} // 1: on the way, 2: done
	var walk func(r *Rule, way []string) bool
	walk = func(r *Rule, way []string) bool {
		state[r.ID] = 1
		way = append(way, r.ID)
		for _, id := range r.Causes {
			if state[id] == 1 {
				round := append(slices.Clone(way[slices.Index(way, id):]), id)
				problems = append(problems, at(files, r, "causes "+id, "causes go in a circle: %s", strings.Join(round, " causes ")))
				return false
			}
			if state[id] == 0 && !walk(byID[id], way) {
				return false
			}
		}
		state[r.ID] = 2
		return true
	}
	for _, r := range all {
		if state[r.ID] == 0 && !walk(r, nil) {
			break
		}
	}
	return problems
}

// A Change is what a user's configuration changes of rules without copying them.
type Change struct {
	Rule   string // its id
	Param  string // "" switches the rule off
	Value  string
	Origin string // what says so, for example config.yaml:12
}

// Apply makes changes. Its error names the change that makes no sense.
func (s *Set) Apply(changes []Change) error {
	var ids []string
	for _, r := range s.Rules {
		ids = append(ids, r.ID)
	}
	for _, c := range changes {
		i := slices.IndexFunc(s.Rules, func(r *Rule) bool { return r.ID == c.Rule })
		if i < 0 {
			if slices.Contains(s.Disabled, c.Rule) {
				continue
			}
			return fmt.Errorf("%s: there is no rule %q: %s", c.Origin, c.Rule, suggestFew(c.Rule, ids, "slowtoken rules list shows them"))
		}
		if c.Param == "" {
			s.Disabled = append(s.Disabled, c.Rule)
			s.Rules = slices.Delete(s.Rules, i, i+1)
			continue
		}
		if err := s.Rules[i].change(c); err != nil {
			return err
		}
	}
	return nil
}

// change sets a threshold to another value of the same kind.
func (r *Rule) change(c Change) error {
	p := r.param(c.Param)
	if p == nil {
		var names []string
		for _, p := range r.Params {
			names = append(names, p.Name)
		}
		return fmt.Errorf("%s: rule %s has no parameter %q: %s", c.Origin, r.ID, c.Param, suggest(c.Param, names))
	}
	kind, x, err := parseParam(c.Value)
	if err != nil {
		return fmt.Errorf("%s: parameter %s of rule %s: %w", c.Origin, c.Param, r.ID, err)
	}
	if kind != p.Kind {
		return fmt.Errorf("%s: parameter %s of rule %s is a %s, and %s is a %s", c.Origin, c.Param, r.ID, p.Kind, c.Value, kind)
	}
	p.Number, p.Changed = x, c.Origin
	return nil
}

// suggestFew is suggest with another hint where nothing is near.
func suggestFew(name string, known []string, otherwise string) string {
	if near := guess(name, known); near != "" {
		return strings.TrimPrefix(near, ": ")
	}
	return otherwise
}
