package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
)

// compareOptions say what compare looks at and how it answers.
type compareOptions struct {
	sides  [2]string // before and after, as typed
	filter population.Filter
	failOn string
	format string
	out    string
	memory int64
	seed   uint64
}

func compareCommand(a *app) *cobra.Command {
	var o compareOptions
	var where []string
	memory := "256MB"
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "Say what differs between two windows, and whether it can be chance",
		Long: `Compares the requests of two windows: latencies, errors and the time in each phase, before and after, with the change, its
95 % interval and how probable it is without any change. What can be chance is printed as ~.

BEFORE and AFTER are each a file of traces, a database file, an analysis saved with analyze -o json, or a window of the
database: SINCE..UNTIL, each written like --since of analyze, one of them may be left out.

Requests are resampled in blocks of time, since those of one moment are not independent of each other. Where prompts,
answers or models changed, latencies are compared at the same sizes too, so that more work is told apart from slower work.`,
		Example: `  slowtoken compare 2d..1d 1d..now
  slowtoken compare before.otlp.jsonl after.otlp.jsonl
  slowtoken analyze --since 1h -o json --out baseline.json
  slowtoken compare baseline.json 1h.. --fail-on 'regression>5%'
  slowtoken compare a.json b.json --fail-on 'ttft-p95>10%,errors>1%'`,
		GroupID: groupAnswer,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return withHint(usageError("compare wants two sides, BEFORE and AFTER, and has %d", len(args)), "slowtoken compare 2h..1h 1h..now")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.sides = [2]string(args)
			if o.filter.Where, err = parseWhere(where); err != nil {
				return err
			}
			if o.memory, err = parseSize(memory); err != nil {
				return usageError("--memory %s: %w", memory, err)
			}
			return a.runCompare(cmd.Context(), o)
		},
	}
	a.config.addFlags(cmd.Flags(), "settle", "mapping")
	cmd.Flags().StringVar(&o.filter.Service, "service", "", "only requests of this service (`NAME` as in service.name)")
	cmd.Flags().StringVar(&o.filter.Model, "model", "", "only requests of this model (`NAME`)")
	cmd.Flags().StringArrayVar(&where, "where", nil, "only requests with this attribute, `KEY=VALUE`, on their span, their server's span or the resource; may be repeated")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "", "exit with 3 if something is worse by more than a share, beyond chance: `CONDITIONS` such as 'regression>5%' or 'ttft-p95>10%,prefill>5%,errors>1%'")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "output `FORMAT`: "+report.CompareFormatNames())
	cmd.Flags().StringVar(&o.out, "out", "", "write the answer to `FILE`")
	cmd.Flags().StringVar(&memory, "memory", memory, "keep spans in memory up to this `SIZE`; more are read in several passes")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "`NUMBER` that resampling starts from: one seed, one answer")
	return cmd
}

// runCompare reads both sides and prints what differs.
func (a *app) runCompare(ctx context.Context, o compareOptions) error {
	write, err := compareFormat(o.format)
	if err != nil {
		return err
	}
	var gates []report.Gate
	if o.failOn != "" {
		if gates, err = report.ParseGates(o.failOn); err != nil {
			return usageError("--fail-on: %w", err)
		}
	}
	var samples [2]*population.Sample
	var sources [2]string
	for i, text := range o.sides {
		if samples[i], sources[i], err = a.readSide(ctx, text, o); err != nil {
			return err
		}
		if samples[i].Of == 0 {
			return withHint(noDataError("%s holds no request to compare", sources[i]), "slowtoken analyze says what is there")
		}
	}
	c := report.Compare(samples[0], samples[1], sources, gates, o.seed)
	if err := a.writeOut(o.out, func(w io.Writer) error { return write(w, c) }); err != nil {
		return err
	}
	switch {
	case c.Failed():
		return exitWith(exitFinding)
	case c.Undecided():
		return exitWith(exitNoData)
	}
	return nil
}

