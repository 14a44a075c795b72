package rules

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write docs/rules.md")

func TestDocument(t *testing.T) {
	const path = "../docs/rules.md"
	set, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	want := set.Document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rules say: go test ./rules -run Document -update writes it", path)
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// The rule and the examples that the document shows are right.
func TestDocumentExamples(t *testing.T) {
	blocks := yamlBlock.FindAllStringSubmatch(documentHead, -1)
	var rule, tests string
	for _, b := range blocks {
		switch {
		case strings.HasPrefix(b[1], "id:"):
			rule = b[1]
		case strings.HasPrefix(b[1], "tests:"):
			tests = b[1]
		}
	}
	set, err := Load(Builtin(), []File{{"example.yaml", []byte(rule)}})
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := ReadFixtures("example.test.yaml", []byte(tests))
	if err != nil || len(fixtures) != 2 {
		t.Fatal(err)
	}
	if err := set.CheckFixtures(fixtures); err != nil {
		t.Error(err)
	}
	if wrong := fixtures[0].Check(set.Evaluate(fixtures[0].Cases())); wrong != nil {
		t.Errorf("%q", wrong)
	}
	fixtures[0].Expect = Expectation{First: "queue-saturation", Silent: []string{"long-waits"}}
	if wrong := fixtures[0].Check(set.Evaluate(fixtures[0].Cases())); len(wrong) != 2 {
		t.Errorf("a wrong expectation is not told: %q", wrong)
	}
}

// Every key of the built-in rules is in the schema where it stands, and what the schema requires is there.
func TestSchemaHoldsForBuiltinRules(t *testing.T) {
	rule := Schema()["$defs"].(map[string]any)["rule"].(map[string]any)
	for _, f := range Builtin() {
		var doc any
		if err := yaml.Unmarshal(f.Text, &doc); err != nil {
			t.Fatal(err)
		}
		list, ok := doc.([]any)
		if !ok {
			list = []any{doc}
		}
		for _, one := range list {
			checkSchema(t, f.Name, rule, one)
		}
	}
}

// checkSchema checks the part of JSON Schema that objects need: properties, required, additionalProperties.
func checkSchema(t *testing.T, where string, schema map[string]any, value any) {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]string)
	for _, key := range required {
		if _, ok := object[key]; !ok {
			t.Errorf("%s: the schema requires %s", where, key)
		}
	}
	for key, inner := range object {
		below, known := properties[key].(map[string]any)
		if more, ok := schema["additionalProperties"].(map[string]any); ok && !known {
			below, known = more, true
		}
		if !known {
			t.Errorf("%s: the schema has no key %s", where, key)
			continue
		}
		if items, ok := inner.([]any); ok {
			for _, item := range items {
				if of, ok := below["items"].(map[string]any); ok {
					checkSchema(t, where+": "+key, of, item)
				}
			}
		}
		checkSchema(t, where+": "+key, below, inner)
	}
}

func TestVariablesAreNamedOnceAndDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Variables {
		if seen[v.Name] || v.Doc == "" || v.Supply == nil || v.Supply.Remedy == "" || !paramName.MatchString(v.Name) {
			t.Errorf("variable %+v", v)
		}
		seen[v.Name] = true
	}
	for _, s := range Stacks {
		if !slices.Contains(Stacks, stackOf(s)) || stackOf(s) != s {
			t.Errorf("stack %s is read as %s", s, stackOf(s))
		}
	}
	if got := stackOf("slowtoken-gateway"); got != StackOllama {
		t.Errorf("the gateway stands in front of Ollama, not of %s", got)
	}
}
