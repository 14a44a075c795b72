package ingest

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// jaegerTags reads an array of typed key-value pairs.
func (j *jsonReader) jaegerTags() analyzer.Attributes {
	from := len(j.scratch)
	for range j.items {
		var (
			key, typ, text string
			kind           byte
		)
		for field := range j.fields {
			switch field {
			case "key":
				key = j.text()
			case "type":
				typ = strings.ToLower(j.text())
			case "value":
				if b := j.next(); b == '{' || b == '[' {
					kind, text = '"', string(j.capture(j.skip)) // no tag has such values; its JSON keeps them
				} else {
					v := j.scalar()
					kind, text = v.kind, j.interned.text(v.text)
				}
			default:
				j.skip()
			}
		}
		value, ok := jaegerValue(typ, kind, text)
		if !ok {
			j.summary.Warnings.Add("attribute_not_its_type", 1)
		}
		j.scratch = append(j.scratch, analyzer.Attribute{Key: key, Value: value})
		j.limit(len(j.scratch))
	}
	kept := j.attributeRoom.keep(j.scratch[from:])
	clear(j.scratch[from:])
	j.scratch = j.scratch[:from]
	return kept
}

// jaegerValue reads a tag's value by its type, which may be missing, and by its kind in JSON: large integers come as
// strings. What is not of its type keeps its text.
func jaegerValue(typ string, kind byte, text string) (v analyzer.Value, ok bool) {
	raw := scalar{kind, []byte(text)}
	if kind == 0 || kind == 'n' {
		return analyzer.Value{}, typ == ""
	}
	if typ == "" {
		switch kind {
		case 't', 'f':
			typ = "bool"
		case '0':
			typ = "float64"
			if !strings.ContainsAny(text, ".eEN") {
				typ = "int64"
			}
		default:
			typ = "string"
		}
	}
	switch typ {
	case "string":
		return analyzer.String(text), true
	case "bool":
		if text == "true" || text == "false" {
			return analyzer.Bool(text == "true"), true
		}
	case "int64":
		if i, ok := raw.integer(); ok {
			return analyzer.Int(i), true
		}
	case "float64":
		if f, ok := raw.float(); ok {
			return analyzer.Double(f), true
		}
	case "binary":
		if b, ok := decodeBase64(raw.text); ok {
			return analyzer.Bytes(b), true
		}
	}
	return analyzer.String(text), false
}
