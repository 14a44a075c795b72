package ingest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// An authority signs certificates for one test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	})
	a.pool.AddCert(a.cert)
	return a
}

// issue writes name.crt and name.key.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", keyDER)
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// leaf issues a certificate for 127.0.0.1 that serves on either side.
func (a *authority) leaf(name string) tls.Certificate {
	a.issue(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	pair, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func TestTLSAndClientCertificates(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	ca.leaf("server")
	ours, theirs := ca.leaf("client"), stranger.leaf("client")
	for _, c := range []struct {
		name      string
		mutual    bool
		client    *tls.Config
		wantStore bool
	}{
		{"server known", false, &tls.Config{RootCAs: ca.pool}, true},
		{"server unknown", false, &tls.Config{RootCAs: stranger.pool}, false},
		{"mutual, right certificate", true, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ours}}, true},
		{"mutual, no certificate", true, &tls.Config{RootCAs: ca.pool}, false},
		{"mutual, certificate of a stranger", true, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{theirs}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := ServerConfig{TLSCertFile: ca.file("server.crt"), TLSKeyFile: ca.file("server.key")}
			if c.mutual {
				config.TLSClientCAFile = ca.file("ca.crt")
			}
			sink := &memorySink{}
			s := startServer(t, config, sink)
			var want []string

			client := dial(t, s.Info().GRPC, grpc.WithTransportCredentials(credentials.NewTLS(c.client.Clone())))
			_, err := client.Export(t.Context(), request(spansNamed("span")))
			if (err == nil) != c.wantStore {
				t.Errorf("gRPC: %v", err)
			}
			web := httpClient(t, &http.Transport{TLSClientConfig: c.client.Clone()})
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.Info().HTTP+"/v1/traces",
				strings.NewReader(string(encode(t, spansNamed("span"), false))))
			r.Header.Set("Content-Type", contentProto)
			response, err := web.Do(r)
			if err == nil {
				response.Body.Close()
			}
			if (err == nil) != c.wantStore {
				t.Errorf("HTTP: %v", err)
			}
			if c.wantStore {
				want = []string{"span", "span"}
			}
			wantNames(t, sink, want...)
		})
	}
}

func TestCollectorYAMLConfiguresTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.leaf("server")
	sink := &memorySink{}
	s := startServer(t, ServerConfig{HTTPEndpoint: Off, Receiver: map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"tls": map[string]any{
			"cert_file": ca.file("server.crt"), "key_file": ca.file("server.key"), "client_ca_file": ca.file("ca.crt"),
		}},
	}}}, sink)
	if s.Info().HTTP != "" {
		t.Errorf("HTTP listens on %s though it is off", s.Info().HTTP)
	}
	creds := credentials.NewTLS(&tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.leaf("client")}})
	if _, err := dial(t, s.Info().GRPC, grpc.WithTransportCredentials(creds)).Export(t.Context(), request(spansNamed("a"))); err != nil {
		t.Error(err)
	}
	wantNames(t, sink, "a")
}

func TestBearerToken(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{BearerToken: "right"}, sink)
	client := dial(t, s.Info().GRPC)
	body := encode(t, spansNamed("span"), false)
	for _, c := range []struct {
		authorization string
		pass          bool
	}{
		{"", false}, {"Bearer wrong", false}, {"Bearer", false}, {"right", false}, {"Basic right", false},
		{"Bearer right", true}, {"bearer right", true},
	} {
		ctx := t.Context()
		if c.authorization != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.authorization)
		}
		_, err := client.Export(ctx, request(spansNamed("span")))
		if want := map[bool]codes.Code{true: codes.OK, false: codes.Unauthenticated}[c.pass]; status.Code(err) != want {
			t.Errorf("%q: gRPC answers %v, want %v", c.authorization, err, want)
		}
		got := postTo(t, httpClient(t, &http.Transport{}), "http://"+s.Info().HTTP+"/v1/traces", body, contentProto, "", c.authorization)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[c.pass]; got.code != want {
			t.Errorf("%q: HTTP answers %d, want %d", c.authorization, got.code, want)
		}
	}
	wantNames(t, sink, "span", "span", "span", "span")
	wantMetric(t, s, `slowtoken_unauthenticated_total 10`)
}

func TestBearerTokenComesFromEnvironmentOrFile(t *testing.T) {
	t.Setenv(BearerTokenEnv, " from-env \n")
	file := filepath.Join(t.TempDir(), "token")
	for _, c := range []struct{ file, content, want, problem string }{
		{"", "", "from-env", ""},
		{file, "from-file\n", "from-file", ""},
		{file, "\n", "", "want one line"},
		{file, "two\nlines\n", "", "want one line"},
		{file + ".missing", "", "", "no such file"},
	} {
		if c.file == file {
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := BearerToken(c.file)
		if got != c.want || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("file %q holding %q: token %q, error %v", c.file, c.content, got, err)
		}
	}
}

