package rules

import (
	"maps"

	"github.com/slowtoken/slowtoken/analyzer"
)

// schemaObject is a JSON Schema, or a part of one.
type schemaObject = map[string]any

// Schema returns the JSON Schema of a file of rules, for editors. What it cannot say, such as whether a variable exists,
// loading says.
func Schema() map[string]any {
	rule := object([]string{"id", "title", "class", "doc", "when", "cause", "fix"}, schemaObject{
		"id":       schemaObject{"type": "string", "pattern": ruleID.String(), "description": "names the rule; one of --rules replaces the built-in one with the same id"},
		"title":    textSchema("the bottleneck, in one line"),
		"class":    enum(Classes),
		"phase":    enum(phaseNames()),
		"doc":      textSchema("what it is, and how it is told from others"),
		"scope":    enum(Scopes),
		"params":   schemaObject{"type": "object", "propertyNames": schemaObject{"pattern": paramName.String()}, "additionalProperties": paramSchema()},
		"when":     textList("conditions in CEL; all must hold"),
		"evidence": schemaObject{"type": "array", "minItems": 1, "items": evidenceSchema()},
		"affected": enum(AffectedCohorts),
		"recoverable": object([]string{"e2e", "floor"}, schemaObject{
			"e2e": textSchema("a duration in CEL: what a request wins back"), "ttft": textSchema("the same up to the first token"),
			"floor": textSchema("what it is held against"),
			"of":    schemaObject{"enum": []string{"affected", "all"}, "description": "whose mean e2e and ttft are: the affected requests' (as without it), or that of all requests of the place"},
		}),
		"cause":      textSchema("the root cause in one sentence; {expressions} are filled in"),
		"symptoms":   textList("what people notice"),
		"causes":     textList("ids of rules whose findings are symptoms of this one"),
		"excludes":   textList("ids of rules that are not named where this one fires"),
		"discredits": oneOrMore(enum(phaseNames())),
		"fix":        fixSchema(),
		"verified":   textList("verified dialects on whose shape the rule was seen to fire"),
	})
	rule["if"] = schemaObject{"properties": schemaObject{"class": schemaObject{"const": ClassTelemetry}}}
	rule["else"] = schemaObject{"required": []string{"phase", "recoverable"}}
	return schemaObject{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "slowtoken rules",
		"oneOf":   []any{schemaObject{"$ref": "#/$defs/rule"}, schemaObject{"type": "array", "minItems": 1, "items": schemaObject{"$ref": "#/$defs/rule"}}},
		"$defs":   schemaObject{"rule": rule},
	}
}

func object(required []string, properties schemaObject) schemaObject {
	o := schemaObject{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func textSchema(doc string) schemaObject {
	return schemaObject{"type": "string", "minLength": 1, "description": doc}
}

// oneOrMore is a list of items, or a single one.
func oneOrMore(item schemaObject) schemaObject {
	return schemaObject{"oneOf": []any{item, schemaObject{"type": "array", "minItems": 1, "items": item}}}
}

func textList(doc string) schemaObject {
	list := oneOrMore(schemaObject{"type": "string", "minLength": 1})
	list["description"] = doc
	return list
}

func enum[T any](values []T) schemaObject { return schemaObject{"enum": values} }

func phaseNames() (names []string) {
	for _, p := range analyzer.Phases {
		names = append(names, p.String())
	}
	return names
}

func paramSchema() schemaObject {
	return object([]string{"value", "doc", "source"}, schemaObject{
		"value":  schemaObject{"type": []string{"number", "string"}, "description": "a number, or a duration such as 200ms"},
		"unit":   schemaObject{"type": "string", "description": "share prints as a percentage"},
		"doc":    textSchema("what it limits"),
		"source": textSchema("where the value is published, or ours"),
	})
}

func evidenceSchema() schemaObject {
	return object([]string{"value", "holds"}, schemaObject{
		"value": textSchema("what is measured, in CEL"), "holds": textSchema("whether it speaks for the rule, in CEL"),
		"say": textSchema("in words; {expressions} are filled in"),
	})
}

func fixSchema() schemaObject {
	settings := schemaObject{}
	for _, stack := range Stacks {
		settings[stack] = textList("exact flags and keys of " + StackName(stack))
	}
	properties := schemaObject{
		"summary": textSchema("what to do, in one line"), "steps": textList("what to do, in order"),
		"settings": object(nil, settings), "effort": enum(Levels), "risk": enum(Levels), "references": textList("where it is published"),
	}
	properties["predict"] = object(nil, schemaObject{
		"scale": textSchema("factor of the phase's time, in CEL"), "slots": textSchema("requests in service at once, in CEL"),
		"chunk_budget": textSchema("prompt tokens a step, in CEL"),
	})
	maps.Copy(properties, schemaObject{"before": textSchema("configuration or code before"), "after": textSchema("and after")})
	return object([]string{"summary", "effort", "risk"}, properties)
}
