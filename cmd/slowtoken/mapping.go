package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// Bounds of a mapping file: anchors can make a small file mean a very large one.
const (
	maxMappingBytes = 1 << 20
	maxMappingNodes = 100_000
)

// readMapping reads the mapping file at path. Its error names every problem, with line and column.
func readMapping(path string) (dialect.Mapping, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return dialect.Mapping{}, usageError("read the mapping: %w", err)
	}
	return parseMapping(path, text)
}

// parseMapping reads the text of the mapping file at path; docs/mapping.md says what it may hold.
func parseMapping(path string, text []byte) (dialect.Mapping, error) {
	r := mappingReader{file: path}
	var m dialect.Mapping
	switch doc, err := oneDocument(text); {
	case len(text) > maxMappingBytes:
		r.failAt(1, 1, "the file has %d bytes: at most %d are read", len(text), maxMappingBytes)
	case err != nil:
		line, message := yamlLine(err)
		r.failAt(line, 1, "%s", message)
	case doc == nil:
		r.failAt(1, 1, "the file is empty: it needs a list spans:")
	default:
		m = r.mapping(doc)
	}
	if len(r.problems) > 0 {
		return dialect.Mapping{}, withHint(usageError("the mapping cannot be used:\n  %s", strings.Join(r.problems, "\n  ")),
			"docs/mapping.md says what a mapping file may hold")
	}
	return m, nil
}

// oneDocument returns the top of the only YAML document in text; nil when there is none.
func oneDocument(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("line %d: a second document: everything goes into one", second.Line)
		}
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

var yamlErrorLine = regexp.MustCompile(`line (\d+): `)

// yamlLine takes the line out of what the YAML parser says.
func yamlLine(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlErrorLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = strings.Replace(message, m[0], "", 1)
	}
	return max(line, 1), message
}

// A mappingReader reads YAML nodes and collects what is wrong with them.
type mappingReader struct {
	file     string
	problems []string
	nodes    int // visited so far
}

// mostProblems is how many problems are worth listing at once.
const mostProblems = 20

func (r *mappingReader) failAt(line, column int, format string, args ...any) {
	if len(r.problems) < mostProblems {
		r.problems = append(r.problems, fmt.Sprintf("%s:%d:%d: %s", r.file, line, column, fmt.Sprintf(format, args...)))
	}
}

func (r *mappingReader) fail(n *yaml.Node, format string, args ...any) {
	r.failAt(n.Line, n.Column, format, args...)
}

// visit resolves aliases and reports whether n may be read.
func (r *mappingReader) visit(n *yaml.Node) (*yaml.Node, bool) {
	if r.nodes++; r.nodes == maxMappingNodes {
		r.fail(n, "the mapping goes on: at most %d entries are read", maxMappingNodes)
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n, r.nodes < maxMappingNodes
}

// A mappingField is one key that a mapping node may have.
type mappingField struct {
	name string
	read func(*yaml.Node)
}

// fields reads a YAML mapping that may have only these keys, each once.
func (r *mappingReader) fields(n *yaml.Node, what string, known []mappingField) {
	n, ok := r.visit(n)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is not a mapping with keys such as %s:", what, known[0].name)
		return
	}
	var names, seen []string
	for _, f := range known {
		names = append(names, f.name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.Index(names, key.Value)
		switch {
		case at < 0 || key.Kind != yaml.ScalarNode:
			r.fail(key, "%s has no key %q: %s", what, key.Value, didYouMean(key.Value, names))
		case slices.Contains(seen, key.Value):
			r.fail(key, "%s has the key %s twice", what, key.Value)
		default:
			known[at].read(value)
		}
		seen = append(seen, key.Value)
	}
}

// list calls read for each item of a YAML list.
func (r *mappingReader) list(n *yaml.Node, what string, read func(*yaml.Node)) {
	n, ok := r.visit(n)
	if !ok {
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
func (r *mappingReader) text(n *yaml.Node, what string) string {
	n, ok := r.visit(n)
	if ok && (n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "") {
		r.fail(n, "%s wants a text", what)
	}
	return n.Value
}

// oneOf reads a scalar that is one of the known ones.
func oneOf[T ~string](r *mappingReader, n *yaml.Node, what string, known []T) T {
	text := r.text(n, what)
	if text != "" && !slices.Contains(known, T(text)) {
		var names []string
		for _, k := range known {
			names = append(names, string(k))
		}
		r.fail(n, "%s %q is unknown: %s", what, text, didYouMean(text, names))
	}
	return T(text)
}

func didYouMean(name string, known []string) string {
	if guess := analyzer.Nearest(name, known); guess != "" {
		return fmt.Sprintf("did you mean %s?", guess)
	}
	return "use " + strings.Join(known, ", ")
}

// phases reads the name of a phase, or a list of those that cannot be told apart.
func (r *mappingReader) phases(n *yaml.Node) (phases []analyzer.Phase) {
	var names []string
	for _, p := range analyzer.Phases {
		if p != analyzer.Unattributed {
			names = append(names, p.String())
		}
	}
	one := func(n *yaml.Node) {
		phase, err := analyzer.ParsePhase(oneOf(r, n, "phase", names))
		if err != nil {
			return
		}
		if slices.Contains(phases, phase) {
			r.fail(n, "phase %s is listed twice", phase)
		}
		phases = append(phases, phase)
	}
	if n.Kind == yaml.ScalarNode {
		one(n)
		return phases
	}
	r.list(n, "phase", one)
	return phases
}
