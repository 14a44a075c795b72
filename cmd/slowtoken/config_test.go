package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Whatever stands in a configuration file is used or refused: nothing is passed over.
func FuzzNoConfigurationIsIgnored(f *testing.F) {
	for _, text := range []string{
		"", "db: x\nlog: {level: warn}\n", "log.level: warn\n", "log:\n  formt: x\n", "serve: {otlp: {protocols: {http: }}}\n",
		"serve: {otlp: {protocols: {grpc: {endpoint: 'a:1', tls: {cert_file: x}}}}}\n",
		"a: &a {level: warn}\nlog: *a\n", "log: {<<: {level: warn}}\n", "a: &a [*a]\n", "a: &a {b: *a}\n", "settle: 1\n",
		"1: x\n", "? [a]\n: b\n", "db: !!binary aGk=\n", "db: ~\nlog:\n", "- db\n", "db: [x]\n", "log: 3\n", "\x00", "db: x\ndb: y\n",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		none := func(string) string { return "" }
		c := newConfig(none)
		if _, err := c.load(path, nil, none); err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("%q: %v has exit code %d", text, err, exitCode(err))
			}
			return
		}
		k := koanf.New(".")
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			t.Fatalf("%q: loaded, but is not YAML: %v", text, err)
		}
		for _, key := range k.Keys() {
			s := c.lookup(key)
			switch {
			case s != nil && k.Get(key) == nil, strings.HasPrefix(key, receiverKey+"."), c.isSection(key):
			case s == nil:
				t.Errorf("%q: %q is no setting, and was passed over", text, key)
			case s.origin == defaultOrigin:
				t.Errorf("%q: %s was not used", text, key)
			}
		}
	})
}
