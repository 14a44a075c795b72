package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// AdminHandler serves /healthz (the process answers), /readyz (it receives; 503 while it starts or stops) and /metrics
// (Prometheus).
func (s *Server) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			http.Error(w, "not receiving: starting or stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.counters.registry, promhttp.HandlerOpts{Registry: s.counters.registry}))
	return mux
}

func (s *Server) startAdmin() error {
	endpoint := s.config.AdminEndpoint
	if endpoint == Off {
		return nil
	}
	if endpoint == "" {
		endpoint = DefaultAdminEndpoint
	}
	listener, err := net.Listen("tcp", endpoint)
	if err != nil {
		return fmt.Errorf("open the admin port (choose another with --admin-endpoint, or %q): %w", Off, err)
	}
	s.info.Admin = listener.Addr().String()
	s.admin = &http.Server{Handler: s.AdminHandler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() {
		if err := s.admin.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the admin port stopped", "error", err)
		}
	}()
	return nil
}

func (s *Server) stopAdmin(ctx context.Context) error {
	if s.admin == nil {
		return nil
	}
	if err := s.admin.Shutdown(ctx); err != nil {
		_ = s.admin.Close()
		return fmt.Errorf("stop the admin port: %w", err)
	}
	return nil
}
