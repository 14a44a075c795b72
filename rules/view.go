package rules

import (
	"fmt"
	"io"
	"strings"
)

// A View is a rule as lists and documents show it.
type View struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	Class        Class    `json:"class"`
	Phase        string   `json:"phase"`
	Doc          string   `json:"doc"`
	Scope        Scope    `json:"scope"`
	When         []string `json:"when"`
	Params       []Param  `json:"params"`
	Reads        []string `json:"reads"`
	Causes       []string `json:"causes"`
	Excludes     []string `json:"excludes"`
	Experimental bool     `json:"experimental"`
	Verified     []string `json:"verified"`
	File         string   `json:"file"`
}

// View returns the rule for lists.
func (r *Rule) View() View {
	v := View{
		ID: r.ID, Title: r.Title, Class: r.Class, Phase: r.Phase.String(), Doc: r.Doc, Scope: r.Scope,
		Params: append([]Param{}, r.Params...), Reads: r.Reads(), When: []string{},
		Causes: append([]string{}, r.Causes...), Excludes: append([]string{}, r.Excludes...),
		Experimental: r.Experimental(), Verified: append([]string{}, r.Verified...), File: r.File,
	}
	for _, e := range r.When {
		v.When = append(v.When, strings.TrimSpace(e.Text))
	}
	return v
}

// WriteText prints the rule for a terminal.
func (r *Rule) WriteText(w io.Writer) error {
	var b strings.Builder
	phase := ""
	if r.Class != ClassTelemetry {
		phase = ", phase " + r.Phase.String()
	}
	fmt.Fprintf(&b, "%s: %s\nclass %s%s, evaluated on %s; from %s:%d\n\n%s\n", r.ID, r.Title, r.Class, phase, scopeText(r.Scope), r.File, r.Line, strings.TrimSpace(r.Doc))
	b.WriteString("\nfires when all of these hold:\n")
	for _, e := range r.When {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(strings.TrimSpace(e.Text), "\n", "\n  "))
	}
	if len(r.Params) > 0 {
		b.WriteString("\nthresholds (rules.params." + r.ID + ".NAME in the configuration changes them):\n")
	}
	for _, p := range r.Params {
		source := p.Source
		if p.Changed != "" {
			source = "set by " + p.Changed
		}
		fmt.Fprintf(&b, "  %-20s %-8s %s (%s)\n", p.Name, p.Text(), p.Doc, source)
	}
	b.WriteString("\nreads:\n")
	for _, name := range r.Reads() {
		v, _ := VariableNamed(name)
		fmt.Fprintf(&b, "  %-26s %s; from %s\n", v.Name, v.Doc, v.Supply.Doc)
	}
	for _, list := range []struct {
		what string
		ids  []string
	}{{"causes", r.Causes}, {"excludes", r.Excludes}} {
		if len(list.ids) > 0 {
			fmt.Fprintf(&b, "\n%s: %s\n", list.what, strings.Join(list.ids, ", "))
		}
	}
	fmt.Fprintf(&b, "\nadvises: %s (effort %s, risk %s)\n", r.Fix.Summary.Source, r.Fix.Effort, r.Fix.Risk)
	for _, stack := range Stacks {
		for _, s := range r.Fix.Settings[stack] {
			fmt.Fprintf(&b, "  %-10s %s\n", StackName(stack), s.Source)
		}
	}
	if r.Experimental() {
		b.WriteString("\nexperimental: it was not seen to fire on the shape of a stack that was recorded, so it is not ranked\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func scopeText(s Scope) string {
	if s == ScopeAll {
		return "all of a capacity domain's time"
	}
	return "each stretch of steady load"
}
