package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

// Off as an endpoint switches a protocol, or the admin port, off.
const Off = "off"

// DefaultAdminEndpoint serves /healthz, /readyz and /metrics. It is the port after OTLP's two, and not 13133, which
// the health check of a collector on the same machine takes.
const DefaultAdminEndpoint = "127.0.0.1:4319"

// DefaultMaxMessageMiB bounds one message, after decompression, where the receiver's own settings state no other
// limit. It is the collector's limit for HTTP; its 4 MiB for gRPC is below what exporters send in one batch.
const DefaultMaxMessageMiB = 20

// BearerTokenEnv is the environment variable that [BearerToken] reads.
const BearerTokenEnv = "SLOWTOKEN_BEARER_TOKEN"

// A ServerConfig says where a [Server] listens and what it accepts. The zero value listens on localhost:4317 (gRPC)
// and localhost:4318 (HTTP), without TLS and token.
type ServerConfig struct {
	// Receiver holds what stands below receivers::otlp in a collector's configuration: protocols, and in them grpc
	// and http with endpoint, tls, auth, max_recv_msg_size_mib, max_request_body_size, keepalive, cors and so on.
	// When it names protocols, only those are served. The fields below go before it.
	Receiver map[string]any

	GRPCEndpoint, HTTPEndpoint string // host:port, or [Off]
	AdminEndpoint              string // host:port, or [Off]; "" is [DefaultAdminEndpoint]

	TLSCertFile, TLSKeyFile string // PEM, both protocols
	TLSClientCAFile         string // PEM; clients must show a certificate that it signed

	// BearerToken, when set, must come with every request as "Authorization: Bearer <token>". It is a secret: take it
	// from [BearerToken], never from a flag.
	BearerToken string

	// DropContent removes prompts and completions before spans are stored: see [DropContent].
	DropContent bool

	Limits Limits // of one request

	Logger   *slog.Logger
	Version  string               // of slowtoken, for build info
	Registry *prometheus.Registry // where counters go and what /metrics shows; nil makes one

	QueueDepth func() int             // spans that wait for a commit, for /metrics; may be nil
	Collectors []prometheus.Collector // what else /metrics tells; may be nil
}

// BearerToken reads the token from file, or from the environment variable [BearerTokenEnv] when file is "". No token
// at all is "".
func BearerToken(file string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(BearerTokenEnv)), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the bearer token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("read the bearer token from %s: want one line with the token and nothing else", file)
	}
	return token, nil
}

// receiver turns the settings into those of the embedded receiver.
func (c ServerConfig) receiver() (*otlpreceiver.Config, error) {
	cfg := defaultReceiver()
	settings, err := c.protocols()
	if err != nil {
		return nil, err
	}
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return nil, fmt.Errorf("read the settings of the OTLP receiver: %w", err)
	}
	grpc, http := &cfg.Protocols.GRPC, &cfg.Protocols.HTTP
	if err := setEndpoint(grpc, c.GRPCEndpoint); err != nil {
		return nil, err
	}
	if err := setEndpoint(http, c.HTTPEndpoint); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gRPC and HTTP are both off, so nothing could be received: set one of their endpoints")
	}
	tls, err := c.tls()
	if err != nil {
		return nil, err
	}
	if g := grpc.Get(); g != nil {
		if c.GRPCEndpoint != "" {
			g.NetAddr.Endpoint = c.GRPCEndpoint
		}
		if tls != nil {
			g.TLS = configoptional.Some(*tls)
		}
		if c.BearerToken != "" {
			g.Auth = configoptional.Some(configauth.Config{AuthenticatorID: bearerID})
		}
		if err := c.checkAuth("grpc", g.Auth.HasValue(), g.Auth.Get()); err != nil {
			return nil, err
		}
		g.Middlewares = append(g.Middlewares, configmiddleware.Config{ID: guardID})
	}
	if h := http.Get(); h != nil {
		server := &h.ServerConfig
		if c.HTTPEndpoint != "" {
			server.NetAddr.Endpoint = c.HTTPEndpoint
		}
		if tls != nil {
			server.TLS = configoptional.Some(*tls)
		}
		if c.BearerToken != "" {
			server.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: bearerID}})
		}
		if auth := server.Auth.Get(); auth != nil {
			if err := c.checkAuth("http", true, &auth.Config); err != nil {
				return nil, err
			}
		}
		server.Middlewares = append(server.Middlewares, configmiddleware.Config{ID: guardID})
	}
	return cfg, nil
}

// defaultReceiver returns the collector's defaults with one limit for both protocols and bounds on the time that a
// client may take to send its headers and its message.
func defaultReceiver() *otlpreceiver.Config {
	defaults := otlpreceiver.NewFactory().CreateDefaultConfig().(*otlpreceiver.Config)
	grpc := *defaults.Protocols.GRPC.GetOrInsertDefault()
	grpc.MaxRecvMsgSizeMiB = DefaultMaxMessageMiB
	http := *defaults.Protocols.HTTP.GetOrInsertDefault()
	http.ServerConfig.MaxRequestBodySize = DefaultMaxMessageMiB << 20
	http.ServerConfig.ReadHeaderTimeout = 30 * time.Second
	http.ServerConfig.ReadTimeout = 2 * time.Minute
	return &otlpreceiver.Config{Protocols: otlpreceiver.Protocols{
		GRPC: configoptional.Default(grpc),
		HTTP: configoptional.Default(http),
	}}
}

