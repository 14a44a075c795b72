package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/storage"
)

func serveCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Receive traces and metrics over OTLP and store them",
		GroupID: groupInput,
		Long: `Receive traces and metrics over OTLP (gRPC and HTTP) and store them. A sender is answered once its spans are safe on
disk. While serve runs it owns the database; the other commands work through it without being told.

It listens on this machine only, unless an address says otherwise: then set --tls-cert and --tls-key, and a token or
--tls-client-ca. An interrupt or SIGTERM stops it once everything in flight is stored; a second one stops it at once.

An OpenTelemetry collector on this machine that already receives the traces, on these ports, can send a copy to another:

  exporters:
    otlp/slowtoken: {endpoint: "127.0.0.1:14317", tls: {insecure: true}}
  service:
    pipelines: {traces: {exporters: [<those you have>, otlp/slowtoken]}}`,
		Example: `  slowtoken serve
  slowtoken serve --otlp-grpc-endpoint 127.0.0.1:14317 --otlp-http-endpoint off
  slowtoken serve --otlp-grpc-endpoint 0.0.0.0:4317 --tls-cert server.crt --tls-key server.key --bearer-token-file token
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 my-application`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runServe(cmd.Context()) },
	}
	a.config.addFlags(cmd.Flags(), "serve.", "drop-content", "memory-limit")
	return cmd
}

// drainTime bounds how long a stop waits for what is in flight. Senders that were not answered send again.
const drainTime = 30 * time.Second

// memoryLimit is what Go takes in a server before it collects garbage more eagerly, unless GOMEMLIMIT says otherwise. With
// what the database takes and the program itself it is under 1 GiB. It bounds nothing: what is received is bounded where
// it is received.
const memoryLimit = 448 << 20

func (a *app) runServe(ctx context.Context) error {
	if a.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	s, err := a.startService(ctx, a.config)
	if err != nil {
		return err
	}
	info := s.otlp.Info()
	if a.config.LogFormat == "json" {
		a.log.Info("ready", "otlp_grpc", info.GRPC, "otlp_http", info.HTTP, "admin", info.Admin, "db", a.config.DB)
	} else {
		a.note("ready: receiving OTLP/gRPC on %s, OTLP/HTTP on %s; admin on %s; database %s",
			orOff(info.GRPC), orOff(info.HTTP), orOff(info.Admin), a.config.DB)
	}
	var broken error
	select {
	case <-ctx.Done():
		a.note("stopping: waiting for what is in flight; interrupt again to stop at once")
	case err := <-s.otlp.Failed():
		broken = fmt.Errorf("serve: a listener broke: %w", err)
	case err := <-s.db.Failed():
		broken = withHint(fmt.Errorf("serve: the database stopped working: %w", err),
			"what was acknowledged is safe; %s", wayOut(err))
	case <-s.socket.done: // its error comes with the stop
		a.note("stopping: other commands can no longer be answered")
	}
	// ctx is over, but the stop has its own time.
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err = s.stop(stopCtx)
	switch {
	case err == nil:
		return broken
	case broken != nil:
		a.log.Error("stop", "error", err) // most often for the same reason
		return broken
	}
	return fmt.Errorf("serve: stop: %w", err)
}

// wayOut says how to start again after the database stopped working.
func wayOut(err error) string {
	if errors.Is(err, storage.ErrNoMemory) {
		return "start again with a larger --memory-limit"
	}
	return "mend the disk and start again"
}

func orOff(address string) string {
	if address == "" {
		return "(off)"
	}
	return address
}
