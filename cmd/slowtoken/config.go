package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A config is the settings of one run with where each came from: flag, then environment, then file, then default.
type config struct {
	settings
	list []*setting

	// path is the configuration file; explicit says that the user named it, so that it must exist.
	path     string
	explicit bool
	found    bool

	// waiting is called once when a command has to wait for another one, holder, that has the database open; nil for
	// silence.
	waiting func(db, holder string)

	// receiver are the OTLP receiver's own settings from the file, nested as in the file; nil when there are none.
	receiver     map[string]any
	receiverKeys []fileKey
}

// defaultOrigin is the origin of a setting that nobody set.
const defaultOrigin = "default"

// newConfig returns the defaults. The file is found by load.
func newConfig(getenv func(string) string) *config {
	c := &config{settings: defaultSettings(getenv)}
	c.list = c.settings.list()
	for _, s := range c.list {
		s.origin = defaultOrigin
	}
	return c
}

// addFlags gives a command the flags of the settings with these keys; a key that ends in a dot stands for all under it.
func (c *config) addFlags(flags *pflag.FlagSet, keys ...string) {
	for _, s := range c.list {
		for _, key := range keys {
			if s.key == key || (strings.HasSuffix(key, ".") && strings.HasPrefix(s.key, key)) {
				if !s.secret {
					flags.AddFlag(s.flag)
				}
			}
		}
	}
	if f := flags.Lookup("db"); f != nil {
		f.DefValue = "" // it differs by user; the help text says what it is
	}
}

// lookup returns the setting with this key.
func (c *config) lookup(key string) *setting {
	i := slices.IndexFunc(c.list, func(s *setting) bool { return s.key == key })
	if i < 0 {
		return nil
	}
	return c.list[i]
}

// load reads the environment and the configuration file, path if it is not "". Flags have been parsed into the
// settings already. It returns the names in the environment that look like settings and are none.
func (c *config) load(path string, environ []string, getenv func(string) string) (strays []string, err error) {
	c.path, c.explicit = path, path != ""
	if !c.explicit {
		c.path = getenv("SLOWTOKEN_CONFIG")
		c.explicit = c.path != ""
	}
	if !c.explicit {
		c.path = userPath(getenv, "XDG_CONFIG_HOME", ".config", "config.yaml")
	}
	fromFile, keys, err := c.readFile()
	if err != nil {
		return nil, err
	}
	fromEnv, strays, err := c.readEnv(environ)
	if err != nil {
		return nil, err
	}
	for _, s := range c.list {
		switch {
		case s.flag.Changed:
			s.origin = "flag --" + s.flag.Name
		case fromEnv.String(s.key) != "": // an empty variable counts as none
			s.origin = "environment " + s.env()
			err = s.set(fromEnv.Get(s.key))
		case fromFile.Get(s.key) != nil:
			s.origin = keys[s.key].origin()
			err = s.set(fromFile.Get(s.key))
		}
		if err != nil {
			return nil, err
		}
	}
	c.switchOff(fromFile)
	return strays, c.check()
}

// switchOff switches a protocol off when the file lists the receiver's protocols and leaves this one out, as a
// collector does.
func (c *config) switchOff(fromFile *koanf.Koanf) {
	const protocols = receiverKey + ".protocols"
	for _, name := range []string{"grpc", "http"} {
		s := c.lookup(protocols + "." + name + ".endpoint")
		if s.origin == defaultOrigin && fromFile.Exists(protocols) && !fromFile.Exists(protocols+"."+name) {
			s.origin = c.path + ": protocols without " + name
			_ = s.flag.Value.Set(ingest.Off) // a text takes any value
		}
	}
}

// typeWords name the types of settings for people.
var typeWords = map[string]string{"int": "a whole number", "bool": "true or false", "duration": "a duration such as 10s", "string": "text"}

func (s *setting) set(value any) error {
	text := fmt.Sprint(value)
	switch value.(type) {
	case map[string]any, []any:
		return usageError("%s: %s wants one value", s.origin, s.key)
	}
	if err := s.flag.Value.Set(text); err != nil {
		if s.secret {
			text = masked
		}
		return usageError("%s: %s: %q is not %s", s.origin, s.key, text, typeWords[s.flag.Value.Type()])
	}
	return nil
}

