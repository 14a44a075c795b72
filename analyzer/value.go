package analyzer

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A ValueKind is the type of an attribute value, as OTLP's AnyValue has them.
type ValueKind uint8

// The kinds of OTLP's AnyValue. The zero value is an AnyValue with nothing set.
const (
	KindEmpty ValueKind = iota
	KindString
	KindBool
	KindInt
	KindDouble
	KindBytes
	KindArray
	KindMap
)

var valueKindNames = [...]string{"empty", "string", "bool", "int", "double", "bytes", "array", "map"}

func (k ValueKind) String() string {
	if int(k) < len(valueKindNames) {
		return valueKindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// A Value is one attribute value with its type kept. Values are immutable; copies share their contents.
type Value struct {
	kind  ValueKind
	num   uint64
	str   string
	items *items
}

// items holds what only composite values need, so that the common Value stays small.
type items struct {
	list  []Value
	attrs Attributes
}

// String returns a value that holds s.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Bool returns a value that holds b.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Int returns a value that holds i.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Double returns a value that holds f, bit for bit.
func Double(f float64) Value { return Value{kind: KindDouble, num: math.Float64bits(f)} }

// Bytes returns a value that holds a copy of b.
func Bytes(b []byte) Value { return Value{kind: KindBytes, str: string(b)} }

// Array returns a value that holds list, which it takes over.
func Array(list []Value) Value { return Value{kind: KindArray, items: &items{list: list}} }

// Map returns a value that holds attrs, which it takes over.
func Map(attrs Attributes) Value { return Value{kind: KindMap, items: &items{attrs: attrs}} }

// Kind returns v's type.
func (v Value) Kind() ValueKind { return v.kind }

// AsString returns v's string; ok is false when v is not a string.
func (v Value) AsString() (s string, ok bool) {
	return v.str, v.kind == KindString
}

// AsBool returns v's boolean; ok is false when v is not a boolean.
func (v Value) AsBool() (b, ok bool) {
	return v.num == 1, v.kind == KindBool
}

// AsInt returns v's integer; ok is false when v is not an integer.
func (v Value) AsInt() (i int64, ok bool) {
	return int64(v.num), v.kind == KindInt
}

// AsDouble returns v's floating-point number; ok is false when v is not one. It does not convert integers: see [Value.Number].
func (v Value) AsDouble() (f float64, ok bool) {
	return math.Float64frombits(v.num), v.kind == KindDouble
}

// AsBytes returns a copy of v's bytes; ok is false when v does not hold bytes.
func (v Value) AsBytes() (b []byte, ok bool) {
	if v.kind != KindBytes {
		return nil, false
	}
	return []byte(v.str), true
}

// List returns the items of an array, else nil. The caller must not change them.
func (v Value) List() []Value {
	if v.items == nil {
		return nil
	}
	return v.items.list
}

// Attributes returns the entries of a map, else nil. The caller must not change them.
func (v Value) Attributes() Attributes {
	if v.items == nil {
		return nil
	}
	return v.items.attrs
}

// Number returns v as a float64 when it is an integer, a double, or a string that spells a decimal number: exporters
// disagree on the type of the same attribute, and some can send strings only.
func (v Value) Number() (f float64, ok bool) {
	switch v.kind {
	case KindInt:
		return float64(int64(v.num)), true
	case KindDouble:
		return math.Float64frombits(v.num), true
	case KindString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.str), 64)
		return f, err == nil
	}
	return 0, false
}

// Equal reports whether v and w have the same type and contents. Doubles are compared bit for bit, so NaN equals itself.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind || v.num != w.num || v.str != w.str {
		return false
	}
	return slices.EqualFunc(v.List(), w.List(), Value.Equal) && v.Attributes().Equal(w.Attributes())
}

// String formats v for people: strings bare, bytes in base64, composites as JSON.
func (v Value) String() string {
	if v.kind == KindString {
		return v.str
	}
	return string(v.AppendJSON(nil))
}

// AppendJSON appends v as JSON and returns the extended buffer. Bytes become a base64 string; a double that JSON cannot
// carry becomes one of the strings "NaN", "Infinity" and "-Infinity", as protobuf's JSON mapping spells them.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case KindString:
		return appendJSONString(dst, v.str)
	case KindBool:
		return strconv.AppendBool(dst, v.num == 1)
	case KindInt:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case KindDouble:
		f := math.Float64frombits(v.num)
		switch {
		case math.IsNaN(f):
			return append(dst, `"NaN"`...)
		case math.IsInf(f, 1):
			return append(dst, `"Infinity"`...)
		case math.IsInf(f, -1):
			return append(dst, `"-Infinity"`...)
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case KindBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.str))
		return append(dst, '"')
	case KindArray:
		dst = append(dst, '[')
		for i, item := range v.List() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.AppendJSON(dst)
		}
		return append(dst, ']')
	case KindMap:
		return v.Attributes().AppendJSON(dst)
	}
	return append(dst, "null"...)
}

// An Attribute is a key and its value.
type Attribute struct {
	Key   string
	Value Value
}

// Attributes are key-value pairs in the order they were received. Keys may repeat: what was received is kept, and the
// last one wins when read, as in every OpenTelemetry SDK.
type Attributes []Attribute

// Get returns the value of key; ok is false when there is none.
func (a Attributes) Get(key string) (v Value, ok bool) {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}

// Text returns the value of key if it is a string, else "".
func (a Attributes) Text(key string) string {
	v, _ := a.Get(key)
	s, _ := v.AsString()
	return s
}

// Number returns the value of key as [Value.Number] reads it.
func (a Attributes) Number(key string) (f float64, ok bool) {
	v, ok := a.Get(key)
	if !ok {
		return 0, false
	}
	return v.Number()
}

// Equal reports whether a and b hold the same pairs in the same order.
func (a Attributes) Equal(b Attributes) bool {
	return slices.EqualFunc(a, b, func(x, y Attribute) bool { return x.Key == y.Key && x.Value.Equal(y.Value) })
}

// AppendJSON appends a as a JSON object and returns the extended buffer.
func (a Attributes) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, attr := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, attr.Key)
		dst = append(dst, ':')
		dst = attr.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s quoted. It exists because encoding/json costs several times as much on the path that
// every stored attribute takes.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if bytes.IndexFunc([]byte(s), func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) < 0 {
		dst = append(dst, strings.ToValidUTF8(s, "\uFFFD")...)
		return append(dst, '"')
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
