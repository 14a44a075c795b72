package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/storage"
)

// exportOptions are the flags of export.
type exportOptions struct {
	window  windowOptions
	format  string
	out     string
	metrics bool
}

var exportFormats = []string{"parquet", "otlp", "otlp-json"}

// traces reports whether the answer holds traces.
func (o exportOptions) traces() bool { return !o.metrics }

// points reports whether the answer holds metric points. Only JSON lines can hold both: messages of protobuf do not say
// what they are.
func (o exportOptions) points() bool { return o.metrics || o.format == "otlp-json" }

func exportCommand(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write stored traces and metric points to a file that other tools read",
		GroupID: groupInput,
		Long: `Write the traces of a window, whole, and its metric points to a file that other tools read; slowtoken import, too,
except for parquet.

Formats:
  parquet    one row a span, with the columns of the database (docs/schema.md); no metric points
  otlp       OTLP protobuf, as a sequence of TracesData messages; their concatenation is one TracesData message, too.
             With --metrics, MetricsData messages with the metric points instead: the two cannot share a file
  otlp-json  OTLP JSON, one TracesData or MetricsData message a line, as the collector's file exporter writes them.
             With --metrics, only the metric points`,
		Example: `  slowtoken export --format parquet --out traces.parquet
  slowtoken export --format otlp --metrics --out metrics.pb
  slowtoken export --format otlp-json --since 1h --out - | gzip > traces.jsonl.gz`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runExport(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.format, "format", "", "parquet, otlp or otlp-json: `FORMAT`")
	cmd.Flags().BoolVar(&o.metrics, "metrics", false, "write the metric points and no traces")
	cmd.Flags().StringVar(&o.out, "out", "-", "`FILE` to write, - for standard output")
	o.window.addFlags(cmd.Flags())
	a.config.addFlags(cmd.Flags(), "settle")
	return cmd
}

func (a *app) runExport(ctx context.Context, o exportOptions) error {
	if !slices.Contains(exportFormats, o.format) {
		return usageError("export: --format %q: use %s", o.format, strings.Join(exportFormats, ", "))
	}
	if o.metrics && o.format == "parquet" {
		return usageError("export: --metrics needs --format otlp or otlp-json: parquet has rows for spans only")
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
	var counts storage.Counts
	if o.traces() {
		if counts, err = db.Count(ctx, query); err != nil {
			return fmt.Errorf("export from %s: %w", a.config.DB, err)
		}
	}
	points, err := anyPoints(ctx, db, query)
	if err != nil {
		return fmt.Errorf("export from %s: %w", a.config.DB, err)
	}
	if counts.OpenTraces > 0 {
		a.note("left out %s that may still grow; --settle 0s takes them as they are", plural(counts.OpenTraces, "trace"))
	}
	switch {
	case points && !o.points():
		a.note("left out the metric points: --metrics writes them, in format otlp or otlp-json")
	case !points && o.metrics:
		return noDataError("no metric points in %s, %s", a.config.DB, w)
	}
	if counts.Traces == 0 && !(points && o.points()) {
		return noSpans(ctx, a, db, w, "export --format "+o.format)
	}
	err = a.writeOut(o.out, func(out io.Writer) error {
		if o.format == "parquet" {
			return db.ExportParquet(ctx, query, out)
		}
		return exportOTLP(ctx, db, query, o, out)
	})
	if err != nil {
		return fmt.Errorf("export %s from %s: %w", o.format, a.config.DB, err)
	}
	return nil
}

// anyPoints reports whether the window holds metric points.
func anyPoints(ctx context.Context, db metricReader, query storage.Query) (bool, error) {
	for points, err := range db.MetricPoints(ctx, query.Since, query.Until) {
		if err != nil || len(points) > 0 {
			return len(points) > 0, err
		}
	}
	return false, nil
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

// exportOTLP writes the spans and the metric points that are asked for as a sequence of messages.
func exportOTLP(ctx context.Context, db store, query storage.Query, o exportOptions, out io.Writer) error {
	spans, points := encodeOTLP, encodeMetrics
	if o.format == "otlp-json" {
		spans, points = encodeOTLPJSON, encodeMetricsJSON
	}
	if o.traces() {
		err := writeMessages(db.Spans(ctx, query), out, func(part []analyzer.Span) ([]byte, error) { return spans(ingest.ToTraces(part)) })
		if err != nil {
			return err
		}
	}
	if o.points() {
		return writeMessages(db.MetricPoints(ctx, query.Since, query.Until), out,
			func(part []analyzer.MetricPoint) ([]byte, error) { return points(ingest.ToMetrics(part)) })
	}
	return nil
}

// writeMessages writes records, some to a message.
func writeMessages[T any](records iter.Seq2[[]T, error], out io.Writer, encode func([]T) ([]byte, error)) error {
	for batch, err := range records {
		if err != nil {
			return err
		}
		for part := range slices.Chunk(batch, recordsPerMessage) {
			message, err := encode(part)
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

// recordsPerMessage keeps messages and lines at a size that every reader takes.
const recordsPerMessage = 1000

func encodeOTLP(td ptrace.Traces) ([]byte, error) {
	return new(ptrace.ProtoMarshaler).MarshalTraces(td)
}

func encodeOTLPJSON(td ptrace.Traces) ([]byte, error) {
	line, err := new(ptrace.JSONMarshaler).MarshalTraces(td)
	return append(line, '\n'), err
}

func encodeMetrics(md pmetric.Metrics) ([]byte, error) {
	return new(pmetric.ProtoMarshaler).MarshalMetrics(md)
}

func encodeMetricsJSON(md pmetric.Metrics) ([]byte, error) {
	line, err := new(pmetric.JSONMarshaler).MarshalMetrics(md)
	return append(line, '\n'), err
}
