package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// The wire forms of Jaeger's query API.
const (
	JaegerV3GRPC = "api_v3-grpc"
	JaegerV3HTTP = "api_v3-http"
	JaegerV2GRPC = "api_v2-grpc"
	JaegerLegacy = "legacy-http"
)

// JaegerAPIs lists them, the best first: the first two carry all that OTLP holds.
var JaegerAPIs = []string{JaegerV3GRPC, JaegerV3HTTP, JaegerV2GRPC, JaegerLegacy}

// The ports that Jaeger serves its query APIs on unless told otherwise.
const (
	jaegerHTTPPort = "16686"
	jaegerGRPCPort = "16685"
)

// OpenJaeger finds the best API that the server speaks. An http or https URL on Jaeger's own port, or on none, is also
// tried as gRPC on Jaeger's gRPC port of the same host.
func OpenJaeger(ctx context.Context, o Options) (*Client, error) {
	if err := checkAPI(o.API, JaegerAPIs); err != nil {
		return nil, err
	}
	u, err := parseURL(o.URL, "http", "https", "grpc", "grpcs")
	if err != nil {
		return nil, err
	}
	secure := u.Scheme == "https" || u.Scheme == "grpcs"
	overGRPC := strings.HasPrefix(u.Scheme, "grpc")
	port := cmp.Or(u.Port(), map[bool]string{true: jaegerGRPCPort}[overGRPC])
	guess := !overGRPC
	switch {
	case overGRPC:
	case port == jaegerHTTPPort:
		port = jaegerGRPCPort
	case port == "" && !secure:
		u.Host = net.JoinHostPort(u.Hostname(), jaegerHTTPPort)
		port = jaegerGRPCPort
	case port == "":
		port = "443"
	}
	address := net.JoinHostPort(u.Hostname(), port)
	grpcOn := func(open func(*grpcClient) api) func() (api, error) {
		return func() (api, error) {
			g, err := newGRPCClient(address, secure, o)
			if err != nil {
				return nil, err
			}
			if !overGRPC {
				g.link = jaegerLink(u)
			}
			return open(g), nil
		}
	}
	httpOn := func(open func(*httpClient) api) func() (api, error) {
		return func() (api, error) { return open(newHTTPClient(u, o, "x-tenant")), nil }
	}
	v3 := candidate{JaegerV3GRPC, grpcOn(func(g *grpcClient) api { return &jaegerV3GRPC{g} }), guess}
	v2 := candidate{JaegerV2GRPC, grpcOn(func(g *grpcClient) api { return &jaegerV2{g} }), guess}
	if overGRPC {
		if o.API == JaegerV3HTTP || o.API == JaegerLegacy {
			return nil, fmt.Errorf("%s needs an http or https URL, not %s", o.API, shownURL(o.URL))
		}
		return probe(ctx, "Jaeger", o, []candidate{v3, v2})
	}
	return probe(ctx, "Jaeger", o, []candidate{
		v3,
		{JaegerV3HTTP, httpOn(func(h *httpClient) api { return &jaegerV3HTTP{h} }), false},
		v2,
		{JaegerLegacy, httpOn(func(h *httpClient) api { return &jaegerOld{h} }), false},
	})
}

func checkAPI(name string, known []string) error {
	if name == "" {
		return nil
	}
	for _, k := range known {
		if k == name {
			return nil
		}
	}
	return fmt.Errorf("unknown API %q; there are %s", name, strings.Join(known, ", "))
}

func parseURL(s string, schemes ...string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if parse := (*url.Error)(nil); errors.As(err, &parse) {
		return nil, fmt.Errorf("the URL does not parse: %w", parse.Err) // the rest of it repeats the URL, and what may be secret in it
	} else if err != nil {
		return nil, fmt.Errorf("the URL does not parse: %w", err)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("the URL %s holds credentials, which others can read on a command line: use --source-user with SLOWTOKEN_SOURCE_PASSWORD or --source-password-file", shownURL(s))
	case u.Hostname() == "":
		return nil, fmt.Errorf("the URL %s names no host", shownURL(s))
	}
	for _, known := range schemes {
		if u.Scheme == known {
			u.RawQuery, u.Fragment = "", ""
			return u, nil
		}
	}
	return nil, fmt.Errorf("the URL %s starts with none of %s", shownURL(s), strings.Join(schemes, ", "))
}

// jaegerLink returns the template of a link into the user interface at base.
func jaegerLink(base *url.URL) string {
	return strings.TrimSuffix(base.String(), "/") + "/trace/{trace_id}?uiFind={span_id}"
}
