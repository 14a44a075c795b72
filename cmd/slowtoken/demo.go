package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/slowtoken/slowtoken/inference/demo"
)

func demoCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "demo",
		Short:   "See an answer without any setup",
		GroupID: groupAnswer,
		Long: `Starts a server of its own on free ports with a database that is removed afterwards, sends it three minutes of recorded
traffic of a simulated vLLM server over OTLP/gRPC as if they had just happened, and analyzes them. Nothing else on this
machine is touched.`,
		Example: "  slowtoken demo",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context()) },
	}
}

func (a *app) runDemo(ctx context.Context) (err error) {
	recording, err := readRecording(demo.Recording())
	if err != nil {
		return fmt.Errorf("demo: read the recording: %w", err)
	}
	retime(recording, a.now())

	dir, err := os.MkdirTemp("", "slowtoken-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(dir)
	config := newConfig(a.getenv)
	config.DB = filepath.Join(dir, "demo.db")
	config.Settle = 0 // everything there is has been sent once the sender is done
	config.Serve.GRPCEndpoint, config.Serve.HTTPEndpoint, config.Serve.AdminEndpoint = "127.0.0.1:0", "127.0.0.1:0", "off"
	server, err := a.startService(ctx, config)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if stopErr := server.stop(stopCtx); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("demo: stop the server: %w", stopErr))
		}
	}()

	address := server.otlp.Info().GRPC
	spans, err := send(ctx, address, recording)
	if err != nil {
		return fmt.Errorf("demo: send the recording to %s: %w", address, err)
	}
	a.note("sent %d spans of a recorded, simulated vLLM server to a server on %s; slowtoken analyze --since 10m says:", spans, address)

	analysis := *a
	analysis.config = config
	if err := analysis.runAnalyze(ctx, analyzeOptions{window: windowOptions{since: "10m"}, format: "text", memory: 1 << 30}); err != nil {
		return err
	}
	a.note("that was the demo; its server and its data are removed now\n" +
		"  your own traces, from a file:     slowtoken analyze FILE\n" +
		"  your own traces, as they happen:  slowtoken serve, then send OTLP to 127.0.0.1:4317, then slowtoken analyze --since 10m")
	return nil
}

// readRecording decodes gzip-compressed OTLP JSON lines.
func readRecording(packed []byte) ([]ptrace.Traces, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var recording []ptrace.Traces
	lines := bufio.NewReader(unpacked)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", len(recording)+1, err)
			}
			recording = append(recording, td)
		}
		if errors.Is(err, io.EOF) {
			return recording, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// send exports every batch over OTLP/gRPC, in order, as an application would, and returns how many spans were stored.
func send(ctx context.Context, address string, batches []ptrace.Traces) (spans int, err error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	for _, td := range batches {
		response, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		if err != nil {
			return spans, err
		}
		if refused := response.PartialSuccess(); refused.RejectedSpans() > 0 {
			return spans, fmt.Errorf("%d spans were refused: %s", refused.RejectedSpans(), refused.ErrorMessage())
		}
		spans += td.SpanCount()
	}
	return spans, nil
}
