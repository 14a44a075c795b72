package report

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Redaction says what was left out of one field of a report, and how often. It does not say what it was.
type Redaction struct {
	What  string `json:"what"`  // such as "e-mail address"
	Where string `json:"where"` // the field of the report, such as "operations.name"
	Count int    `json:"count"`
}

// Redact takes out of everything that r shows what looks like a secret, like personal data, or like content of a
// request: values of attributes that name a person, e-mail addresses, tokens and keys, credentials and queries of URLs,
// long opaque strings, and names long enough to be a prompt. What is left instead tells different values apart, so that
// "[user 1]" is the same one wherever it stands. r.Redacted lists what was left out, and where.
//
// Ids of traces and spans stay, as do the title and the author that a person gave.
func Redact(r *Report) {
	x := newRedactor()
	for i := range r.Cohorts {
		c := &r.Cohorts[i]
		x.attribute(c.Attribute, c.Value)
	}
	for i := range r.Correlations {
		c := &r.Correlations[i]
		x.attribute(c.Attribute, c.Value)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Filter.Where)) {
		x.attribute(key, r.Filter.Where[key])
	}
	for i := range r.Architecture.Services {
		facts := r.Architecture.Services[i].Facts
		for _, key := range slices.Sorted(maps.Keys(facts)) {
			for _, value := range facts[key] {
				x.attribute(key, value)
			}
		}
	}
	x.byLength = slices.SortedFunc(maps.Keys(x.named), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	x.walk(reflect.ValueOf(r).Elem(), "")
	for key, n := range x.counts {
		r.Redacted = append(r.Redacted, Redaction{What: key[0], Where: key[1], Count: n})
	}
	slices.SortFunc(r.Redacted, func(a, b Redaction) int {
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.Where, b.Where))
	})
}

// A redactor remembers what it left out.
type redactor struct {
	counts   map[[2]string]int // by kind and place
	labels   map[string]string // what stands for a secret, by kind and secret
	next     map[string]int    // numbers by kind
	named    map[string]string // values of attributes that name a person or a secret, with their kind
	byLength []string          // its keys, longest first
}

func newRedactor() *redactor {
	return &redactor{counts: map[[2]string]int{}, labels: map[string]string{}, next: map[string]int{}, named: map[string]string{}}
}

// personal and secret tell by an attribute's key what its values are.
var (
	personal = regexp.MustCompile(`(?i)(^|[._-])(user|users|enduser|username|user_?id|email|mail|phone|session|session_?id|customer|patient|person|ssn)([._-]|$)|^client\.(address|ip)$`)
	secret   = regexp.MustCompile(`(?i)(^|[._-])(password|passwd|pwd|secret|token|api[_-]?key|apikey|authorization|cookie|credentials?|private[_-]?key|access[_-]?key)([._-]|$)`)
	content  = regexp.MustCompile(`(?i)(^|[._-])(prompt|prompts|completion|completions|messages?|content|input\.value|output\.value|query\.text|body)([._-]|$)`)
)

// attribute notes a value that its key says must not be shown.
func (x *redactor) attribute(key, value string) {
	kind := ""
	switch {
	case value == "":
		return
	case personal.MatchString(key):
		kind = "user"
	case secret.MatchString(key):
		kind = "secret"
	case content.MatchString(key):
		kind = "content"
	default:
		return
	}
	x.named[value] = kind
}

// kept are fields whose text stays as it is: ids of traces and spans, what a person typed as a heading, and references.
var kept = map[string]bool{
	"trace_id": true, "span_id": true, "slowest_trace": true, "schema": true, "header.title": true, "header.author": true, "references": true,
}

// walk redacts every text below v, which stands at path.
func (x *redactor) walk(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			x.walk(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.IsExported() || name == "-" {
				continue
			}
			at := path
			if !field.Anonymous {
				at = strings.TrimPrefix(path+"."+cmp.Or(name, strings.ToLower(field.Name)), ".")
			}
			if !kept[at] && !kept[name] {
				x.walk(v.Field(i), at)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			x.walk(v.Index(i), path)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			x.walk(value, strings.TrimPrefix(path+"."+key.String(), "."))
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		if !v.CanSet() {
			return
		}
		if strings.HasSuffix(path, "link") {
			v.SetString(x.link(v.String(), path))
			return
		}
		v.SetString(x.text(v.String(), path))
	}
}

// longName is how many characters a name may have before it is taken for content.
const longName = 200

// nameFields hold names that telemetry gives; others hold this program's own words, which may be long.
var nameFields = regexp.MustCompile(`(^|\.)(name|label|value|model|service|models|services|from|to)$|^architecture\.services\.facts\.`)

// text returns s without what must not be shown.
func (x *redactor) text(s, path string) string {
	for _, value := range x.byLength {
		s = x.word(s, value, path)
	}
	for i := range patterns {
		p := &patterns[i]
		s = p.re.ReplaceAllStringFunc(s, func(found string) string {
			head, hidden, tail := p.parts(found)
			if hidden == "" {
				return found
			}
			return head + x.label(p.kind, hidden, path) + tail
		})
	}
	if n := utf8.RuneCountInString(s); n > longName && nameFields.MatchString(path) {
		s = string([]rune(s)[:longName/2]) + "… " + x.label("content", s, path)
	}
	return s
}

// word replaces value where it stands by itself in s; one of under three characters only where it is all of s.
func (x *redactor) word(s, value, path string) string {
	if s == value {
		return x.label(x.named[value], value, path)
	}
	if len(value) < 3 || !strings.Contains(s, value) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, value)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(value):])
		b.WriteString(s[:i])
		if (i > 0 && inWord(before)) || (i+len(value) < len(s) && inWord(after)) {
			b.WriteString(value)
		} else {
			b.WriteString(x.label(x.named[value], value, path))
		}
		s = s[i+len(value):]
	}
}

// label counts what is left out and returns what stands for it.
func (x *redactor) label(kind, hidden, path string) string {
	x.counts[[2]string{kind, path}]++
	key := kind + "\x00" + hidden
	if x.labels[key] == "" {
		x.next[kind]++
		x.labels[key] = fmt.Sprintf("[%s %d]", kind, x.next[kind])
	}
	return x.labels[key]
}
