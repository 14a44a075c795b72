package main

import (
	"cmp"
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// analyzeOptions say what analyze looks at and how it answers.
type analyzeOptions struct {
	files  []string // read these; without any, the source, else the database
	source sourceOptions
	window windowOptions
	filter population.Filter
	limits limitOptions
	format string
	out    string // file to write the answer to; standard output when empty
	memory int64  // bytes that the spans in memory at once may take

	explain string   // print why this rule fires or does not, instead of the report
	failOn  []string // what ends the program with exit code 3
	draw    bool     // a long form: read the traces of exemplars again, for their waterfalls
}

func analyzeCommand(a *app) *cobra.Command {
	var o analyzeOptions
	var typed analysisFlags
	cmd := &cobra.Command{
		Use:   "analyze [FILE...]",
		Short: "Say where the time of the requests goes",
		Long: `Reads traces, turns every inference request into a ledger of phases along its critical path, and prints what the
requests spend their time on.

With FILEs (or - for standard input) it reads those and needs no database: OTLP as JSON, JSON lines or protobuf,
Jaeger, Zipkin and Tempo JSON, plain or compressed. With --jaeger or --tempo it fetches them, without a database too.
Without either it reads the database, through the running server when
there is one; the answer is the same.`,
		Example: `  slowtoken analyze traces.json
  slowtoken analyze --since 1h
  slowtoken analyze --jaeger http://jaeger:16686 --since 1h
  slowtoken analyze --since 2026-01-02T15:00:00Z --until 2026-01-02T16:00:00Z --model llama-3.1-8b
  slowtoken analyze --slo ttft=1s,tpot=50ms --target e2e-p95=20s --fact sampling=none traces.json
  slowtoken analyze --where tenant=acme --since 7d -o json`,
		GroupID: groupAnswer,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.files, o.draw = args, o.format != "text" && o.format != "json"
			if err := typed.read(&o); err != nil {
				return err
			}
			return a.runAnalyze(cmd.Context(), o)
		},
	}
	typed.addFlags(a, cmd.Flags(), &o)
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "output `FORMAT`: "+formatNames())
	cmd.Flags().StringVar(&o.out, "out", "", "write the answer to `FILE`")
	cmd.Flags().StringVar(&o.explain, "explain", "", "say why this `RULE` fires or does not, variable by variable, instead of the report")
	cmd.Flags().StringSliceVar(&o.failOn, "fail-on", nil, "end with exit code 3 at a finding of this severity or worse, or at a missed target: `WHAT` of critical, moderate, target")
	return cmd
}

// analysisFlags are the flags that say what is analyzed, as far as they are read after parsing.
type analysisFlags struct {
	where  []string
	memory string
}

func (f *analysisFlags) addFlags(a *app, flags *pflag.FlagSet, o *analyzeOptions) {
	o.source.addFlags(flags)
	o.window.addFlags(flags)
	a.config.addFlags(flags, "settle", "mapping", "facts", "source.", "links.", "rules.")
	flags.StringVar(&o.filter.Service, "service", "", "only requests of this service (`NAME` as in service.name)")
	flags.StringVar(&o.filter.Model, "model", "", "only requests of this model (`NAME`)")
	flags.StringArrayVar(&f.where, "where", nil, "only requests with this attribute, `KEY=VALUE`, on their span, their server's span or the resource; may be repeated")
	o.limits.addFlags(flags)
	flags.StringVar(&f.memory, "memory", "256MB", "keep spans in memory up to this `SIZE`; more are read in several passes")
}

func (f *analysisFlags) read(o *analyzeOptions) (err error) {
	if o.filter.Where, err = parseWhere(f.where); err != nil {
		return err
	}
	if o.memory, err = parseSize(f.memory); err != nil {
		return usageError("--memory %s: %w", f.memory, err)
	}
	return nil
}

