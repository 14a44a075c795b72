package report

import (
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// WriteSchema prints the JSON Schema (draft 2020-12) of what [WriteJSON] prints. It is read off the types, so that it
// cannot say anything else than they do.
func WriteSchema(w io.Writer) error {
	s := &schemaWriter{defs: map[string]any{}}
	root := s.of(reflect.TypeFor[Report]())
	properties := s.defs["Report"].(map[string]any)["properties"].(map[string]any)
	properties["schema"] = map[string]any{"const": Schema}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       Schema,
		"description": "A report of slowtoken. Times are UTC; durations and fields in _ns are nanoseconds; shares are fractions of 1. What is absent or null is not known, which is not zero.",
		"$ref":        root["$ref"],
		"$defs":       s.defs,
	})
}

type schemaWriter struct{ defs map[string]any }

// special are types whose JSON is not that of their fields.
var special = map[reflect.Type]func() map[string]any{
	reflect.TypeFor[time.Time](): func() map[string]any { return map[string]any{"type": "string", "format": "date-time"} },
	reflect.TypeFor[analyzer.Phase](): func() map[string]any {
		names := []any{}
		for _, p := range analyzer.Phases {
			names = append(names, p.String())
		}
		return map[string]any{"enum": names}
	},
	reflect.TypeFor[analyzer.TraceID](): func() map[string]any { return map[string]any{"type": "string", "pattern": "^[0-9a-f]{32}$"} },
	reflect.TypeFor[analyzer.SpanID]():  func() map[string]any { return map[string]any{"type": "string", "pattern": "^[0-9a-f]{16}$"} },
	reflect.TypeFor[population.Path]():  func() map[string]any { return map[string]any{"enum": []any{"TTFT", "E2E"}} },
	reflect.TypeFor[population.Sample](): func() map[string]any {
		return map[string]any{"type": "object", "description": "requests to compare with later, as columns; only slowtoken reads it"}
	},
}

// of returns the schema of a type.
func (s *schemaWriter) of(t reflect.Type) map[string]any {
	if schema := special[t]; schema != nil {
		return schema()
	}
	if t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Array:
		return map[string]any{"type": "array", "items": s.of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.object(t)
	}
	return map[string]any{"type": "integer"} // the other kinds that reports hold
}

// object defines a struct once and refers to it.
func (s *schemaWriter) object(t reflect.Type) map[string]any {
	name := t.Name()
	if pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]; pkg != "report" {
		name = pkg + "." + name
	}
	ref := map[string]any{"$ref": "#/$defs/" + name}
	if s.defs[name] != nil {
		return ref
	}
	properties, required := map[string]any{}, []any{}
	definition := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	s.defs[name] = definition // before its fields, which may hold it again
	s.fields(t, properties, &required)
	definition["required"] = required
	return ref
}

// fields adds the fields of t, those of embedded structs as its own.
func (s *schemaWriter) fields(t reflect.Type, properties map[string]any, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || tag == "-":
			continue
		case f.Anonymous && tag == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			s.fields(embedded, properties, required)
			continue
		case tag == "":
			tag = f.Name
		}
		schema := s.of(f.Type)
		optional := strings.Contains(options, "omitempty")
		if f.Type.Kind() == reflect.Pointer && !optional || f.Type.Kind() == reflect.Slice || f.Type.Kind() == reflect.Map {
			schema = map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
		}
		properties[tag] = schema
		if !optional {
			*required = append(*required, tag)
		}
	}
}