func TestAnOpenAddressIsWarnedAbout(t *testing.T) {
	ca := newAuthority(t)
	ca.leaf("server")
	crt, key := ca.file("server.crt"), ca.file("server.key")
	for _, c := range []struct {
		name   string
		config ServerConfig
		want   []string // words of each warning, in order
	}{
		{"loopback", ServerConfig{}, nil},
		{"open", ServerConfig{GRPCEndpoint: "0.0.0.0:0", HTTPEndpoint: ":0"}, []string{"OTLP/gRPC listens", "OTLP/HTTP listens"}},
		{"one open", ServerConfig{HTTPEndpoint: "[::]:0"}, []string{"OTLP/HTTP listens"}},
		{"token in clear", ServerConfig{GRPCEndpoint: "0.0.0.0:0", BearerToken: "x"}, []string{"the token and all prompts travel in clear"}},
		{"TLS and token", ServerConfig{GRPCEndpoint: "0.0.0.0:0", BearerToken: "x", TLSCertFile: crt, TLSKeyFile: key}, nil},
		{"TLS alone", ServerConfig{GRPCEndpoint: "0.0.0.0:0", TLSCertFile: crt, TLSKeyFile: key}, nil},
		{"open admin port", ServerConfig{AdminEndpoint: "0.0.0.0:0"}, []string{"admin port"}},
	} {
		var log strings.Builder
		c.config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		s := startServer(t, c.config, &memorySink{})
		got := s.Info().Warnings
		if len(got) != len(c.want) {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) || !strings.Contains(log.String(), c.want[i]) {
				t.Errorf("%s: warning %q and log %q lack %q", c.name, got[i], log.String(), c.want[i])
			}
		}
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	protocols := func(p map[string]any) map[string]any { return map[string]any{"protocols": p} }
	for _, c := range []struct {
		name   string
		config ServerConfig
		want   string
	}{
		{"nothing to serve", ServerConfig{GRPCEndpoint: Off, HTTPEndpoint: Off}, "both off"},
		{"endpoint without port", ServerConfig{GRPCEndpoint: "localhost"}, "want host:port"},
		{"key without certificate", ServerConfig{TLSKeyFile: "x"}, "--tls-cert"},
		{"unknown setting", ServerConfig{Receiver: protocols(map[string]any{"grpc": map[string]any{"endpiont": "x"}})}, "endpiont"},
		{"unknown protocol", ServerConfig{Receiver: protocols(map[string]any{"thrift": nil})}, "thrift"},
		{"protocols of the wrong type", ServerConfig{Receiver: map[string]any{"protocols": "grpc"}}, "want grpc and http"},
		{"authenticator without token", ServerConfig{Receiver: protocols(map[string]any{"http": map[string]any{
			"auth": map[string]any{"authenticator": "bearertokenauth"}}})}, BearerTokenEnv},
		{"unknown authenticator", ServerConfig{Receiver: protocols(map[string]any{"grpc": map[string]any{
			"auth": map[string]any{"authenticator": "oidc"}}})}, "oidc"},
	} {
		if _, err := NewServer(c.config, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestReceiverSettingsChooseTheProtocols(t *testing.T) {
	for _, c := range []struct {
		name       string
		config     ServerConfig
		grpc, http string
	}{
		{"none named", ServerConfig{}, "localhost:4317", "localhost:4318"},
		{"grpc alone", ServerConfig{Receiver: map[string]any{"protocols": map[string]any{"grpc": nil}}}, "localhost:4317", ""},
		{"grpc named, http by flag", ServerConfig{HTTPEndpoint: "127.0.0.1:1",
			Receiver: map[string]any{"protocols": map[string]any{"grpc": map[string]any{"endpoint": "127.0.0.1:2"}}}}, "127.0.0.1:2", "127.0.0.1:1"},
		{"a flag goes before", ServerConfig{GRPCEndpoint: "127.0.0.1:3", HTTPEndpoint: Off,
			Receiver: map[string]any{"protocols": map[string]any{"grpc": map[string]any{"endpoint": "127.0.0.1:2"}, "http": nil}}}, "127.0.0.1:3", ""},
	} {
		cfg, err := c.config.receiver()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var grpc, http string
		if g := cfg.Protocols.GRPC.Get(); g != nil {
			grpc = g.NetAddr.Endpoint
		}
		if h := cfg.Protocols.HTTP.Get(); h != nil {
			http = h.ServerConfig.NetAddr.Endpoint
		}
		if grpc != c.grpc || http != c.http {
			t.Errorf("%s: gRPC on %q and HTTP on %q, want %q and %q", c.name, grpc, http, c.grpc, c.http)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for flag, config := range map[string]ServerConfig{
		"--otlp-grpc-endpoint": {GRPCEndpoint: taken.Addr().String()},
		"--otlp-http-endpoint": {HTTPEndpoint: taken.Addr().String()},
		"--admin-endpoint":     {AdminEndpoint: taken.Addr().String()},
	} {
		s := newTestServer(t, config, &memorySink{})
		if _, err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("%s: %v", flag, err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("%s: shutdown of a server that did not start: %v", flag, err)
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	s := startServer(t, ServerConfig{Version: "1.2.3", QueueDepth: func() int { return 42 }}, &memorySink{})
	if got := get(t, s, "/healthz"); got.code != http.StatusOK {
		t.Errorf("/healthz answers %d", got.code)
	}
	if got := get(t, s, "/readyz"); got.code != http.StatusOK {
		t.Errorf("/readyz answers %d", got.code)
	}
	s.ready.Store(false)
	if got := get(t, s, "/readyz"); got.code != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a server that stops answers %d", got.code)
	}
	wantMetric(t, s, "slowtoken_insert_queue_spans 42")
	if page := get(t, s, "/metrics"); !strings.Contains(string(page.body), `version="1.2.3"} 1`) {
		t.Error("/metrics lacks the build's version")
	}
}
