package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/report/page"
)

// reportOptions say what a report is made of and what becomes of it.
type reportOptions struct {
	analyzeOptions
	from     string // a saved report, instead of traces
	header   report.Header
	before   string // an earlier analysis to compare with; empty for none
	loadtest string // what slowtoken loadtest wrote; empty for none
	content  bool   // keep what looks like secrets, personal data or content

	alerts    string // file to write Prometheus rules to; empty for none
	dashboard string // file to write a dashboard for Grafana to; empty for none
	schema    bool   // print the JSON Schema, and nothing else
	publish   publishOptions
}

func reportCommand(a *app) *cobra.Command {
	var o reportOptions
	var typed analysisFlags
	cmd := &cobra.Command{
		Use:   "report [FILE...]",
		Short: "Write a report to send on: Markdown, HTML, Confluence",
		Long: `Analyzes as slowtoken analyze does, and writes the long form: summary, architecture, method, baseline, bottlenecks, load
tests, recommendations, improvements, monitoring, conclusions and appendices. A section without data says in a line why,
and what would fill it.

With --out FILE the pictures of a Markdown or Confluence report lie in a folder beside it, called as the file with
-files at its end. HTML is one file that needs nothing else.

Left out by default is what looks like a secret, like personal data, or like content of a request: the report lists
what and where. --include-content keeps it.

--publish writes the page to Confluence instead: to Cloud with CONFLUENCE_URL, CONFLUENCE_EMAIL and CONFLUENCE_TOKEN
in the environment, to a Data Center without CONFLUENCE_EMAIL. The page of that title in the space is updated; one that
says the same already is not written, and one that a person has edited since is left alone unless --force.`,
		Example: `  slowtoken report --since 1h --out report.md
  slowtoken report --since 1h --format html --out report.html --before baseline.json
  slowtoken report traces.json --format json --out saved.json
  slowtoken report --from saved.json --format confluence --out page.xml
  slowtoken report --since 1d --publish --space PERF --title "Why tokens are slow" --dry-run
  slowtoken report --since 1d --out report.md --alerts alerts.yaml --dashboard dashboard.json`,
		GroupID: groupAnswer,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files, o.draw = args, true
			if err := typed.read(&o.analyzeOptions); err != nil {
				return err
			}
			o.header.Commands = []string{commandAgain(cmd.Flags(), args)}
			return a.runReport(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	typed.addFlags(a, flags, &o.analyzeOptions)
	a.config.addFlags(flags, "confluence.")
	flags.StringVarP(&o.format, "format", "f", "markdown", "write as `FORMAT`: "+formatNames())
	flags.StringVar(&o.out, "out", "", "write the report to `FILE`")
	flags.StringVar(&o.from, "from", "", "print the report that was saved in `FILE` with --format json, instead of reading traces")
	flags.StringVar(&o.header.Title, "title", "", "`TITLE` of the report")
	flags.StringVar(&o.header.Author, "author", "", "`NAME` of who sends it on")
	flags.StringVar(&o.header.Status, "status", "draft", "`WORD` for what state it is in, such as draft, in review or final")
	flags.StringVar(&o.before, "before", "", "compare with `BEFORE`: an analysis saved as JSON, traces, a database, or a window SINCE..UNTIL")
	flags.StringVar(&o.loadtest, "loadtest", "", "show the load test that slowtoken loadtest saved in `FILE`")
	flags.BoolVar(&o.content, "include-content", false, "keep what looks like secrets, personal data or content of requests")
	flags.StringVar(&o.alerts, "alerts", "", "write Prometheus rules for the stack at hand to `FILE` too")
	flags.StringVar(&o.dashboard, "dashboard", "", "write a Grafana dashboard for the stack at hand to `FILE` too")
	flags.BoolVar(&o.schema, "schema", false, "print the JSON Schema of --format json, and read nothing")
	o.publish.addFlags(flags)
	return cmd
}

// runReport makes the report and writes or publishes it.
func (a *app) runReport(ctx context.Context, o reportOptions) error {
	if o.schema {
		return a.writeOut(o.out, report.WriteSchema)
	}
	format, err := formatNamed(o.format)
	if err != nil {
		return err
	}
	if err := o.publish.check(&o); err != nil {
		return err
	}
	r, err := a.reportOf(ctx, o)
	if err != nil {
		return err
	}
	if !o.content {
		report.Redact(r)
		if n := len(r.Redacted); n > 0 {
			a.note("left out what looks like secrets, personal data or content: see the end of the report; --include-content keeps it")
		}
	}
	for _, beside := range []struct {
		file  string
		write func(io.Writer, *report.Report) error
	}{{o.alerts, report.WriteAlerts}, {o.dashboard, report.WriteDashboard}} {
		if beside.file == "" {
			continue
		}
		if err := a.writeOut(beside.file, func(w io.Writer) error { return beside.write(w, r) }); err != nil {
			return err
		}
	}
	if o.publish.asked {
		return a.publishReport(ctx, r, o.publish)
	}
	return a.writeReport(r, format, o.out)
}

// reportOf reads a saved report, or the traces, and puts beside it what else was asked for.
func (a *app) reportOf(ctx context.Context, o reportOptions) (*report.Report, error) {
	var r *report.Report
	var err error
	if o.from != "" {
		r, err = readReport(o)
	} else {
		r, _, err = a.analysis(ctx, o.analyzeOptions)
	}
	if err != nil {
		return nil, err
	}
	o.header.Made = a.now().UTC().Truncate(24 * time.Hour)
	if r.Header == nil {
		r.Header = &o.header
	} else {
		takeOver(r.Header, &o.header)
	}
	if o.before != "" {
		before, source, err := a.readSide(ctx, o.before, compareOptions{filter: o.filter, memory: o.memory})
		if err != nil {
			return nil, fmt.Errorf("--before: %w", err)
		}
		if r.Sample == nil {
			return nil, withHint(usageError("--before: %s holds no sample of its requests to compare", o.from), "make it again from the traces")
		}
		r.Change = report.Compare(before, r.Sample, [2]string{source, r.Source}, nil, 1)
	}
	if o.loadtest != "" {
		if r.LoadTest, err = readLoadTest(o.loadtest); err != nil {
			return nil, fmt.Errorf("--loadtest: %w", err)
		}
	}
	return r, nil
}

// takeOver lets what is stated now stand over what was saved. Commands and date stay those of the analysis.
func takeOver(saved, now *report.Header) {
	if now.Title != "" {
		saved.Title = now.Title
	}
	if now.Author != "" {
		saved.Author = now.Author
	}
	if now.Status != "draft" {
		saved.Status = now.Status
	}
}

func readReport(o reportOptions) (*report.Report, error) {
	if len(o.files) > 0 || o.source.asked() {
		return nil, usageError("--from takes a saved report: FILEs, --jaeger and --tempo have no place beside it")
	}
	f, err := os.Open(o.from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, withHint(fmt.Errorf("read %s: %w", o.from, err), "slowtoken report --format json saves one")
	}
	return r, nil
}

func readLoadTest(name string) (*report.LoadTest, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := report.ReadLoadTest(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	t.Source = name
	return t, nil
}

// writeReport prints r; pictures of formats that have them as files go to a folder beside out.
func (a *app) writeReport(r *report.Report, format report.Format, out string) error {
	if out == "" || out == "-" {
		return a.writeOut(out, func(w io.Writer) error { return format.Write(w, r) })
	}
	folder := strings.TrimSuffix(out, filepath.Ext(out)) + "-files"
	switch format.Name {
	case "markdown":
		return a.writeOut(out, func(w io.Writer) error {
			return report.WriteMarkdownFiles(w, r, func(f *page.Figure) (string, error) {
				name := f.Name + ".svg"
				return filepath.ToSlash(filepath.Join(filepath.Base(folder), name)), writePicture(folder, name, f.Picture.SVG)
			})
		})
	case "confluence":
		for _, f := range report.Document(r).Figures() {
			if err := writePicture(folder, f.Name+".png", f.Picture.PNG); err != nil {
				return err
			}
		}
	}
	return a.writeOut(out, func(w io.Writer) error { return format.Write(w, r) })
}

func writePicture(folder, name string, draw func(io.Writer) error) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for the pictures: %w", err)
	}
	f, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		return err
	}
	if err := errors.Join(draw(f), f.Close()); err != nil {
		return fmt.Errorf("draw %s: %w", f.Name(), err)
	}
	return nil
}

// commandAgain returns the command line that makes the same report again: what decides where it goes is left out.
func commandAgain(flags *pflag.FlagSet, files []string) string {
	line := "slowtoken report "
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "out", "publish", "dry-run", "force", "space", "parent", "alerts", "dashboard", "confluence-url", "confluence-email", "confluence-token-file", "config", "log-level", "log-format":
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				line += "--" + f.Name + " " + quoteArgs(value)
			}
			return
		}
		if f.NoOptDefVal != "" {
			line += "--" + f.Name + " "
			return
		}
		line += "--" + f.Name + " " + quoteArgs(f.Value.String())
	})
	return strings.TrimSpace(line + quoteArgs(files...))
}
