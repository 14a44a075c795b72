package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// A host gives the embedded receiver its extensions and hears of listeners that break.
type host struct {
	extensions map[component.ID]component.Component
	failed     chan<- error
}

func (s *Server) host() component.Host {
	var token *bearer
	extensions := map[component.ID]component.Component{}
	if s.config.BearerToken != "" {
		token = newBearer(s.config.BearerToken, s.counters.unauthenticated)
		extensions[bearerID] = token
	}
	extensions[guardID] = newGuard(s, token)
	return &host{extensions: extensions, failed: s.failed}
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report implements componentstatus.Reporter.
func (h *host) Report(event *componentstatus.Event) {
	if event.Status() != componentstatus.StatusFatalError {
		return
	}
	select {
	case h.failed <- event.Err():
	default: // the first failure is enough
	}
}

// A bearer lets in requests that carry the token. It keeps the token's digest: comparing digests takes the same time
// whatever the guess, its length included.
type bearer struct {
	noLifecycle
	digest  [sha256.Size]byte
	refused prometheus.Counter
}

func newBearer(token string, refused prometheus.Counter) *bearer {
	return &bearer{digest: sha256.Sum256([]byte(token)), refused: refused}
}

var errUnauthenticated = errors.New("the bearer token is missing or wrong")

// Authenticate implements extensionauth.Server for gRPC metadata, whose keys are lower case, and HTTP headers.
func (b *bearer) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	for key, values := range sources {
		if !strings.EqualFold(key, "authorization") {
			continue
		}
		for _, value := range values {
			scheme, token, _ := strings.Cut(value, " ")
			digest := sha256.Sum256([]byte(strings.TrimSpace(token)))
			if strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare(digest[:], b.digest[:]) == 1 {
				return ctx, nil
			}
		}
	}
	b.refused.Inc()
	return ctx, errUnauthenticated
}

// noLifecycle is a component with nothing to start or stop.
type noLifecycle struct{}

func (noLifecycle) Start(context.Context, component.Host) error { return nil }
func (noLifecycle) Shutdown(context.Context) error              { return nil }
