package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/storage"
)

// exportOptions are the flags of export.
type exportOptions struct {
	window windowOptions
	format string
	out    string
}

var exportFormats = []string{"parquet", "otlp", "otlp-json"}

func exportCommand(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write stored traces to a file that other tools read",
		GroupID: groupInput,
		Long: `Write the traces of a window, whole, to a file that other tools read.

Formats:
  parquet    one row a span, with the columns of the database (docs/schema.md)
  otlp       OTLP protobuf, as a sequence of TracesData messages; their concatenation is one TracesData message, too
  otlp-json  OTLP JSON, one TracesData message a line, as the collector's file exporter writes it`,
		Example: `  slowtoken export --format parquet --out traces.parquet
  slowtoken export --format otlp-json --since 1h --out - | gzip > traces.jsonl.gz`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runExport(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.format, "format", "", "parquet, otlp or otlp-json: `FORMAT`")
	cmd.Flags().StringVar(&o.out, "out", "-", "`FILE` to write, - for standard output")
	o.window.addFlags(cmd.Flags())
	a.config.addFlags(cmd.Flags(), "settle")
	return cmd
}

func (a *app) runExport(ctx context.Context, o exportOptions) error {
	if !slices.Contains(exportFormats, o.format) {
		return usageError("export: --format %q: use %s", o.format, strings.Join(exportFormats, ", "))
	}
	w, err := o.window.parse(a.now())
	if err != nil {
		return err
	}
	if o.out == "-" && o.format != "otlp-json" && isTerminal(a.stdout) {
		return withHint(usageError("export: %s is binary and standard output is a terminal", o.format), "name a file with --out")
	}
	db, err := openStore(ctx, a.config, true)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer db.Close()

	query := storage.Query{Columns: storage.AllColumns}
	query.Since, query.Until = w.nanos()
	if a.config.Settle > 0 {
		query.OpenSince = a.now().Add(-a.config.Settle).UnixNano()
	}
	counts, err := db.Count(ctx, query)
	if err != nil {
		return fmt.Errorf("export from %s: %w", a.config.DB, err)
	}
	if counts.OpenTraces > 0 {
		a.note("left out %s that may still grow; --settle 0s takes them as they are", plural(counts.OpenTraces, "trace"))
	}
	if counts.Traces == 0 {
		return noSpans(ctx, a, db, w, "export --format "+o.format)
	}
	err = a.writeOut(o.out, func(out io.Writer) error {
		if o.format == "parquet" {
			return db.ExportParquet(ctx, query, out)
		}
		return exportOTLP(ctx, db, query, o.format, out)
	})
	if err != nil {
		return fmt.Errorf("export %s from %s: %w", o.format, a.config.DB, err)
	}
	return nil
}

// noSpans explains an empty window: what the data does hold, and the command that would take it.
func noSpans(ctx context.Context, a *app, db store, w window, command string) error {
	nothing := noDataError("no spans in %s, %s", a.config.DB, w)
	status, err := db.Status(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w; and its status: %w", nothing, err)
	case status.Spans == 0:
		return withHint(nothing, "it is empty: slowtoken import FILE, or slowtoken serve, puts traces in")
	}
	return withHint(nothing, "its spans are from %s to %s; this takes all of them:\n  slowtoken %s --settle 0s",
		stamp(time.Unix(0, status.First).UTC()), stamp(time.Unix(0, status.Last).UTC()), command)
}

// exportOTLP writes the spans that query selects as a sequence of messages.
func exportOTLP(ctx context.Context, db store, query storage.Query, format string, out io.Writer) error {
	encode := encodeOTLP
	if format == "otlp-json" {
		encode = encodeOTLPJSON
	}
	for batch, err := range db.Spans(ctx, query) {
		if err != nil {
			return err
		}
		for part := range slices.Chunk(batch, spansPerMessage) {
			message, err := encode(ingest.ToTraces(part))
			if err != nil {
				return err
			}
			if _, err := out.Write(message); err != nil {
				return err
			}
		}
	}
	return nil
}

// spansPerMessage keeps messages and lines at a size that every reader takes.
const spansPerMessage = 1000

func encodeOTLP(td ptrace.Traces) ([]byte, error) {
	return new(ptrace.ProtoMarshaler).MarshalTraces(td)
}

func encodeOTLPJSON(td ptrace.Traces) ([]byte, error) {
	line, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
	return append(line, '\n'), err
}
