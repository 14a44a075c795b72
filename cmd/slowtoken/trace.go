package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slowtoken/slowtoken/report"
)

// traceOptions say which traces to show and how.
type traceOptions struct {
	id       string   // the trace to show, as typed; "" for the only one
	files    []string // read these; without any, the database
	all      bool     // a line for each trace
	window   windowOptions
	format   string
	out      string // file to write the answer to; standard output when empty
	maxSpans int
	memory   int64 // bytes that the spans in memory at once may take
}

// traceFormats are the ways to show one trace.
var traceFormats = []struct {
	name  string
	write func(a *app, w io.Writer, v *report.TraceView, o traceOptions) error
}{
	{"text", func(a *app, w io.Writer, v *report.TraceView, o traceOptions) error {
		return report.WriteTraceText(w, v, report.TraceText{Width: a.columns(w), Colour: a.wantsColour(w), MaxSpans: o.maxSpans})
	}},
	{"json", func(_ *app, w io.Writer, v *report.TraceView, _ traceOptions) error {
		return report.WriteTraceJSON(w, v)
	}},
	{"jsonl", func(_ *app, w io.Writer, v *report.TraceView, _ traceOptions) error {
		return report.WriteTraceLine(w, &v.TraceLine)
	}},
	{"perfetto", func(_ *app, w io.Writer, v *report.TraceView, _ traceOptions) error {
		return report.WriteTracePerfetto(w, v)
	}},
}

func traceCommand(a *app) *cobra.Command {
	o := traceOptions{maxSpans: 200}
	memory := "256MB"
	cmd := &cobra.Command{
		Use:   "trace [ID]",
		Short: "Show one trace: its waterfall, critical path and ledgers",
		Long: `Shows one trace: a waterfall of its spans with the critical path, then every inference request with its tokens, its
measures and two ledgers, up to the first token and up to the end, whose lines add up exactly, then every doubt about
the telemetry.

ID is the trace id in hex. In the database, which is read through the running server when there is one, it is the full
id; with --file its first digits are enough, at least 4, and none are needed if the files hold one trace only.

-o perfetto writes a file for https://ui.perfetto.dev; -o json has everything. --all -o jsonl prints one line for each
trace, in the order of their ids.`,
		Example: `  slowtoken trace 4bf92f3577b34da6a3ce929d0e0e4736
  slowtoken trace 4bf9 --file traces.json
  slowtoken trace 4bf9 --file traces.json -o perfetto --out trace.perfetto.json
  slowtoken trace --all --file traces.json -o jsonl
  slowtoken trace --all --since 1h -o jsonl`,
		GroupID: groupAnswer,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				o.id = args[0]
			}
			if o.memory, err = parseSize(memory); err != nil {
				return usageError("--memory %s: %w", memory, err)
			}
			if o.format == "" {
				o.format = "text"
				if o.all {
					o.format = "jsonl"
				}
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.all {
				return a.runTraceLines(cmd.Context(), o)
			}
			return a.runTrace(cmd.Context(), o)
		},
	}
	o.window.addFlags(cmd.Flags())
	a.config.addFlags(cmd.Flags(), "settle", "mapping")
	cmd.Flags().StringArrayVar(&o.files, "file", nil, "read `FILE`, or - for standard input, instead of the database; may be repeated")
	cmd.Flags().BoolVar(&o.all, "all", false, "every trace, one line each")
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "output `FORMAT`: text, json, jsonl, perfetto (default text; jsonl with --all)")
	cmd.Flags().StringVar(&o.out, "out", "", "write the answer to `FILE`")
	cmd.Flags().IntVar(&o.maxSpans, "max-spans", o.maxSpans, "show this `NUMBER` of spans in the waterfall, those on the critical path first; 0 for all")
	cmd.Flags().StringVar(&memory, "memory", memory, "with --all, keep spans in memory up to this `SIZE`; more are read in several passes")
	return cmd
}

// check refuses options that make no sense together.
func (o *traceOptions) check() error {
	known := false
	for _, f := range traceFormats {
		known = known || f.name == o.format
	}
	switch {
	case !known:
		return usageError("-o %s: unknown output format; use text, json, jsonl or perfetto", o.format)
	case o.maxSpans < 0:
		return usageError("--max-spans %d: use a number of spans, or 0 for all", o.maxSpans)
	case o.all && o.id != "":
		return usageError("trace %s --all: name one trace or ask for all, not both", o.id)
	case o.all && o.format != "jsonl":
		return usageError("--all -o %s: with --all the only format is jsonl", o.format)
	case !o.all && (o.window.since != "" || o.window.until != ""):
		return usageError("--since and --until go with --all; the id of a trace needs no window")
	case !o.all && o.id == "" && len(o.files) == 0:
		return withHint(usageError("which trace? its id is missing"), "slowtoken analyze names some to look at; slowtoken trace --all lists every one")
	}
	return nil
}

// runTrace shows one trace.
func (a *app) runTrace(ctx context.Context, o traceOptions) error {
	l, err := a.language()
	if err != nil {
		return err
	}
	t, err := a.findTrace(ctx, o)
	if err != nil {
		return err
	}
	v := report.ViewTrace(t, l.dialects)
	return a.writeOut(o.out, func(w io.Writer) error {
		for _, f := range traceFormats {
			if f.name == o.format {
				return f.write(a, w, v, o)
			}
		}
		return nil
	})
}

// wantsColour reports whether colour is welcome on w.
func (a *app) wantsColour(w io.Writer) bool {
	return isTerminal(w) && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// columns returns how wide w is, 0 if it is no terminal.
func (a *app) columns(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	if n, err := strconv.Atoi(strings.TrimSpace(a.getenv("COLUMNS"))); err == nil && n > 0 {
		return min(n, 1000)
	}
	if n, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && n > 0 {
		return n
	}
	return 0
}