// check refuses values that no source may give.
func (c *config) check() error {
	for _, one := range []struct {
		key     string
		allowed []string
	}{
		{"log.level", logLevels},
		{"log.format", logFormats},
	} {
		s := c.lookup(one.key)
		if !slices.Contains(one.allowed, s.flag.Value.String()) {
			return usageError("%s: %s %q: use %s", s.origin, s.key, s.flag.Value, strings.Join(one.allowed, ", "))
		}
	}
	if c.Settle < 0 {
		return usageError("%s: settle %s is negative", c.lookup("settle").origin, c.Settle)
	}
	for _, limit := range []struct {
		key        string
		value, max int
		unit       string
	}{
		{"serve.max-recv-size", c.Serve.MaxRecvSize, 1024, " MiB"},
		{"serve.max-spans", c.Serve.MaxSpans, 10_000_000, ""},
		{"serve.max-attributes", c.Serve.MaxAttributes, 1_000_000, ""},
		{"serve.max-value-size", c.Serve.MaxValueSize, 1 << 20, " KiB"},
		{"serve.max-nesting", c.Serve.MaxNesting, ingest.MaxValueDepth, ""},
	} {
		if limit.value < 1 || limit.value > limit.max {
			return usageError("%s: %s %d: use 1 to %d%s", c.lookup(limit.key).origin, limit.key, limit.value, limit.max, limit.unit)
		}
	}
	if _, err := c.retention(); err != nil {
		return err
	}
	if c.MemoryLimit != "" {
		if _, err := parseSize(c.MemoryLimit); err != nil {
			return usageError("%s: memory-limit %q: %w", c.lookup("memory-limit").origin, c.MemoryLimit, err)
		}
	}
	return nil
}

// readFile reads the configuration file and where its keys stand. A file that the user did not name may be missing.
func (c *config) readFile() (*koanf.Koanf, map[string]fileKey, error) {
	k := koanf.New(".")
	if c.path == "" {
		return k, nil, nil
	}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) && !c.explicit {
		return k, nil, nil
	}
	if err != nil {
		return nil, nil, withHint(usageError("read the configuration: %w", err), "slowtoken config path says where it is looked for")
	}
	c.found = true
	keys, err := fileKeys(c.path, text)
	if err != nil {
		return nil, nil, err
	}
	if err := c.checkKeys(keys); err != nil {
		return nil, nil, err
	}
	if err := k.Load(file.Provider(c.path), yaml.Parser()); err != nil {
		return nil, nil, usageError("read the configuration %s: %w", c.path, err)
	}
	if k.Exists(receiverKey) {
		c.receiver = k.Cut(receiverKey).Raw()
	}
	byKey := make(map[string]fileKey, len(keys))
	for _, key := range keys {
		byKey[key.key] = key
		if strings.HasPrefix(key.key, receiverKey+".") && c.lookup(key.key) == nil {
			c.receiverKeys = append(c.receiverKeys, key)
		}
		if strings.HasPrefix(key.key, paramKeys+".") {
			c.Rules.params = append(c.Rules.params, key)
		}
	}
	return k, byKey, nil
}

// checkKeys refuses the first key that is no setting, and names the setting that was probably meant.
func (c *config) checkKeys(keys []fileKey) error {
	var known []string
	for _, s := range c.list {
		known = append(known, s.key)
	}
	for _, key := range keys {
		if slices.Contains(known, key.key) || strings.HasPrefix(key.key, receiverKey+".") || strings.HasPrefix(key.key, paramKeys+".") || (key.empty && c.isSection(key.key)) {
			continue
		}
		err := usageError("%s: unknown setting %q", key.origin(), key.key)
		if guess := analyzer.Nearest(key.key, known); guess != "" {
			return withHint(err, "did you mean %s?", guess)
		}
		return withHint(err, "slowtoken config show lists every setting")
	}
	return nil
}

// isSection reports whether there are settings under key.
func (c *config) isSection(key string) bool {
	return slices.ContainsFunc(c.list, func(s *setting) bool { return strings.HasPrefix(s.key, key+".") })
}

// readEnv reads the SLOWTOKEN_* variables.
func (c *config) readEnv(environ []string) (k *koanf.Koanf, strays []string, err error) {
	keys := map[string]string{}
	for _, s := range c.list {
		keys[s.env()] = s.key
	}
	k = koanf.New(".")
	err = k.Load(env.Provider(".", env.Opt{
		Prefix:      "SLOWTOKEN_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if keys[name] == "" && name != "SLOWTOKEN_CONFIG" {
				strays = append(strays, name)
			}
			return keys[name], value
		},
	}), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read the environment: %w", err)
	}
	slices.Sort(strays)
	return k, strays, nil
}
