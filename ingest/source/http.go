package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An httpClient asks one HTTP server.
type httpClient struct {
	base    *url.URL
	options Options
	headers http.Header
	client  *http.Client
}

// maxAnswer bounds the bytes of one answer, which is held in memory.
const maxAnswer = 1 << 30

// errTooLarge says that an answer is longer than maxAnswer, or than a server or the wire lets through.
var errTooLarge = errors.New("the answer is too large")

// newHTTPClient asks below base. tenantHeader carries the tenant.
func newHTTPClient(base *url.URL, o Options, tenantHeader string) *httpClient {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS.Clone()
	h := &httpClient{base: base, options: o, headers: http.Header{}, client: &http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				return fmt.Errorf("redirected to %s://%s, where credentials are not sent: is a login in front of it, or is that the URL to use?", req.URL.Scheme, req.URL.Host)
			}
			if len(via) >= 5 {
				return errors.New("redirected 5 times")
			}
			return nil
		},
	}}
	if o.Tenant != "" {
		h.headers.Set(tenantHeader, o.Tenant)
	}
	if a := authorization(o); a != "" {
		h.headers.Set("Authorization", a)
	}
	return h
}

// authorization returns the header's value, "" for none.
func authorization(o Options) string {
	switch {
	case o.Token != "":
		return "Bearer " + o.Token
	case o.User != "":
		var r http.Request
		r.Header = http.Header{}
		r.SetBasicAuth(o.User, o.Password)
		return r.Header.Get("Authorization")
	}
	return ""
}

func (h *httpClient) close() error {
	h.client.CloseIdleConnections()
	return nil
}

// An answer is a whole HTTP answer of status 200 or 404.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// get asks for path, relative to the base. It returns answers of status 200 and 404; what a 404 means depends on what
// was asked. Everything else is an error.
func (h *httpClient) get(ctx context.Context, path string, query url.Values, accept string) (*answer, error) {
	u := *h.base
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	u.RawPath = ""
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = h.headers.Clone()
	req.Header.Set("Accept", accept)
	res, err := h.client.Do(req)
	if err != nil {
		return nil, transportError(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &temporaryError{err: fmt.Errorf("GET %s: the answer broke off after %d bytes: %w", path, len(body), err)}
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("GET %s: %w: more than %d MiB", path, errTooLarge, maxAnswer>>20)
	case res.StatusCode == http.StatusOK || res.StatusCode == http.StatusNotFound:
		return &answer{res.StatusCode, res.Header.Get("Content-Type"), body}, nil
	}
	err = fmt.Errorf("GET %s: %s%s", path, res.Status, says(body))
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return nil, &temporaryError{err, retryAfter(res.Header.Get("Retry-After"), time.Now())}
	case http.StatusUnauthorized:
		return nil, fmt.Errorf("%w: %s", err, cmp.Or(map[bool]string{true: "the credentials are refused"}[authorization(h.options) != ""], "it asks for credentials"))
	case http.StatusRequestEntityTooLarge:
		return nil, fmt.Errorf("%w: %w", err, errTooLarge)
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return nil, fmt.Errorf("%w: %w", err, errNotSpoken)
	}
	return nil, err
}

// getJSON asks for path and decodes the answer, which must be JSON to its end, into v. A 404 or a web page in its place
// says that the API is not spoken.
func (h *httpClient) getJSON(ctx context.Context, path string, query url.Values, v any) error {
	a, err := h.get(ctx, path, query, "application/json")
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound {
		return fmt.Errorf("GET %s: 404 Not Found%s: %w", path, says(a.body), errNotSpoken)
	}
	return a.decode(path, v)
}

// decode reads the answer's JSON into v.
func (a *answer) decode(path string, v any) error {
	if a.isPage() {
		return fmt.Errorf("GET %s: the answer is a web page: %w", path, errNotSpoken)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		return &temporaryError{err: fmt.Errorf("GET %s: the answer of %d bytes is no whole JSON: %w", path, len(a.body), err)}
	}
	return nil
}

// isPage reports whether the answer is HTML, as a user interface gives it for any path that it does not know.
func (a *answer) isPage() bool {
	return strings.HasPrefix(a.contentType, "text/html") || bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<"))
}

// transportError says whether it is of use to try again after a request that got no answer.
func transportError(err error) error {
	var redirected *url.Error
	if errors.As(err, &redirected) {
		err = redirected.Err // it repeats the URL with its query
	}
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		alert    tls.AlertError
		plainTLS = strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &verify), errors.As(err, &alert):
		return fmt.Errorf("TLS: %w (--source-ca FILE names the authority to trust)", err)
	case errors.As(err, &record), plainTLS:
		return fmt.Errorf("TLS: %w (is it http instead of https?)", err)
	case strings.Contains(err.Error(), "redirected"):
		return err
	}
	return &temporaryError{err: err}
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 {
		return time.Duration(min(n, 1<<30)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// says quotes the start of what a server says of an error.
func says(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 300)]), "")), " ")
	if text == "" || strings.HasPrefix(text, "<") {
		return ""
	}
	return ": " + text
}

// shownURL is a URL without what may be secret in it.
func shownURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the given URL"
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}
