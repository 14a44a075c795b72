package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	ollama string
	page   string // file for the report as a page
	keep   string // folder for the database
	length time.Duration
}

func demoCommand(a *app) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Make a server slow, see why, and see whether the advice holds",
		GroupID: groupAnswer,
		Long: `Starts a receiver and a gateway on free ports in front of an LLM server, and injects a fault: the gateway lets far fewer
requests in at once than the server could answer together; or, where that would not help, more requests arrive than the
server can answer. Their traces are analyzed, and a replay says what mending the fault would bring.
Then it is mended, the same requests arrive again, and what they took stands beside what was foretold.

The server is an Ollama that answers at $OLLAMA_HOST or on this machine, with a model that it has; else an installed
ollama, started for the while with a small model of random weights; else a simulated one, and everything says SIMULATED.
Nothing is left behind, unless --keep or --report says so.`,
		Example: `  slowtoken demo
  slowtoken demo --ollama sim --report demo.html   # without any model; the long report as a page, too
  slowtoken demo --keep /tmp/demo && slowtoken analyze --db /tmp/demo/demo.db`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.ollama, "ollama", "", "`URL` of an Ollama server, managed: start an installed one, or sim: simulate one (default: the first of these that there is)")
	f.StringVar(&o.page, "report", "", "write the long report to `FILE`, as a page (HTML)")
	f.StringVar(&o.keep, "keep", "", "keep the traces in `FOLDER`, as demo.db")
	f.DurationVar(&o.length, "length", 12*time.Second, "how long requests arrive, `DURATION`, each of two times")
	return cmd
}

// A demo is one run of it.
type demo struct {
	*app
	o        demoOptions
	config   *config // of the demo's own database and server
	receiver *service
	server   *demoServer
	requests []demoRequest
	quiet    *slog.Logger // of the gateway, which says nothing but warnings
}

// runDemo starts what is needed, and stops it in the reverse order.
func (a *app) runDemo(ctx context.Context, o demoOptions) (err error) {
	if o.length < 5*time.Second || o.length > 10*time.Minute {
		return usageError("demo: --length %s: want 5s to 10m", o.length)
	}
	dir, err := os.MkdirTemp("", "slowtoken-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(dir)
	d := &demo{app: a, o: o, config: newConfig(a.getenv), quiet: newLogger(a.stderr, "warn", a.config.LogFormat)}
	d.config.DB = filepath.Join(dir, "demo.db")
	if o.keep != "" {
		d.config.DB = filepath.Join(o.keep, "demo.db")
		if _, err := os.Stat(d.config.DB); err == nil {
			return usageError("demo: --keep %s: there is a demo.db already", o.keep)
		}
		if err := makeDataDir(d.config.DB); err != nil {
			return fmt.Errorf("demo: --keep: %w", err)
		}
	}
	d.config.Settle = 0 // everything there is has been sent once the gateway has stopped
	d.config.Serve.GRPCEndpoint, d.config.Serve.HTTPEndpoint, d.config.Serve.AdminEndpoint = "off", "127.0.0.1:0", "off"
	if d.receiver, err = a.startService(ctx, d.config); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if stopErr := d.receiver.stop(stopCtx); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("demo: stop the receiver: %w", stopErr))
		}
	}()
	if d.server, err = a.findDemoServer(ctx, o.ollama, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.stop()) }()
	return d.run(ctx)
}

// run shows a slow system, why it is slow, and what it is like without the fault.
func (d *demo) run(ctx context.Context) error {
	d.note("server    %s", d.server.about)
	fault, err := d.plan(ctx)
	if errors.Is(err, errTooSlow) && d.o.ollama == "" {
		d.note("%s; going on with a simulated server", err)
		if err = d.simulateInstead(); err == nil {
			fault, err = d.plan(ctx)
		}
	}
	if err != nil {
		return err
	}
	d.note("fault     %s", fault.about)
	slow, err := d.load(ctx, fault.slots, 1)
	if err != nil {
		return err
	}
	r, err := d.analyze(ctx, slow)
	if err != nil {
		return err
	}
	d.banner(d.stdout)
	if err := report.WriteText(d.stdout, r); err != nil {
		return err
	}
	foretold, why, err := d.foretell(ctx, slow, fault)
	if err != nil {
		return err
	}
	d.note("mended    %s", fault.mended)
	mended, err := d.load(ctx, fault.mendedSlots, fault.pace)
	if err != nil {
		return err
	}
	now, err := d.analyze(ctx, mended)
	if err != nil {
		return err
	}
	d.prove(r, now, fault, foretold, why)
	if err := d.writePage(r); err != nil {
		return err
	}
	d.whereNext(r)
	return nil
}

