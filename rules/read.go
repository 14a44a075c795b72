package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file of rules: anchors can make a small file mean a very large one.
const (
	maxFileBytes = 1 << 20
	maxFileNodes = 50_000
)

// mostProblems is how many problems of a file are worth listing at once.
const mostProblems = 20

// A place is where something stands in a file.
type place struct{ line, column int }

// A reader reads YAML nodes of one file strictly and collects what is wrong with them.
type reader struct {
	file     string
	lines    []string
	problems Problems
	nodes    int // visited so far
}

// open parses the text of a file; nil when it holds nothing that can be read.
func (r *reader) open(text []byte) *yaml.Node {
	r.lines = strings.Split(string(text), "\n")
	if len(text) > maxFileBytes {
		r.failAt(place{1, 1}, "the file has %d bytes: at most %d are read", len(text), maxFileBytes)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		r.failAt(place{1, 1}, "the file is empty")
		return nil
	case err != nil:
		r.failYAML(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.failAt(place{second.Line, 1}, "a second document: everything goes into one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.failYAML(err)
		return nil
	}
	return doc.Content[0]
}

var yamlErrorLine = regexp.MustCompile(`line (\d+): `)

// failYAML reports what the YAML parser says.
func (r *reader) failYAML(err error) {
	message, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlErrorLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	r.failAt(place{max(line, 1), 1}, "this is not YAML: %s", message)
}

func (r *reader) failAt(at place, format string, args ...any) {
	if len(r.problems) >= mostProblems {
		return
	}
	p := &Problem{File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Message: fmt.Sprintf(format, args...)}
	if p.Line <= len(r.lines) {
		p.Source = strings.TrimRight(r.lines[p.Line-1], "\r")
	}
	r.problems = append(r.problems, p)
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.failAt(place{n.Line, n.Column}, format, args...)
}

// visit resolves aliases and reports whether n may be read.
func (r *reader) visit(n *yaml.Node) (*yaml.Node, bool) {
	if r.nodes++; r.nodes == maxFileNodes {
		r.fail(n, "the file goes on: at most %d entries are read", maxFileNodes)
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n, r.nodes < maxFileNodes
}

// A field is one key that a mapping may have.
type field struct {
	name string
	read func(*yaml.Node)
}

// fields reads a mapping that may have only these keys, each once, and returns the keys that it has.
func (r *reader) fields(n *yaml.Node, what string, known []field) (has map[string]bool) {
	has = map[string]bool{}
	n, ok := r.visit(n)
	if !ok {
		return has
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is not a mapping with keys such as %s:", what, known[0].name)
		return has
	}
	var names []string
	for _, f := range known {
		names = append(names, f.name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.Index(names, key.Value)
		switch {
		case at < 0 || key.Kind != yaml.ScalarNode:
			r.fail(key, "%s has no key %q: %s", what, key.Value, suggest(key.Value, names))
		case has[key.Value]:
			r.fail(key, "%s has the key %s twice", what, key.Value)
		default:
			has[key.Value] = true
			known[at].read(value)
		}
	}
	return has
}

// entries reads a mapping with any keys, each once, in the order of the file.
func (r *reader) entries(n *yaml.Node, what string, read func(key, value *yaml.Node)) {
	n, ok := r.visit(n)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is not a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			r.fail(key, "%s has the key %s twice", what, key.Value)
			continue
		}
		seen[key.Value] = true
		read(key, n.Content[i+1])
	}
}

// list calls read for each item of a list; a single value counts as a list of one.
func (r *reader) list(n *yaml.Node, what string, read func(*yaml.Node)) {
	n, ok := r.visit(n)
	if !ok {
		return
	}
	if n.Kind == yaml.ScalarNode {
		read(n)
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, "%s is not a list with something in it", what)
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// text reads a scalar that is not empty.
func (r *reader) text(n *yaml.Node, what string) string {
	n, ok := r.visit(n)
	if !ok {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		r.fail(n, "%s wants a text", what)
		return ""
	}
	return n.Value
}

// texts reads a list of texts.
func (r *reader) texts(n *yaml.Node, what string) (list []string) {
	r.list(n, what, func(n *yaml.Node) { list = append(list, r.text(n, what)) })
	return list
}

// oneOf reads a scalar that is one of the known ones.
func oneOf[T ~string](r *reader, n *yaml.Node, what string, known []T) T {
	text := r.text(n, what)
	if text != "" && !slices.Contains(known, T(text)) {
		var names []string
		for _, k := range known {
			names = append(names, string(k))
		}
		r.fail(n, "%s %q is unknown: %s", what, text, suggest(text, names))
	}
	return T(text)
}

func suggest(name string, known []string) string {
	if near := guess(name, known); near != "" {
		return strings.TrimPrefix(near, ": ")
	}
	return "use " + strings.Join(known, ", ")
}

// inside returns the place in the file of a character of a scalar's text, given by its line, from 1 on, and its column,
// from 0 on. It is exact for plain and quoted scalars on one line and for literal blocks; in folded ones it is the start.
func (r *reader) inside(n *yaml.Node, line, column int) place {
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		at := n.Line + line
		if at <= len(r.lines) {
			first := r.lines[min(n.Line, len(r.lines)-1)]
			return place{at, len(first) - len(strings.TrimLeft(first, " ")) + column + 1}
		}
	case n.Style&yaml.FoldedStyle != 0:
	case line > 1:
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		if r.oneLine(n) {
			return place{n.Line, n.Column + 1 + column + r.escapes(n, column)}
		}
	case r.oneLine(n):
		return place{n.Line, n.Column + column}
	}
	return place{n.Line, n.Column}
}

// oneLine reports whether a plain or quoted scalar stands on one line of the file.
func (r *reader) oneLine(n *yaml.Node) bool {
	if n.Line > len(r.lines) {
		return false
	}
	runes := []rune(r.lines[n.Line-1])
	rest := string(runes[min(n.Column-1, len(runes)):])
	quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	return quoted && len([]rune(rest)) >= len([]rune(n.Value))+2 || !quoted && strings.HasPrefix(rest, n.Value)
}

// escapes counts the characters that quoting adds before a column of a scalar's text.
func (r *reader) escapes(n *yaml.Node, column int) (extra int) {
	mark := `"\`
	if n.Style&yaml.SingleQuotedStyle != 0 {
		mark = `'`
	}
	for i, c := range []rune(n.Value) {
		if i < column && strings.ContainsRune(mark, c) {
			extra++
		}
	}
	return extra
}
