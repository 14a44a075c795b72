package main

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// mapping reads the whole file.
func (r *mappingReader) mapping(n *yaml.Node) (m dialect.Mapping) {
	read := false
	r.fields(n, "the file", []mappingField{{"spans", func(n *yaml.Node) {
		read = true
		r.list(n, "spans", func(n *yaml.Node) { m.Rules = append(m.Rules, r.rule(n)) })
	}}})
	if !read && len(r.problems) == 0 {
		r.fail(n, "the file has no list spans:")
	}
	return m
}

var mappingRoles = []string{
	analyzer.RoleInference.String(), analyzer.RoleEnvelope.String(), analyzer.RoleTool.String(), analyzer.RoleAgent.String(),
}

// rule reads one entry of spans.
func (r *mappingReader) rule(n *yaml.Node) (rule dialect.MappingRule) {
	var match, detail, firstToken, facts *yaml.Node
	key := func(to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { facts, *to = n, r.text(n, "the key of an attribute") }
	}
	r.fields(n, "a rule", []mappingField{
		{"match", func(n *yaml.Node) { match = n; r.match(n, &rule) }},
		{"role", func(n *yaml.Node) {
			if at := slices.Index(mappingRoles, oneOf(r, n, "role", mappingRoles)); at >= 0 {
				rule.Role = analyzer.RoleInference + analyzer.Role(at)
			}
		}},
		{"phase", func(n *yaml.Node) { rule.Phases = r.phases(n) }},
		{"detail", func(n *yaml.Node) { detail, rule.Detail = n, r.text(n, "detail") }},
		{"durations", func(n *yaml.Node) {
			r.list(n, "durations", func(n *yaml.Node) { rule.Durations = append(rule.Durations, r.duration(n)) })
		}},
		{"first_token", func(n *yaml.Node) { firstToken = n; r.firstToken(n, &rule.FirstToken) }},
		{"operation", key(&rule.Operation)},
		{"model", key(&rule.Model)},
		{"request_id", key(&rule.RequestID)},
		{"streaming", key(&rule.Streaming)},
		{"input_tokens", key(&rule.InputTokens)},
		{"output_tokens", key(&rule.OutputTokens)},
		{"cached_tokens", key(&rule.CachedTokens)},
		{"reasoning_tokens", key(&rule.ReasoningTokens)},
	})
	if match == nil && n.Kind == yaml.MappingNode {
		r.fail(n, "a rule needs match:, which says what spans it is for")
	}
	if detail != nil && len(rule.Phases) == 0 {
		r.fail(detail, "detail goes with phase")
	}
	if facts == nil {
		facts = firstToken
	}
	switch {
	case len(r.problems) > 0:
	case rule.Role == analyzer.RoleNone && len(rule.Phases) == 0 && len(rule.Durations) == 0:
		r.fail(n, "the rule says nothing: it needs role, phase or durations")
	case facts != nil && rule.Role != analyzer.RoleInference:
		r.fail(facts, "first_token and the keys of facts say something of a call: they need role: %s", analyzer.RoleInference)
	}
	for i, d := range rule.Durations {
		if (d.Interval == dialect.BeforeFirstToken || d.Interval == dialect.AfterFirstToken) && firstToken == nil {
			r.fail(n, "duration %d lies %s: the rule needs first_token, or another interval", i+1, d.Interval)
		}
	}
	return rule
}

// match reads the conditions of a rule.
func (r *mappingReader) match(n *yaml.Node, rule *dialect.MappingRule) {
	pattern := func(to *dialect.Pattern) func(*yaml.Node) { return func(n *yaml.Node) { *to = r.pattern(n) } }
	conditions := 0
	counted := func(read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) { conditions++; read(n) }
	}
	r.fields(n, "match", []mappingField{
		{"service", counted(pattern(&rule.Service))},
		{"scope", counted(pattern(&rule.Scope))},
		{"name", counted(pattern(&rule.Name))},
		{"attributes", counted(func(n *yaml.Node) { rule.Attributes = r.attributes(n) })},
	})
	if conditions == 0 && n.Kind == yaml.MappingNode {
		r.fail(n, "match is empty: it needs service, scope, name or attributes")
	}
}

