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
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, usageError("read the configuration %s: %w", path, err)
	}
	if len(doc.Content) == 0 { // an empty file
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, usageError("%s:%d: the configuration must be a mapping of settings to values", path, root.Line)
	}
	var keys []fileKey
	var walk func(prefix string, node *yaml.Node)
	walk = func(prefix string, node *yaml.Node) {
		for i := 0; i+1 < len(node.Content); i += 2 {
			name, value := node.Content[i], node.Content[i+1]
			if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
				walk(prefix+name.Value+".", value)
				continue
			}
			keys = append(keys, fileKey{
				key: prefix + name.Value, file: path, line: name.Line,
				value: value.Value, empty: value.Tag == "!!null" || value.Kind == yaml.MappingNode,
			})
		}
	}
	walk("", root)
	return keys, nil
}