// takeCodings leaves unpacking to the guard, and returns what it may unpack.
func takeCodings(cfg *otlpreceiver.Config) []string {
	h := cfg.Protocols.HTTP.Get()
	if h == nil {
		return nil
	}
	allowed := h.ServerConfig.CompressionAlgorithms
	if allowed == nil {
		allowed = codingNames()
	}
	h.ServerConfig.CompressionAlgorithms = []string{} // nil would mean all
	return allowed
}

// protocols returns Receiver with both protocols when it names none, and with the ones it names as "grpc:" alone
// filled in, which is how YAML spells "with the defaults".
func (c ServerConfig) protocols() (map[string]any, error) {
	settings := maps.Clone(c.Receiver)
	if settings == nil {
		settings = map[string]any{}
	}
	if settings["protocols"] == nil {
		settings["protocols"] = map[string]any{"grpc": nil, "http": nil}
	}
	given, ok := settings["protocols"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("read the settings of the OTLP receiver: protocols: want grpc and http below it, not %v",
			settings["protocols"])
	}
	protocols := maps.Clone(given)
	for name, value := range protocols {
		if value == nil {
			protocols[name] = map[string]any{}
		}
	}
	settings["protocols"] = protocols
	return settings, nil
}

// setEndpoint switches a protocol on or off as its endpoint says.
func setEndpoint[T any](protocol *configoptional.Optional[T], endpoint string) error {
	switch endpoint {
	case "":
		return nil
	case Off:
		*protocol = configoptional.None[T]()
		return nil
	}
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		return fmt.Errorf("OTLP endpoint %q: want host:port or %q", endpoint, Off)
	}
	protocol.GetOrInsertDefault()
	return nil
}

// tls returns the settings for both protocols, or nil when none are given.
func (c ServerConfig) tls() (*configtls.ServerConfig, error) {
	if c.TLSCertFile == "" && c.TLSKeyFile == "" && c.TLSClientCAFile == "" {
		return nil, nil
	}
	if c.TLSCertFile == "" || c.TLSKeyFile == "" {
		return nil, errors.New("TLS needs a certificate and its key: set both --tls-cert and --tls-key")
	}
	tls := configtls.NewDefaultServerConfig()
	tls.CertFile, tls.KeyFile, tls.ClientCAFile = c.TLSCertFile, c.TLSKeyFile, c.TLSClientCAFile
	return &tls, nil
}

// checkAuth refuses an authenticator that this binary does not have, and one without its token: starting open would be
// the opposite of what was asked for.
func (c ServerConfig) checkAuth(protocol string, set bool, auth *configauth.Config) error {
	if !set {
		return nil
	}
	if auth.AuthenticatorID != bearerID {
		return fmt.Errorf("protocols: %s: auth: authenticator %q is not known, the only one is %q",
			protocol, auth.AuthenticatorID, bearerID)
	}
	if c.BearerToken == "" {
		return fmt.Errorf("protocols: %s: auth: %s has no token: set %s or a token file", protocol, bearerID, BearerTokenEnv)
	}
	return nil
}

// exposure says what is doubtful about the addresses that were bound.
func (s *Server) exposure() (warnings []string) {
	check := func(protocol, address string, tls bool) {
		token := s.config.BearerToken != ""
		switch {
		case address == "" || isLoopback(address) || tls && token:
		case !tls && !token:
			warnings = append(warnings, fmt.Sprintf("OTLP/%s listens on %s without TLS and without a token: everybody who "+
				"reaches it can write, and prompts travel in clear. Bind 127.0.0.1, or set --tls-cert and --tls-key "+
				"(--tls-client-ca to know the clients) or %s", protocol, address, BearerTokenEnv))
		case !tls:
			warnings = append(warnings, fmt.Sprintf("OTLP/%s listens on %s without TLS: the token and all prompts travel "+
				"in clear. Set --tls-cert and --tls-key", protocol, address))
		}
	}
	if g := s.receiver.Protocols.GRPC.Get(); g != nil {
		check("gRPC", s.info.GRPC, g.TLS.HasValue())
	}
	if h := s.receiver.Protocols.HTTP.Get(); h != nil {
		check("HTTP", s.info.HTTP, h.ServerConfig.TLS.HasValue())
	}
	if s.info.Admin != "" && !isLoopback(s.info.Admin) {
		warnings = append(warnings, fmt.Sprintf("the admin port listens on %s: /metrics is open to everybody who reaches it", s.info.Admin))
	}
	return warnings
}

// isLoopback reports whether a bound address is reachable from this machine only. A unix socket has no port and is.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

var (
	bearerID = component.MustNewID("bearertokenauth") // the name of the collector's own, so that its YAML works here
	guardID  = component.MustNewID("slowtoken_guard")
)
