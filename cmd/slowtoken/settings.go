package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/ingest"
)

// settings hold what flags, environment and the configuration file can set for good. What belongs to one question
// only, a window or a format, is a plain flag of its command.
type settings struct {
	DB        string
	LogLevel  string
	LogFormat string
	Settle    time.Duration

	Mapping string

	DropContent bool
	MemoryLimit string

	limitSettings

	Source sourceSettings
	Links  linkSettings
	Rules  ruleSettings

	Confluence confluenceSettings

	Serve serveSettings
}

// serveSettings are what serve listens on and how it guards it.
type serveSettings struct {
	GRPCEndpoint, HTTPEndpoint string
	AdminEndpoint              string
	TLSCert, TLSKey            string
	TLSClientCA                string
	BearerToken                string
	BearerTokenFile            string
	Retain                     string // an age; empty or none keeps everything
	MaxSize                    string // of the database; empty or none for no limit
	MaxRecvSize                int    // MiB
	MaxSpans                   int    // a request
	MaxAttributes              int    // a span, event, link, resource or scope
	MaxValueSize               int    // KiB
	MaxNesting                 int    // levels
}

// A setting is one line of the list below. Its flag holds the default until a source sets it.
type setting struct {
	// key is its name in the configuration file. The flag's name in capitals, with _ for - and SLOWTOKEN_ before it,
	// is its environment variable.
	key    string
	flag   *pflag.Flag
	secret bool   // never printed, and never a flag: command lines can be read by others
	origin string // what set it last, for config show
}

// The values of settings that take one of a few.
var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

// receiverKey is the part of the configuration file that belongs to the OpenTelemetry collector's OTLP receiver. Its
// keys are handed to the receiver as they are.
const receiverKey = "serve.otlp"

// list returns every setting, bound to s.
func (s *settings) list() []*setting {
	return append([]*setting{
		{key: "db", flag: textFlag(&s.DB, "db", "`PATH` of the database (default $XDG_DATA_HOME/slowtoken/slowtoken.db)")},
		{key: "log.level", flag: textFlag(&s.LogLevel, "log-level", "log from this `LEVEL` on: debug, info, warn or error")},
		{key: "log.format", flag: textFlag(&s.LogFormat, "log-format", "log as text or json: `FORMAT`")},
		{key: "settle", flag: durationFlag(&s.Settle, "settle", "leave out traces of which the server received a span less than this `TIME` ago: they may still grow")},
		{key: "mapping", flag: textFlag(&s.Mapping, "mapping", "read spans as this `FILE` says too: docs/mapping.md")},
		{key: "drop-content", flag: boolFlag(&s.DropContent, "drop-content", "keep prompts and completions out of the database")},
		{key: "memory-limit", flag: textFlag(&s.MemoryLimit, "memory-limit", "most memory that the database may take, such as 2GiB: `SIZE` (1GiB unless set, 384MiB while serving)")},
		{key: "serve.otlp.protocols.grpc.endpoint", flag: textFlag(&s.Serve.GRPCEndpoint, "otlp-grpc-endpoint", "`ADDRESS` to receive OTLP/gRPC on")},
		{key: "serve.otlp.protocols.http.endpoint", flag: textFlag(&s.Serve.HTTPEndpoint, "otlp-http-endpoint", "`ADDRESS` to receive OTLP/HTTP on")},
		{key: "serve.admin-endpoint", flag: textFlag(&s.Serve.AdminEndpoint, "admin-endpoint", "`ADDRESS` of /healthz, /readyz and /metrics")},
		{key: "serve.tls-cert", flag: textFlag(&s.Serve.TLSCert, "tls-cert", "certificate `FILE` (PEM): receive over TLS")},
		{key: "serve.tls-key", flag: textFlag(&s.Serve.TLSKey, "tls-key", "key `FILE` (PEM) of --tls-cert")},
		{key: "serve.tls-client-ca", flag: textFlag(&s.Serve.TLSClientCA, "tls-client-ca", "`FILE` (PEM) of the authorities whose clients may send: mutual TLS")},
		{key: "serve.bearer-token", flag: textFlag(&s.Serve.BearerToken, "bearer-token", "token that clients must send"), secret: true},
		{key: "serve.bearer-token-file", flag: textFlag(&s.Serve.BearerTokenFile, "bearer-token-file", "`FILE` with the token that clients must send; or set SLOWTOKEN_BEARER_TOKEN")},
		{key: "serve.retain", flag: textFlag(&s.Serve.Retain, "retain", "remove traces and metric points that were received longer than this `AGE` ago, such as 7d (default none)")},
		{key: "serve.db-max-size", flag: textFlag(&s.Serve.MaxSize, "db-max-size", "remove the oldest traces while what the database uses is more than this `SIZE`, such as 20GB (default none)")},
		{key: "serve.max-recv-size", flag: intFlag(&s.Serve.MaxRecvSize, "max-recv-size", "largest request accepted, after decompression, in `MIB`")},
		{key: "serve.max-spans", flag: intFlag(&s.Serve.MaxSpans, "max-spans", "refuse the spans of a request beyond this `NUMBER`")},
		{key: "serve.max-attributes", flag: intFlag(&s.Serve.MaxAttributes, "max-attributes", "drop the attributes of a span beyond this `NUMBER`")},
		{key: "serve.max-value-size", flag: intFlag(&s.Serve.MaxValueSize, "max-value-size", "cut attribute values that are longer, in `KIB`")},
		{key: "serve.max-nesting", flag: intFlag(&s.Serve.MaxNesting, "max-nesting", "refuse spans with values that nest more `LEVELS` of lists and maps")},
	}, slices.Concat(s.limitSettings.list(), s.Source.list(), s.Links.list(), s.Rules.list(), s.Confluence.list())...)
}

