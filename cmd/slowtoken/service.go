package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/storage"
)

// A service is a running server: it owns the database, receives OTLP, and answers the other commands over a socket.
type service struct {
	db     *storage.DB
	socket *socketServer
	otlp   *ingest.Server
}

// startService opens the database and starts receiving. What it opened is closed again when a later step fails.
func (a *app) startService(ctx context.Context, c *config) (_ *service, err error) {
	token, err := bearerToken(c)
	if err != nil {
		return nil, err
	}
	s := &service{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
		}
	}()
	if s.db, err = openOwned(ctx, c); err != nil {
		return nil, err
	}
	s.otlp, err = ingest.NewServer(ingest.ServerConfig{
		Receiver:        c.receiverSettings(),
		GRPCEndpoint:    c.Serve.GRPCEndpoint,
		HTTPEndpoint:    c.Serve.HTTPEndpoint,
		AdminEndpoint:   c.Serve.AdminEndpoint,
		TLSCertFile:     c.Serve.TLSCert,
		TLSKeyFile:      c.Serve.TLSKey,
		TLSClientCAFile: c.Serve.TLSClientCA,
		BearerToken:     token,
		DropContent:     c.DropContent,
		Limits: ingest.Limits{
			Spans: c.Serve.MaxSpans, Attributes: c.Serve.MaxAttributes,
			ValueBytes: c.Serve.MaxValueSize << 10, Depth: c.Serve.MaxNesting,
		},
		QueueDepth: s.db.Queued,
		Collectors: databaseMetrics(s.db, c.DB),
		Logger:     a.log,
		Version:    buildVersion(),
	}, spanSink{s.db}, spanSink{s.db})
	if err != nil {
		return nil, usageError("%w", err)
	}
	info, err := s.otlp.Start(ctx)
	if err != nil {
		return nil, portHint(err, c)
	}
	if s.socket, err = listenSocket(c, s.db, info); err != nil {
		return nil, err
	}
	return s, nil
}

// stop ends in the order of the flow: what was received is stored before the database closes. It may be called on a
// service that started in part.
func (s *service) stop(ctx context.Context) error {
	var errs []error
	if s.otlp != nil {
		errs = append(errs, s.otlp.Shutdown(ctx))
	}
	if s.socket != nil {
		errs = append(errs, s.socket.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// A spanSink stores what was received. Its traces may still grow.
type spanSink struct{ db *storage.DB }

// Insert implements ingest.Sink.
func (s spanSink) Insert(ctx context.Context, spans []analyzer.Span) error {
	return asBusy(s.db.Insert(ctx, spans, storage.InsertOptions{}))
}

// InsertMetrics implements ingest.MetricSink.
func (s spanSink) InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error {
	return asBusy(s.db.InsertMetrics(ctx, points))
}

// A busyError tells the receiver that its sender should come back.
type busyError struct {
	error
	later time.Duration
}

func asBusy(err error) error {
	switch {
	case errors.Is(err, storage.ErrBusy):
		return busyError{err, time.Second}
	case errors.Is(err, storage.ErrDiskFull):
		return busyError{err, 30 * time.Second}
	}
	return err
}

func (e busyError) Unwrap() error { return e.error }

// RetryAfter is when to come back.
func (e busyError) RetryAfter() time.Duration { return e.later }

// bearerToken returns the token that clients must send, "" for none.
func bearerToken(c *config) (string, error) {
	if c.Serve.BearerTokenFile == "" {
		return c.Serve.BearerToken, nil
	}
	token, err := ingest.BearerToken(c.Serve.BearerTokenFile)
	if err != nil {
		return "", usageError("serve: %w", err)
	}
	return token, nil
}

// receiverSettings returns the receiver's own settings with the limit that --max-recv-size sets.
func (c *config) receiverSettings() map[string]any {
	if c.lookup("serve.max-recv-size").origin == defaultOrigin {
		return c.receiver
	}
	settings := c.receiver
	if settings == nil {
		settings = map[string]any{}
	}
	protocols, ok := settings["protocols"].(map[string]any)
	if !ok {
		protocols = map[string]any{"grpc": nil, "http": nil}
		settings["protocols"] = protocols
	}
	for name, limit := range map[string]struct {
		key   string
		value int
	}{
		"grpc": {"max_recv_msg_size_mib", c.Serve.MaxRecvSize},
		"http": {"max_request_body_size", c.Serve.MaxRecvSize << 20},
	} {
		protocol, present := protocols[name]
		if !present {
			continue
		}
		own, ok := protocol.(map[string]any)
		if !ok {
			own = map[string]any{}
		}
		own[limit.key] = limit.value
		protocols[name] = own
	}
	return settings
}

// otherPort suggests a port to use in place of one that is taken: 14317 for 4317.
func otherPort(port int) int {
	if port > 55000 {
		return port - 10000
	}
	return port + 10000
}

// portHint names who holds a port that could not be opened, and how to go on beside it.
func portHint(err error, c *config) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	for _, endpoint := range []struct{ flag, address string }{
		{"--otlp-grpc-endpoint", c.Serve.GRPCEndpoint},
		{"--otlp-http-endpoint", c.Serve.HTTPEndpoint},
		{"--admin-endpoint", c.Serve.AdminEndpoint},
	} {
		if port := portOf(endpoint.address); port != 0 && portTaken(endpoint.address) {
			host, _, _ := net.SplitHostPort(endpoint.address) // portOf has split it already
			pid, name := portOwner(port)
			return withHint(fmt.Errorf("serve: cannot listen on %s: it is taken by %s", endpoint.address, process(pid, name)),
				"if that is a collector, let it send a copy: slowtoken serve %s %s\n%s off goes without it",
				endpoint.flag, net.JoinHostPort(host, strconv.Itoa(otherPort(port))), endpoint.flag)
		}
	}
	return err
}
