package rules

import (
	_ "embed" // the head of the document
	"fmt"
	"strings"
)

//go:embed document_head.md
var documentHead string

// Document returns the reference of the language, the variables and the rules as Markdown: docs/rules.md.
func (s *Set) Document() string {
	var b strings.Builder
	b.WriteString(documentHead)
	b.WriteString("\n## Functions\n\n| function | what it is |\n|---|---|\n")
	for _, f := range Functions {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Signature, cell(f.Doc))
	}
	fmt.Fprintf(&b, "\n## The rules\n\n%d rules ship with the program.\n\n| id | class | phase | what it names | ranked |\n|---|---|---|---|---|\n", len(s.Rules))
	for _, r := range s.Rules {
		ranked, phase := "yes", r.Phase.String()
		if r.Experimental() {
			ranked = "experimental"
		}
		if r.Class == ClassTelemetry {
			phase, ranked = "", "telemetry"
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", r.ID, r.ID, r.Class, phase, cell(r.Title), ranked)
	}
	for _, r := range s.Rules {
		r.document(&b)
	}
	b.WriteString("\n## Variables\n\nA variable is of one stretch of steady load of one capacity domain, or of all of a domain's time for rules with\n`scope: all`.\n\n| variable | type | what it is | from |\n|---|---|---|---|\n")
	for i := range Variables {
		v := &Variables[i]
		kind := v.Kind.String()
		if v.Unit != "" {
			kind += ", " + v.Unit
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, kind, cell(v.Doc), v.Supply.Name)
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ") }

// document writes the section of one rule.
func (r *Rule) document(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n**%s.** %s\n\nFires when all of these hold:\n\n```cel\n", r.ID, r.Title, strings.Join(strings.Fields(r.Doc), " "))
	for _, e := range r.When {
		fmt.Fprintln(b, strings.TrimSpace(e.Text))
	}
	b.WriteString("```\n")
	if len(r.Params) > 0 {
		b.WriteString("\n| threshold | value | what it limits | source |\n|---|---|---|---|\n")
		for i := range r.Params {
			p := &r.Params[i]
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p.Name, p.Text(), cell(p.Doc), cell(p.Source))
		}
	}
	if len(r.Causes) > 0 {
		fmt.Fprintf(b, "\nCauses: %s.\n", strings.Join(r.Causes, ", "))
	}
	if len(r.Excludes) > 0 {
		fmt.Fprintf(b, "\nExcludes: %s.\n", strings.Join(r.Excludes, ", "))
	}
	if list := r.Discredits.Phases(); len(list) > 0 {
		names := make([]string, len(list))
		for i, p := range list {
			names[i] = p.String()
		}
		fmt.Fprintf(b, "\nWhere it fires, nothing is named in: %s.\n", strings.Join(names, ", "))
	}
	fmt.Fprintf(b, "\nAdvice (effort %s, risk %s): %s.\n", r.Fix.Effort, r.Fix.Risk, strings.TrimSuffix(r.Fix.Summary.Source, "."))
	for _, stack := range Stacks {
		for _, t := range r.Fix.Settings[stack] {
			fmt.Fprintf(b, "- %s: `%s`\n", StackName(stack), t.Source)
		}
	}
	if len(r.Fix.References) > 0 {
		fmt.Fprintf(b, "\nSee: %s.\n", strings.Join(r.Fix.References, "; "))
	}
}