func compareFormat(name string) (func(io.Writer, *report.Comparison) error, error) {
	for _, f := range report.CompareFormats {
		if f.Name == name {
			return f.Write, nil
		}
	}
	return nil, usageError("-o %s: unknown output format; use %s", name, report.CompareFormatNames())
}

// The kinds of sides.
type sideKind uint8

const (
	sideTraces sideKind = iota
	sideDatabase
	sideSaved
)

// readSide reads what an argument names, and how a person would name it.
func (a *app) readSide(ctx context.Context, text string, o compareOptions) (*population.Sample, string, error) {
	if _, err := os.Stat(text); err != nil {
		w, windowErr := parseWindow(text)
		if windowErr != nil {
			return nil, "", withHint(usageError("%s: %w", text, windowErr), "a window is SINCE..UNTIL, such as 2h..1h")
		}
		parsed, err := w.parse(a.now())
		if err != nil {
			return nil, "", err
		}
		return a.sampleTraces(ctx, reading{window: parsed}, o, text)
	}
	kind, err := kindOf(text)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", text, err)
	}
	switch kind {
	case sideSaved:
		return readSaved(text, o)
	case sideDatabase:
		other, settings := *a, *a.config
		settings.DB = text
		other.config = &settings
		return other.sampleTraces(ctx, reading{}, o, text)
	}
	return a.sampleTraces(ctx, reading{files: []string{text}}, o, text)
}

// sampleTraces reads the traces of a side.
func (a *app) sampleTraces(ctx context.Context, from reading, o compareOptions, shown string) (*population.Sample, string, error) {
	l, err := a.language()
	if err != nil {
		return nil, "", err
	}
	ro := report.Options{Filter: o.filter, Dialects: l.dialects}
	ro.Window.Since, ro.Window.Until = from.window.nanos()
	from.whole, from.memory = l.whole || len(o.filter.Where) > 0, o.memory
	src, err := a.openTraces(ctx, from)
	if err != nil {
		return nil, "", err
	}
	s, err := report.Sample(src.traces, ro)
	if err == nil {
		a.noteLeftOut(src)
	}
	return s, shown, errors.Join(err, src.close())
}

// readSaved reads a saved analysis, which holds the requests that it was made of: narrowing them comes too late.
func readSaved(name string, o compareOptions) (*population.Sample, string, error) {
	if o.filter.Service != "" || o.filter.Model != "" || len(o.filter.Where) > 0 {
		return nil, "", withHint(usageError("%s is a saved analysis: --service, --model and --where cannot narrow it", name), "give them to analyze -o json when it is saved")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	s, source, err := report.ReadSample(f)
	if errors.Is(err, report.ErrNoSample) {
		return nil, "", withHint(fmt.Errorf("%s: %w", name, err), "save it again with slowtoken analyze -o json")
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return s, fmt.Sprintf("%s (of %s)", name, source), nil
}

// kindOf tells a file's kind by its first bytes: DuckDB's magic number is its bytes 8 to 11, and a saved report names its
// schema first.
func kindOf(name string) (sideKind, error) {
	f, err := os.Open(name)
	if err != nil {
		return sideTraces, err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return sideTraces, err
	}
	text := string(head[:n])
	switch {
	case len(text) >= 12 && text[8:12] == "DUCK":
		return sideDatabase, nil
	case strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"`+report.Schema+`"`):
		return sideSaved, nil
	}
	return sideTraces, nil
}

var errNoSide = errors.New("is no file, and no window SINCE..UNTIL either")

// parseWindow reads SINCE..UNTIL; either may be left out, but not both.
func parseWindow(text string) (windowOptions, error) {
	since, until, ok := strings.Cut(text, "..")
	if !ok {
		return windowOptions{}, errNoSide
	}
	o := windowOptions{since: strings.TrimSpace(since), until: strings.TrimSpace(until)}
	if o.since == "" && o.until == "" {
		return windowOptions{}, errors.New("a window needs a start or an end")
	}
	return o, nil
}