// attributes reads patterns by the keys of attributes.
func (r *mappingReader) attributes(n *yaml.Node) (list []dialect.AttributePattern) {
	n, ok := r.visit(n)
	if !ok {
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.fail(n, `attributes is not a mapping from keys to values, such as llm.backend: "llama*"`)
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := r.text(n.Content[i], "the key of an attribute")
		if slices.ContainsFunc(list, func(a dialect.AttributePattern) bool { return a.Key == key }) {
			r.fail(n.Content[i], "attributes has the key %s twice", key)
		}
		list = append(list, dialect.AttributePattern{Key: key, Value: r.pattern(n.Content[i+1])})
	}
	return list
}

func (r *mappingReader) pattern(n *yaml.Node) dialect.Pattern {
	text := r.text(n, "a pattern")
	p, ok := dialect.ParsePattern(text)
	if !ok {
		r.fail(n, `pattern %q: a "*" can only be its first letter, its last, or both`, text)
	}
	return p
}

// duration reads one entry of durations.
func (r *mappingReader) duration(n *yaml.Node) (d dialect.MappedDuration) {
	var unit, detail *yaml.Node
	r.fields(n, "a duration", []mappingField{
		{"attribute", func(n *yaml.Node) { d.Attribute = r.text(n, "attribute") }},
		{"unit", func(n *yaml.Node) { unit, d.Unit = n, oneOf(r, n, "unit", dialect.Units) }},
		{"phase", func(n *yaml.Node) { d.Phases = r.phases(n) }},
		{"detail", func(n *yaml.Node) { detail, d.Detail = n, r.text(n, "detail") }},
		{"interval", func(n *yaml.Node) { d.Interval = oneOf(r, n, "interval", dialect.Intervals) }},
	})
	if unit != nil && d.Unit == dialect.UnitTime {
		r.fail(unit, "unit %s is of a time, not of a duration", d.Unit)
	}
	if detail != nil && len(d.Phases) > 1 {
		r.fail(detail, "detail goes with one phase, not with several")
	}
	if len(r.problems) == 0 && (d.Attribute == "" || d.Unit == "" || len(d.Phases) == 0 || d.Interval == "") {
		r.fail(n, "a duration needs attribute, unit, phase and interval")
	}
	return d
}

// firstToken reads where a call's first token is stated.
func (r *mappingReader) firstToken(n *yaml.Node, to *dialect.MappedFirstToken) {
	f := dialect.MappedFirstToken{From: dialect.SinceStart}
	var unit *yaml.Node
	r.fields(n, "first_token", []mappingField{
		{"attribute", func(n *yaml.Node) { f.Attribute = r.text(n, "attribute") }},
		{"unit", func(n *yaml.Node) { unit, f.Unit = n, oneOf(r, n, "unit", dialect.Units) }},
		{"from", func(n *yaml.Node) { f.From = oneOf(r, n, "from", dialect.References) }},
		{"event", func(n *yaml.Node) { f.Event = r.pattern(n) }},
	})
	*to = f
	asText := f.Unit == "go" || f.Unit == "rust" || f.Unit == "dotnet"
	switch {
	case len(r.problems) > 0:
	case (f.Attribute == "") == (f.Event == dialect.Pattern{}):
		r.fail(n, "first_token needs one of attribute and event")
	case f.Attribute != "" && unit == nil:
		r.fail(n, "first_token has an attribute: it needs its unit")
	case f.Attribute == "" && (unit != nil || f.From != dialect.SinceStart):
		r.fail(n, "an event has its own time: unit and from go with attribute")
	case f.From == dialect.SinceEpoch && asText:
		r.fail(unit, "unit %s is of a duration: a time since the epoch is s, ms, us, ns or %s", f.Unit, dialect.UnitTime)
	case f.From != dialect.SinceEpoch && f.Unit == dialect.UnitTime:
		r.fail(unit, "unit %s is of a time: it needs from: %s", f.Unit, dialect.SinceEpoch)
	}
}