// reportOptions are how the demo's traces are analyzed.
func (d *demo) reportOptions(w window) (o report.Options, err error) {
	analysis := *d.app
	analysis.config = d.config
	language, err := analysis.language()
	if err != nil {
		return o, err
	}
	if o.Rules, err = analysis.loadRules(); err != nil {
		return o, err
	}
	limits := limitOptions{facts: append([]string{"sampling=none", "replicas=1"}, d.server.facts...)}
	err = limits.apply(d.config, &o)
	o.Dialects = language.dialects
	o.Window.Since, o.Window.Until = w.nanos()
	return o, err
}

// read calls build with the traces of a window.
func (d *demo) read(ctx context.Context, w window, build func(*traceSource, report.Options) error) error {
	o, err := d.reportOptions(w)
	if err != nil {
		return err
	}
	analysis := *d.app
	analysis.config = d.config
	src, err := analysis.openTraces(ctx, reading{window: w, memory: 1 << 30})
	if err != nil {
		return err
	}
	defer src.close()
	o.LeftOut, o.Metrics = src.leftOut, src.metricPoints(ctx)
	o.Source = "the demo's requests to " + d.server.about
	if d.server.simulated {
		o.Source = "SIMULATED requests to " + d.server.about
	}
	return build(src, o)
}

func (d *demo) analyze(ctx context.Context, w window) (r *report.Report, err error) {
	err = d.read(ctx, w, func(src *traceSource, o report.Options) (err error) {
		if r, err = report.Build(src.traces, o); err == nil && r.Requests.Total == 0 {
			err = fmt.Errorf("demo: none of the %d requests was traced", len(d.requests))
		}
		return err
	})
	return r, err
}

// foretell replays the requests of a window with the fault mended. Without an effect it says why.
func (d *demo) foretell(ctx context.Context, w window, f demoFault) (e *population.Effect, why string, err error) {
	err = d.read(ctx, w, func(src *traceSource, o report.Options) error {
		answer, err := report.BuildWhatIf(src.traces, f.change, o)
		if err != nil {
			return err
		}
		for _, domain := range answer.Domains {
			for i := range domain.Effects {
				if domain.Effects[i].Path == population.PathE2E && domain.Effects[i].P == 0.95 {
					e = &domain.Effects[i]
				}
			}
		}
		if refusal := answer.Refusal(); e == nil && refusal != nil {
			why = refusal.Why
		}
		return nil
	})
	return e, why, err
}

// banner says on w that nothing was computed, if so.
func (d *demo) banner(w io.Writer) {
	if d.server.simulated {
		fmt.Fprintf(w, "SIMULATED  %s\n", d.server.about)
	}
}

// prove prints what was foretold beside what came.
func (d *demo) prove(slow, mended *report.Report, f demoFault, foretold *population.Effect, why string) {
	fmt.Fprintln(d.stdout)
	d.banner(d.stdout)
	fmt.Fprintf(d.stdout, "proof      %s\n", f.mended)
	if foretold != nil {
		fmt.Fprintf(d.stdout, "  foretold   p95 of E2E: %s to %s, by replay of the traces above\n", report.Duration(foretold.Before), report.Duration(foretold.After))
	} else {
		fmt.Fprintf(d.stdout, "  foretold   nothing: %s\n", why)
	}
	for _, m := range []string{"E2E", "TTFT"} {
		fmt.Fprintf(d.stdout, "  measured   p95 of %s: %s to %s\n", m, p95(slow, m), p95(mended, m))
	}
}

// p95 prints the p95 of a measure.
func p95(r *report.Report, name string) string {
	for _, m := range r.Measures {
		for _, q := range m.Quantiles {
			if m.Name == name && m.Definition == "" && q.P == 0.95 {
				return report.Duration(q.Value)
			}
		}
	}
	return "unknown"
}

// writePage writes the long report, if it is asked for.
func (d *demo) writePage(r *report.Report) error {
	if d.o.page == "" {
		return nil
	}
	r.Header = &report.Header{Title: "Why the demo's tokens were slow", Made: d.now().UTC(), Status: "demo"}
	if d.server.simulated {
		r.Header.Title, r.Header.Status = "SIMULATED: "+r.Header.Title, "simulated"
	}
	return d.writeOut(d.o.page, func(w io.Writer) error { return report.WriteHTML(w, r) })
}

func (d *demo) whereNext(r *report.Report) {
	next := "that was the demo; its server and its data are removed now"
	if d.o.keep != "" {
		next = "that was the demo; its traces are kept\n  one of the requests above:        slowtoken trace --db " + d.config.DB
		for _, e := range r.Exemplars {
			if e.What == "p95" {
				next += " " + e.TraceID
			}
		}
	}
	if d.o.page != "" {
		next += "\n  the long report:                  " + d.o.page
	}
	d.note("%s\n"+
		"  your own traces, from a file:     slowtoken analyze FILE\n"+
		"  your own traces, as they happen:  slowtoken serve, then send OTLP to 127.0.0.1:4317, then slowtoken analyze --since 10m\n"+
		"  your own Ollama:                  slowtoken serve, slowtoken gateway, and point clients at 127.0.0.1:11435", next)
}
