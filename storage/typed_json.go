package storage

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Typed JSON is how values that have no column of their own are kept: plain JSON that people and DuckDB's JSON functions
// can read, with what plain JSON would lose written out.
//
//	"text"  true  null       a string, a boolean, an empty value
//	42  42.0                 an integer; a double always has a point or an exponent
//	{"$bytes":"aGk="}        bytes, in base64
//	{"$double":"NaN"}        NaN, Infinity, -Infinity; other NaNs by their bits, as in 0x7ff8000000000001
//	[...]  {...}             an array; a map, its keys in order and possibly repeated
//
// A real key that starts with $ is written with one more.

// appendTypedJSON appends v. It counts in replaced the strings whose bytes were not UTF-8 and became U+FFFD.
func appendTypedJSON(dst []byte, v analyzer.Value, replaced *int) []byte {
	switch v.Kind() {
	case analyzer.KindString:
		s, _ := v.AsString()
		return appendText(dst, s, replaced)
	case analyzer.KindDouble:
		f, _ := v.AsDouble()
		return appendDouble(dst, f)
	case analyzer.KindBytes:
		b, _ := v.AsBytes()
		dst = append(dst, `{"$bytes":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, b)
		return append(dst, `"}`...)
	case analyzer.KindArray:
		dst = append(dst, '[')
		for i, item := range v.List() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendTypedJSON(dst, item, replaced)
		}
		return append(dst, ']')
	case analyzer.KindMap:
		return appendTypedMap(dst, v.Attributes(), replaced)
	}
	return v.AppendJSON(dst) // booleans, integers, null
}

func appendTypedMap(dst []byte, attrs analyzer.Attributes, replaced *int) []byte {
	dst = append(dst, '{')
	for i, a := range attrs {
		if i > 0 {
			dst = append(dst, ',')
		}
		key := a.Key
		if strings.HasPrefix(key, "$") {
			key = "$" + key
		}
		dst = appendText(dst, key, replaced)
		dst = append(dst, ':')
		dst = appendTypedJSON(dst, a.Value, replaced)
	}
	return append(dst, '}')
}

func appendText(dst []byte, s string, replaced *int) []byte {
	if !utf8.ValidString(s) {
		*replaced++
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return analyzer.String(s).AppendJSON(dst)
}

func appendDouble(dst []byte, f float64) []byte {
	switch bits := math.Float64bits(f); {
	case math.IsNaN(f) && bits != math.Float64bits(math.NaN()):
		return fmt.Appendf(dst, `{"$double":"0x%016x"}`, bits)
	case math.IsNaN(f) || math.IsInf(f, 0):
		dst = append(dst, `{"$double":`...)
		dst = analyzer.Double(f).AppendJSON(dst)
		return append(dst, '}')
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !strings.ContainsAny(string(dst[from:]), ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// typedMap returns attributes as typed JSON, and "" for none.
func typedMap(attrs analyzer.Attributes, replaced *int) string {
	if len(attrs) == 0 {
		return ""
	}
	return string(appendTypedMap(nil, attrs, replaced))
}

// parseTypedJSON reads one value.
func parseTypedJSON(text string) (analyzer.Value, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return v, fmt.Errorf("typed JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errors.New("typed JSON: more than one value")
	}
	return v, nil
}

// parseTypedMap reads what typedMap wrote.
func parseTypedMap(text string) (analyzer.Attributes, error) {
	if text == "" {
		return nil, nil
	}
	v, err := parseTypedJSON(text)
	if err != nil {
		return nil, err
	}
	if v.Kind() != analyzer.KindMap {
		return nil, fmt.Errorf("typed JSON: %s where a map is wanted", v.Kind())
	}
	return v.Attributes(), nil
}

func readValue(d *json.Decoder) (analyzer.Value, error) {
	token, err := d.Token()
	if err != nil {
		return analyzer.Value{}, err
	}
	switch t := token.(type) {
	case string:
		return analyzer.String(t), nil
	case bool:
		return analyzer.Bool(t), nil
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") {
			f, err := t.Float64()
			return analyzer.Double(f), err
		}
		i, err := t.Int64()
		return analyzer.Int(i), err
	case json.Delim:
		if t == '[' {
			return readArray(d)
		}
		return readMap(d)
	}
	return analyzer.Value{}, nil
}

func readArray(d *json.Decoder) (analyzer.Value, error) {
	var list []analyzer.Value
	for d.More() {
		v, err := readValue(d)
		if err != nil {
			return v, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return analyzer.Array(list), err
}

func readMap(d *json.Decoder) (analyzer.Value, error) {
	var attrs analyzer.Attributes
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return analyzer.Value{}, err
		}
		key, _ := token.(string)
		value, err := readValue(d)
		if err != nil {
			return analyzer.Value{}, err
		}
		attrs = append(attrs, analyzer.Attribute{Key: key, Value: value})
	}
	if _, err := d.Token(); err != nil {
		return analyzer.Value{}, err
	}
	if len(attrs) == 1 && (attrs[0].Key == "$bytes" || attrs[0].Key == "$double") {
		return readTagged(attrs[0])
	}
	for i := range attrs {
		attrs[i].Key = strings.TrimPrefix(attrs[i].Key, "$")
	}
	return analyzer.Map(attrs), nil
}

func readTagged(a analyzer.Attribute) (analyzer.Value, error) {
	text, _ := a.Value.AsString()
	if a.Key == "$bytes" {
		b, err := base64.StdEncoding.DecodeString(text)
		return analyzer.Bytes(b), err
	}
	if bits, ok := strings.CutPrefix(text, "0x"); ok {
		n, err := strconv.ParseUint(bits, 16, 64)
		return analyzer.Double(math.Float64frombits(n)), err
	}
	f, err := strconv.ParseFloat(text, 64)
	return analyzer.Double(f), err
}
