package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// importOptions are the arguments and flags of import.
type importOptions struct {
	files  []string // - is standard input
	format string
}

func importCommand(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:     "import FILE...",
		Short:   "Store the traces of files",
		GroupID: groupInput,
		Long: `Store the traces and metrics of files, - for standard input, in the database; through the running server when there
is one. The format is found by looking at the content: OTLP as JSON, JSON lines or protobuf, Jaeger, Zipkin and Tempo
JSON, Tempo protobuf, each plain or compressed with gzip or zstd.

What cannot be read is refused record by record, with its place and the reason; the rest is stored. The exit code is 1
when a whole file was refused. Importing a file twice changes no answer: exact copies of a span count once.`,
		Example: `  slowtoken import traces.json more.jsonl.gz
  kubectl exec deploy/collector -- cat /data/traces.jsonl | slowtoken import -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("import: name at least one FILE, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			return a.runImport(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json: `FORMAT`")
	a.config.addFlags(cmd.Flags(), "drop-content", "memory-limit")
	return cmd
}

func (a *app) runImport(ctx context.Context, o importOptions) error {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	db, err := openStore(ctx, a.config, false)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer db.Close()
	w := newSpanWriter(ctx, db)
	bar := a.progress("importing", totalSize(o.files))
	var files []importedFile
	var done int64
	for _, name := range o.files {
		f, err := a.importFile(name, w, func(n int64) { bar.set(done + n) })
		if err != nil {
			f.Error = err.Error()
		}
		done += f.Bytes
		files = append(files, f)
		if w.failed() != nil || ctx.Err() != nil {
			break
		}
	}
	err = w.close()
	bar.done()
	if ctx.Err() != nil {
		return withHint(fmt.Errorf("import into %s: interrupted", a.config.DB), "a part may be stored; importing the files again changes no answer")
	}
	if err != nil {
		err = fmt.Errorf("import into %s: store: %w", a.config.DB, err)
		return withHint(err, "a part may be stored; once the cause is mended, import the files again: copies of a span count once")
	}
	return a.tellImport(o, files)
}

// An importedFile is what became of one file.
type importedFile struct {
	Name     string            `json:"name"`
	Formats  []string          `json:"formats"`
	Bytes    int64             `json:"bytes"`
	Spans    int               `json:"spans"`
	Traces   int               `json:"traces"`
	Points   int               `json:"metric_points"`
	Logs     int               `json:"log_records"` // counted, not stored
	Refused  ingest.Refusals   `json:"refused,omitempty"`
	Details  []string          `json:"refused_first,omitempty"`
	Warnings analyzer.Warnings `json:"warnings,omitempty"`
	Error    string            `json:"error,omitempty"` // why nothing more, or nothing at all, could be read
}

func (a *app) importFile(name string, w *spanWriter, progress func(int64)) (importedFile, error) {
	r, shown, err := a.openInput(name)
	if err != nil {
		return importedFile{Name: name}, err
	}
	defer r.Close()
	s, err := ingest.Read(w.ctx, shown, r, ingest.ReadOptions{Metrics: w.addPoints, Progress: progress}, func(spans []analyzer.Span) error {
		if a.config.DropContent {
			ingest.DropContent(spans)
		}
		return w.add(spans)
	})
	return importedFile{
		Name: s.Name, Formats: s.Formats, Bytes: s.Bytes, Spans: s.Spans, Traces: s.Traces, Points: s.Points, Logs: s.Logs,
		Refused: s.Refused, Details: s.Details, Warnings: s.Warnings,
	}, err
}

// stdinName is what standard input is called in answers.
const stdinName = "standard input"

// openInput opens a file named on the command line, or standard input for -, and returns what to call it.
func (a *app) openInput(name string) (r io.ReadCloser, shown string, err error) {
	if name == "-" {
		return io.NopCloser(a.stdin), stdinName, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, "", err
	}
	return f, name, nil
}

// totalSize adds up the sizes of files, or returns -1 when one cannot be told.
func totalSize(files []string) (total int64) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return -1
		}
		total += info.Size()
	}
	return total
}

// tellImport prints the summary and returns the exit code's error.
func (a *app) tellImport(o importOptions, files []importedFile) error {
	broken := 0
	for _, f := range files {
		if f.Error != "" {
			broken++
		}
	}
	if o.format == "json" {
		err := a.printJSON(struct {
			Database string         `json:"database"`
			Files    []importedFile `json:"files"`
		}{a.config.DB, files})
		if err != nil {
			return err
		}
	} else {
		for _, f := range files {
			f.print(a.stdout)
		}
	}
	switch {
	case broken == 0:
		return nil
	case o.format == "json": // it says which and why
		return exitWith(exitFailure)
	}
	return fmt.Errorf("import: %d of %s not read, or not to the end", broken, plural(len(files), "file"))
}

// print says in a few lines what came in and what was refused.
func (f importedFile) print(w io.Writer) {
	if f.Error != "" {
		// The reader's own errors name the file already.
		fmt.Fprintln(w, printable(prefixed(f.Name, f.Error)))
	}
	if f.Error != "" && f.Spans+f.Points+f.Logs == 0 {
		return
	}
	parts := []string{plural(f.Spans, "span") + " of " + plural(f.Traces, "trace")}
	if f.Points > 0 {
		parts = append(parts, plural(f.Points, "metric point"))
	}
	if f.Logs > 0 {
		parts = append(parts, plural(f.Logs, "log record")+" (not stored)")
	}
	fmt.Fprintf(w, "%s: %s [%s]\n", printable(f.Name), strings.Join(parts, ", "), strings.Join(f.Formats, ", "))
	for _, reason := range f.Refused.Reasons() {
		fmt.Fprintf(w, "  refused %d: %s\n", f.Refused[reason], printable(reason))
	}
	for _, detail := range f.Details {
		fmt.Fprintf(w, "    %s\n", printable(detail))
	}
	if more := f.Refused.Total() - len(f.Details); more > 0 && len(f.Details) > 0 {
		fmt.Fprintf(w, "    and %d more\n", more)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Warnings)) {
		fmt.Fprintf(w, "  note: %s: %d\n", name, f.Warnings[name])
	}
}

func prefixed(name, message string) string {
	if strings.Contains(message, name) {
		return message
	}
	return name + ": " + message
}
