package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// sourceSettings say how to reach a Jaeger or Tempo that traces are fetched from.
type sourceSettings struct {
	Token, TokenFile       string
	User                   string
	Password, PasswordFile string
	Tenant                 string
	CA, Cert, Key          string
	Insecure               bool
	Timeout                time.Duration
}

func (s *sourceSettings) list() []*setting {
	return []*setting{
		{key: "source.token", flag: textFlag(&s.Token, "source-token", "bearer token to send"), secret: true},
		{key: "source.token-file", flag: textFlag(&s.TokenFile, "source-token-file", "`FILE` with the bearer token to send; or set SLOWTOKEN_SOURCE_TOKEN")},
		{key: "source.user", flag: textFlag(&s.User, "source-user", "`NAME` for basic authentication")},
		{key: "source.password", flag: textFlag(&s.Password, "source-password", "password of the user"), secret: true},
		{key: "source.password-file", flag: textFlag(&s.PasswordFile, "source-password-file", "`FILE` with the password; or set SLOWTOKEN_SOURCE_PASSWORD")},
		{key: "source.tenant", flag: textFlag(&s.Tenant, "source-tenant", "`TENANT` to read: x-tenant for Jaeger, X-Scope-OrgID for Tempo")},
		{key: "source.ca", flag: textFlag(&s.CA, "source-ca", "`FILE` (PEM) of the authorities to trust, beside those of the system")},
		{key: "source.cert", flag: textFlag(&s.Cert, "source-cert", "client certificate `FILE` (PEM): mutual TLS")},
		{key: "source.key", flag: textFlag(&s.Key, "source-key", "key `FILE` (PEM) of --source-cert")},
		{key: "source.insecure", flag: boolFlag(&s.Insecure, "source-insecure", "take any certificate: whoever is in between can read and change everything")},
		{key: "source.timeout", flag: durationFlag(&s.Timeout, "source-timeout", "most `TIME` that one answer may take")},
	}
}

func defaultSourceSettings() sourceSettings { return sourceSettings{Timeout: time.Minute} }

// tlsConfig reads the certificates.
func (s *sourceSettings) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Insecure}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, usageError("--source-ca: %w", err)
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError("--source-ca %s: it holds no certificate in PEM", s.CA)
		}
	}
	switch {
	case (s.Cert == "") != (s.Key == ""):
		return nil, usageError("--source-cert and --source-key go together")
	case s.Cert != "":
		pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, usageError("--source-cert %s: %w", s.Cert, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// secrets reads the token and the password.
func (s *sourceSettings) secrets() (token, password string, err error) {
	token, err = secretOf(s.Token, s.TokenFile)
	if err != nil {
		return "", "", usageError("--source-token-file: %w", err)
	}
	password, err = secretOf(s.Password, s.PasswordFile)
	if err != nil {
		return "", "", usageError("--source-password-file: %w", err)
	}
	switch {
	case token != "" && s.User != "":
		return "", "", usageError("--source-user and a bearer token exclude each other")
	case s.User == "" && password != "":
		return "", "", usageError("there is a password and no --source-user")
	}
	return token, password, nil
}

// secretOf reads the first line of a file, if one is named.
func secretOf(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(strings.TrimLeft(string(text), "\r\n"), "\n")
	line = strings.TrimSpace(line)
	return line, cmp.Or(map[bool]error{true: fmt.Errorf("%s: %w", file, errEmptySecret)}[line == ""], nil)
}

var errEmptySecret = errors.New("the file is empty")
