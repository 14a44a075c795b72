package ingest

import (
	"encoding/base64"
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// attributes reads an array of OTLP's KeyValues.
func (j *jsonReader) attributes() analyzer.Attributes { return j.wantedAttributes(nil) }

// wantedAttributes leaves attributes out whose key is not wanted; nil wants all.
func (j *jsonReader) wantedAttributes(wanted func(string) bool) analyzer.Attributes {
	from := len(j.scratch)
	for range j.items {
		var a analyzer.Attribute
		take := true
		for key := range j.fields {
			switch {
			case key == "key":
				a.Key = j.text()
				take = wanted == nil || wanted(a.Key)
			case key == "value" && take:
				a.Value = j.anyValue()
			default:
				j.skip()
			}
		}
		if take {
			j.scratch = append(j.scratch, a)
			j.limit(len(j.scratch))
		}
	}
	kept := j.attributeRoom.keep(j.scratch[from:])
	clear(j.scratch[from:])
	j.scratch = j.scratch[:from]
	return kept
}

// limit fails when what one span holds of a kind grows beyond what spans are: empty records take two bytes of a file
// and many more in memory.
func (j *jsonReader) limit(n int) {
	if n > MaxMessageRecords {
		j.fail(fmt.Errorf("a span holds more than %d attributes, values, events or links", MaxMessageRecords))
	}
}

// anyValue reads an AnyValue. One whose number cannot be read keeps its text; that is told as a warning.
func (j *jsonReader) anyValue() (value analyzer.Value) {
	for key := range j.fields {
		switch key {
		case "stringValue", "string_value":
			value = analyzer.String(j.text())
		case "boolValue", "bool_value":
			v := j.scalar()
			value = analyzer.Bool(v.kind == 't' || v.str() == "true")
		case "intValue", "int_value":
			v := j.scalar()
			if i, ok := v.integer(); ok {
				value = analyzer.Int(i)
			} else {
				value = j.unreadable(v)
			}
		case "doubleValue", "double_value":
			v := j.scalar()
			if f, ok := v.float(); ok {
				value = analyzer.Double(f)
			} else {
				value = j.unreadable(v)
			}
		case "bytesValue", "bytes_value":
			v := j.scalar()
			if b, ok := decodeBase64(v.text); ok && v.kind == '"' {
				value = analyzer.Bytes(b)
			} else {
				value = j.unreadable(v)
			}
		case "arrayValue", "array_value":
			value = j.arrayValue()
		case "kvlistValue", "kvlist_value":
			value = analyzer.Map(j.kvlist())
		default:
			j.skip()
		}
	}
	return value
}

func (j *jsonReader) unreadable(v scalar) analyzer.Value {
	if v.kind == 0 || v.kind == 'n' {
		return analyzer.Value{}
	}
	j.summary.Warnings.Add("attribute_not_its_type", 1)
	return analyzer.String(string(v.text))
}

func (j *jsonReader) arrayValue() analyzer.Value {
	from := len(j.values)
	for key := range j.fields {
		if key != "values" {
			j.skip()
			continue
		}
		for range j.items {
			item := j.anyValue()
			j.values = append(j.values, item)
			j.limit(len(j.values))
		}
	}
	list := append([]analyzer.Value{}, j.values[from:]...)
	clear(j.values[from:])
	j.values = j.values[:from]
	return analyzer.Array(list)
}

func (j *jsonReader) kvlist() (attributes analyzer.Attributes) {
	for key := range j.fields {
		if key == "values" {
			attributes = j.attributes()
		} else {
			j.skip()
		}
	}
	return attributes
}

// decodeBase64 accepts both alphabets, with and without padding, as protobuf's JSON mapping asks for.
func decodeBase64(text []byte) ([]byte, bool) {
	for len(text) > 0 && text[len(text)-1] == '=' {
		text = text[:len(text)-1]
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		b := make([]byte, encoding.DecodedLen(len(text)))
		if n, err := encoding.Decode(b, text); err == nil {
			return b[:n], true
		}
	}
	return nil, false
}
