package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A fileKey is a leaf of the configuration file.
type fileKey struct {
	key   string // with dots between its levels
	file  string
	line  int
	value string // as written; "" for a list or an empty section
	empty bool   // nothing stands after the colon
}

func (k fileKey) origin() string { return fmt.Sprintf("%s:%d", k.file, k.line) }

// looksSecret reports whether the key's name says that its value is not for printing.
func (k fileKey) looksSecret() bool {
	name := strings.ToLower(k.key)
	for _, word := range []string{"token", "password", "secret", "key_pem", "authorization", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// fileKeys lists the leaves of a YAML mapping in the order of the file.
func fileKeys(path string, text []byte) ([]fileKey, error) {
	// Decoding checks what the walk below relies on: no anchor contains itself, and aliases do not multiply without end.
	var plain map[string]any
	if err := yaml.Unmarshal(text, &plain); err != nil {
		return nil, usageError("read the configuration %s: %w", path, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, usageError("read the configuration %s: %w", path, err)
	}
	if len(doc.Content) == 0 { // an empty file
		return nil, nil
	}
	w := keyWalk{path: path}
	w.mapping("", doc.Content[0])
	return w.keys, nil
}

// A keyWalk collects leaves.
type keyWalk struct {
	path string
	keys []fileKey
}

func (w *keyWalk) mapping(prefix string, node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch {
		case name.Tag == "!!merge":
			w.merge(prefix, value)
		case value.Kind == yaml.MappingNode && len(value.Content) > 0:
			w.mapping(prefix+name.Value+".", value)
		default:
			w.keys = append(w.keys, fileKey{
				key: prefix + name.Value, file: w.path, line: name.Line,
				value: value.Value, empty: value.Tag == "!!null" || value.Kind == yaml.MappingNode,
			})
		}
	}
}

// merge takes in what "<<" names: a mapping, or a list of them.
func (w *keyWalk) merge(prefix string, value *yaml.Node) {
	if value.Kind == yaml.MappingNode {
		w.mapping(prefix, value)
		return
	}
	for _, item := range value.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		w.mapping(prefix, item)
	}
}
