package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
)

// whatIfOptions say what whatif replays, and with what changed.
type whatIfOptions struct {
	files    []string
	source   sourceOptions
	window   windowOptions
	limits   limitOptions // its facts
	scenario population.Scenario
	write    func(io.Writer, *report.WhatIf) error
	out      string
	memory   int64
}

func whatIfCommand(a *app) *cobra.Command {
	var o whatIfOptions
	var scales []string
	memory, format := "256MB", "text"
	cmd := &cobra.Command{
		Use:   "whatif [FILE...]",
		Short: "Say what a change would bring, by replaying the requests",
		Long: `Replays the requests that really arrived through a model of their server, once as it is and once with what you
change, and prints p50, p95 and p99 of TTFT and E2E before and after. A request that is served faster lets go of its
slot earlier, so that others wait for less: that is in the answer. The figures under "if nobody were waiting" leave it
out: they only take the change off each request.

The replay of today comes first: if it misses the observed p50 or p95 of E2E by over 10 %, no change is trusted to it,
whatif says by how much it misses, and ends with exit code 1.

  --scale PHASE=K    a phase takes K times as long, such as prefill=0.8; queue is what comes out, and cannot be scaled
  --slots N          as many requests at once in the stage that requests wait for
  --rate K           requests arrive K times as fast
  --chunk-budget N   an engine with continuous batching computes up to N tokens a step

It reads what analyze reads. There is no filter: whoever is left out holds slots, too. docs/whatif.md says more.`,
		Example: `  slowtoken whatif --scale prefill=0.8 --fact replicas=1 traces.json
  slowtoken whatif --slots 64 --since 1h
  slowtoken whatif --rate 1.5 --scale decode=0.7 --since 1h -o json`,
		GroupID: groupAnswer,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.files = args
			if o.scenario.Scale, err = parseScales(scales); err != nil {
				return err
			}
			for name, set := range map[string]bool{"slots": o.scenario.Slots < 1, "chunk-budget": o.scenario.ChunkBudget < 1, "rate": o.scenario.Rate <= 0} {
				if set && cmd.Flags().Changed(name) {
					return usageError("--%s %s: want a number above 0", name, cmd.Flag(name).Value)
				}
			}
			if err := o.scenario.Check(); err != nil {
				return withHint(usageError("whatif: %w", err), "say what to change: --scale PHASE=K, --slots N, --rate K or --chunk-budget N")
			}
			switch format {
			case "text":
				o.write = report.WriteWhatIfText
			case "json":
				o.write = report.WriteWhatIfJSON
			default:
				return usageError("-o %s: unknown output format; use text or json", format)
			}
			if o.memory, err = parseSize(memory); err != nil {
				return usageError("--memory %s: %w", memory, err)
			}
			return a.runWhatIf(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&scales, "scale", nil, "let a phase take K times as long, `PHASE=K` such as prefill=0.8; may be repeated")
	flags.IntVar(&o.scenario.Slots, "slots", 0, "let `N` requests at once into the stage that requests wait for")
	flags.Float64Var(&o.scenario.Rate, "rate", 0, "let requests arrive `K` times as fast")
	flags.Int64Var(&o.scenario.ChunkBudget, "chunk-budget", 0, "let the engine compute up to `N` tokens a step")
	o.source.addFlags(flags)
	o.window.addFlags(flags)
	a.config.addFlags(flags, "settle", "mapping", "facts", "source.")
	flags.StringArrayVar(&o.limits.facts, "fact", nil, "what traces do not carry, `KEY=VALUE` such as replicas=2 or sampling=none; may be repeated")
	flags.StringVarP(&format, "output", "o", format, "output `FORMAT`: text, json")
	flags.StringVar(&o.out, "out", "", "write the answer to `FILE`")
	flags.StringVar(&memory, "memory", memory, "keep spans in memory up to this `SIZE`; more are read in several passes")
	return cmd
}

// parseScales reads PHASE=K.
func parseScales(list []string) (map[analyzer.Phase]float64, error) {
	scales := map[analyzer.Phase]float64{}
	for _, s := range list {
		name, factor, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usageError("--scale %s: want PHASE=K such as prefill=0.8", s)
		}
		phase, err := analyzer.ParsePhase(name)
		if err != nil {
			var names []string
			for _, p := range analyzer.Phases {
				names = append(names, p.String())
			}
			return nil, withGuess(usageError("--scale %s: %w", s, err), name, names)
		}
		k, err := strconv.ParseFloat(factor, 64)
		if err != nil {
			return nil, usageError("--scale %s: %q is no number", s, factor)
		}
		if _, twice := scales[phase]; twice {
			return nil, usageError("--scale %s: %s is scaled twice", s, phase)
		}
		scales[phase] = k
	}
	return scales, nil
}

// runWhatIf reads what o asks for, replays it and prints the answer. One without a replay is an error, after what can be
// said without it.
func (a *app) runWhatIf(ctx context.Context, o whatIfOptions) error {
	w, err := o.window.parse(a.now())
	if err != nil {
		return err
	}
	l, err := a.language()
	if err != nil {
		return err
	}
	ro := report.Options{Dialects: l.dialects}
	ro.Window.Since, ro.Window.Until = w.nanos()
	if ro.Facts, err = o.limits.readFacts(a.config.Facts); err != nil {
		return err
	}
	from := reading{files: o.files, window: w, whole: l.whole, memory: o.memory}
	if o.source.asked() {
		if len(o.files) > 0 {
			return usageError("whatif: FILEs and --jaeger or --tempo exclude each other")
		}
		from.source = &o.source
	}
	src, err := a.openTraces(ctx, from)
	if err != nil {
		return err
	}
	defer src.close()
	ro.Source, ro.LeftOut = src.name, src.leftOut
	r, err := report.BuildWhatIf(src.traces, o.scenario, ro)
	if err != nil {
		return err
	}
	if r.Traces == 0 {
		return a.nothingFound(ctx, src, w, analyzeOptions{files: o.files})
	}
	if err := a.writeOut(o.out, func(w io.Writer) error { return o.write(w, r) }); err != nil {
		return err
	}
	if why := r.Refusal(); why != nil {
		err := &exitError{code: exitFailure, err: errRefused{*why}}
		if why.Remedy != "" {
			return withHint(err, "%s", why.Remedy)
		}
		return err
	}
	return nil
}

// errRefused says that the data cannot carry the claim that was asked for.
type errRefused struct{ population.Abstention }

func (e errRefused) Error() string { return e.What + ": " + e.Why }