// runAnalyze reads what o asks for and prints the report.
func (a *app) runAnalyze(ctx context.Context, o analyzeOptions) error {
	format, err := formatNamed(o.format)
	if err != nil {
		return err
	}
	if err := checkFailOn(o.failOn); err != nil {
		return err
	}
	r, set, err := a.analysis(ctx, o)
	if err != nil {
		return err
	}
	if o.draw {
		report.Redact(r) // the long forms are sent on; slowtoken report --include-content keeps what is left out
	}
	write := format.Write
	if o.explain != "" {
		write = func(w io.Writer, r *report.Report) error { return writeExplanation(w, set, r, o.explain, o.format) }
	}
	if err := a.writeOut(o.out, func(w io.Writer) error { return write(w, r) }); err != nil {
		return err
	}
	return failedOn(o.failOn, r)
}

// analysis reads what o asks for and computes its report, which the rules have had a look at.
func (a *app) analysis(ctx context.Context, o analyzeOptions) (*report.Report, *rules.Set, error) {
	w, err := o.window.parse(a.now())
	if err != nil {
		return nil, nil, err
	}
	l, err := a.language()
	if err != nil {
		return nil, nil, err
	}
	ro := report.Options{Filter: o.filter, Dialects: l.dialects}
	if ro.Rules, err = a.loadRules(); err != nil {
		return nil, nil, err
	}
	if o.explain != "" && ro.Rules.Rule(o.explain) == nil {
		return nil, nil, noRule("--explain "+o.explain, o.explain, ro.Rules)
	}
	ro.Window.Since, ro.Window.Until = w.nanos()
	if err := o.limits.apply(a.config, &ro); err != nil {
		return nil, nil, err
	}
	from := reading{files: o.files, window: w, whole: l.whole || len(o.filter.Where) > 0, memory: o.memory}
	if o.source.asked() {
		if len(o.files) > 0 {
			return nil, nil, usageError("FILEs and --jaeger or --tempo exclude each other")
		}
		from.source, from.service = &o.source, o.filter.Service
	}
	src, err := a.openTraces(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	defer src.close()
	ro.Metrics = src.metricPoints(ctx)
	ro.Source, ro.LeftOut, ro.TraceLink = src.name, src.leftOut, cmp.Or(a.config.Links.template(), src.link)
	if o.draw {
		ro.Traces = src.again
	}
	r, err := report.Build(src.traces, ro)
	if err != nil {
		return nil, nil, err
	}
	if r.Traces == 0 {
		return nil, nil, a.nothingFound(ctx, src, w, o)
	}
	return r, ro.Rules, nil
}

// nothingFound explains an empty answer: what the data does hold, and the command that would show it.
func (a *app) nothingFound(ctx context.Context, src *traceSource, w window, o analyzeOptions) error {
	err := noDataError("no traces in %s: %s", src.name, w)
	a.noteLeftOut(src)
	switch held, found := src.holds(ctx); {
	case !found && src.growing():
		return withHint(err, "ask again in %s, or take them as they are:\n  slowtoken analyze %s--settle 0s", a.config.Settle, src.args)
	case !found && len(o.files) > 0:
		return withHint(err, "no span could be read there; metrics and logs alone say nothing about a request")
	case !found:
		return withHint(err, "slowtoken doctor says why there is nothing to see")
	case o.filter.Service != "" || o.filter.Model != "" || len(o.filter.Where) > 0:
		return withHint(err, "no request there passes --service, --model and --where; without them there may be some")
	default:
		return withHint(err, "the data there is from %s; this shows all of it:\n  slowtoken analyze %s--since %s", held, src.args, stamp(held.Since))
	}
}

func formatNames() string {
	var names []string
	for _, f := range report.Formats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func formatNamed(name string) (report.Format, error) {
	for _, f := range report.Formats {
		if f.Name == name {
			return f, nil
		}
	}
	return report.Format{}, usageError("-o %s: unknown output format; use %s", name, formatNames())
}

func parseWhere(list []string) ([]population.Where, error) {
	var out []population.Where
	for _, s := range list {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, usageError("--where %s: want KEY=VALUE", s)
		}
		out = append(out, population.Where{Key: key, Value: value})
	}
	return out, nil
}