func defaultSettings(getenv func(string) string) settings {
	return settings{
		DB:        userPath(getenv, "XDG_DATA_HOME", ".local/share", "slowtoken.db"),
		LogLevel:  "info",
		LogFormat: "text",
		Settle:    10 * time.Second,

		limitSettings: defaultLimits(),

		Source: defaultSourceSettings(),
		Links:  linkSettings{Datasource: "tempo"},

		Serve: serveSettings{
			GRPCEndpoint:  "127.0.0.1:4317",
			HTTPEndpoint:  "127.0.0.1:4318",
			AdminEndpoint: ingest.DefaultAdminEndpoint,
			MaxRecvSize:   ingest.DefaultMaxMessageMiB,
			MaxSpans:      ingest.DefaultLimits.Spans,
			MaxAttributes: ingest.DefaultLimits.Attributes,
			MaxValueSize:  ingest.DefaultLimits.ValueBytes >> 10,
			MaxNesting:    ingest.DefaultLimits.Depth,
		},
	}
}

func (s *setting) env() string {
	return "SLOWTOKEN_" + strings.ToUpper(strings.ReplaceAll(s.flag.Name, "-", "_"))
}

// shown returns the value as it may be printed.
func (s *setting) shown() string {
	if v := s.flag.Value.String(); !s.secret || v == "" {
		return v
	}
	return masked
}

const masked = "********"

// userPath returns a path below a base directory of the XDG specification, which ignores values that are not absolute
// paths; "" when this user has no home.
func userPath(getenv func(string) string, name, fallback string, path string) string {
	base := getenv(name)
	if !filepath.IsAbs(base) {
		home := cmp.Or(getenv("HOME"), getenv("USERPROFILE"))
		if home == "" {
			return ""
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(base, "slowtoken", path)
}

func textFlag(p *string, name, help string) *pflag.Flag {
	return newFlag(name, func(f *pflag.FlagSet) { f.StringVar(p, name, *p, help) })
}

func intFlag(p *int, name, help string) *pflag.Flag {
	return newFlag(name, func(f *pflag.FlagSet) { f.IntVar(p, name, *p, help) })
}

func boolFlag(p *bool, name, help string) *pflag.Flag {
	return newFlag(name, func(f *pflag.FlagSet) { f.BoolVar(p, name, *p, help) })
}

func durationFlag(p *time.Duration, name, help string) *pflag.Flag {
	return newFlag(name, func(f *pflag.FlagSet) { f.DurationVar(p, name, *p, help) })
}

func newFlag(name string, define func(*pflag.FlagSet)) *pflag.Flag {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	define(set)
	return set.Lookup(name)
}
