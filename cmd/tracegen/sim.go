package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

const simUsage = `tracegen --sim writes what a simulated LLM server's telemetry would have said, with a fault or without, as OTLP JSON,
one message a line:

  go run ./cmd/tracegen --sim --fault small-chunk@64 --dialect vllm --seconds 300 --seed 1 --out small-chunk.otlp.jsonl
  go run ./cmd/tracegen --sim --fault healthy --metrics --out healthy.otlp.jsonl.gz
  go run ./cmd/tracegen --sim --fault kv-squeeze@0.6+slow-network@100 --dialect sglang --out - | slowtoken analyze -

The same flags give the same bytes. --faults and --dialects list what there is.

`

// simOptions are the flags behind --sim.
type simOptions struct {
	fault, dialect   string
	mended           bool
	workload         string
	replay           string
	model, device    string
	seconds          float64
	seed             uint64
	share            float64
	replicas         int
	end              string
	out              string
	batch            int
	metrics          bool
	emit             emit.Options
	faults, dialects bool
}

func simulate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o simOptions
	flags := flag.NewFlagSet("tracegen --sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, simUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.fault, "fault", "healthy", "NAME@INTENSITY, or several joined by +; --faults lists them")
	flags.BoolVar(&o.mended, "mended", false, "leave the first fault out, under the very same requests as with it")
	flags.StringVar(&o.dialect, "dialect", "vllm", "whose telemetry; --dialects lists them")
	flags.StringVar(&o.workload, "workload", "chat", "what is asked for: chat, code, retrieval or writing")
	flags.StringVar(&o.replay, "replay", "", "CSV file of a recorded load instead: arrival, prompt tokens, output tokens; --seconds is how much of it")
	flags.StringVar(&o.model, "model", sim.Llama8B.Name, "one of the models that the simulator knows")
	flags.StringVar(&o.device, "device", sim.H100.Name, "one of the devices that the simulator knows")
	flags.Float64Var(&o.seconds, "seconds", 300, "how long requests arrive")
	flags.Uint64Var(&o.seed, "seed", 1, "another seed, other requests")
	flags.Float64Var(&o.share, "share", fault.DefaultShare, "of what the system can serve, where the fault does not say otherwise")
	flags.IntVar(&o.replicas, "replicas", 1, "servers behind the gateway")
	flags.StringVar(&o.end, "end", "", "when requests stop arriving: now, or a time as 2026-01-15T12:00:00Z; else a fixed day")
	flags.StringVar(&o.out, "out", "", "file to write, compressed if its name ends in .gz; - is standard output")
	flags.IntVar(&o.batch, "batch", 400, "spans in one message")
	flags.BoolVar(&o.metrics, "metrics", false, "write the server's and the device's metrics too")
	flags.BoolVar(&o.emit.Bare, "bare", false, "only the spans of the model server or SDK, without application, gateway and HTTP server")
	flags.BoolVar(&o.emit.NoInstance, "no-instance", false, "leave out service.instance.id, as a server does that nobody configured")
	flags.BoolVar(&o.emit.Truth, "truth", false, "write the truth too, as attributes slowtoken.truth.*")
	flags.BoolVar(&o.faults, "faults", false, "list the faults")
	flags.BoolVar(&o.dialects, "dialects", false, "list the dialects")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: all settings are flags", flags.Arg(0))
	case o.faults:
		return printFaults(stdout)
	case o.dialects:
		return printDialects(stdout)
	case o.out == "":
		return errors.New("say where the traces go: --out FILE, or --out - for standard output")
	case o.batch < 1 || o.seconds <= 0 || o.seconds > 1e6:
		return errors.New("--batch must be at least 1 and --seconds from above 0 to 1000000")
	}
	return o.write(ctx, stdout)
}

func printFaults(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FAULT\tINTENSITY\tDEFAULT\tWHERE\tLABEL\tWHAT")
	for _, f := range fault.Faults {
		intensity, standard := "-", "-"
		if f.Unit != "" {
			intensity, standard = fmt.Sprintf("%g to %g %s", f.Low, f.High, f.Unit), fmt.Sprintf("%g", f.Default)
		}
		label := "none"
		if len(f.Label.Rules) > 0 {
			label = strings.Join(f.Label.Rules, ", ")
		}
		if f.Label.Phase != analyzer.Unattributed {
			label += " (" + f.Label.Phase.String() + ")"
		}
		if f.Label.Abstain {
			label += ", and abstain"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, intensity, standard, where(f), label, f.Doc)
	}
	return table.Flush()
}

func where(f fault.Fault) (text string) {
	for i, b := range f.Backends {
		if i > 0 {
			text += ", "
		}
		text += string(b)
	}
	return text
}

func printDialects(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DIALECT\tAGREES WITH A RECORDING\tWHAT")
	for _, d := range emit.Dialects {
		recorded := "no"
		if d.Recorded != "" {
			recorded = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", d.Name, recorded, d.Doc)
	}
	return table.Flush()
}

// scenario reads the flags.
func (o *simOptions) scenario() (*fault.Scenario, error) {
	options := fault.Options{Seed: o.seed, Length: int64(o.seconds * 1e9), Workload: o.workload, Share: o.share, Replicas: o.replicas}
	var err error
	if options.Model, err = pick("model", o.model, sim.Models, func(m sim.Model) string { return m.Name }); err != nil {
		return nil, err
	}
	if options.Device, err = pick("device", o.device, sim.Devices, func(d sim.Device) string { return d.Name }); err != nil {
		return nil, err
	}
	injections, err := fault.Parse(o.fault)
	if err != nil {
		return nil, err
	}
	if o.replay != "" {
		if options.Replay, err = readReplay(o.replay, options.Length); err != nil {
			return nil, err
		}
	}
	s, err := fault.NewScenario(options)
	if err != nil {
		return nil, err
	}
	mended := -1
	if o.mended {
		mended = 0
	}
	if err := s.InjectAllBut(injections, mended); err != nil {
		return nil, err
	}
	if o.end != "" {
		end, err := parseEnd(o.end)
		if err != nil {
			return nil, err
		}
		s.Move(end - s.Workload.Length)
	}
	o.emit.Damage = s.Damage
	o.emit.Fault = o.fault
	return s, nil
}

// readReplay reads the first length nanoseconds of a recorded load.
func readReplay(path string, length int64) ([]arrival.Planned, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	list, err := arrival.ReadCSV(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, p := range list {
		if p.At >= length {
			return list[:i], nil
		}
	}
	return list, nil
}

func pick[T any](what, name string, list []T, nameOf func(T) string) (T, error) {
	var names []string
	for _, item := range list {
		if strings.EqualFold(nameOf(item), name) {
			return item, nil
		}
		names = append(names, nameOf(item))
	}
	var none T
	return none, fmt.Errorf("--%s %q is unknown: want one of %q", what, name, names)
}

func (o *simOptions) write(ctx context.Context, stdout io.Writer) (err error) {
	dialect, err := emit.ByName(o.dialect)
	if err != nil {
		return err
	}
	scenario, err := o.scenario()
	if err != nil {
		return err
	}
	scenario.Config.KeepTokens = dialect.Tokens
	begun := time.Now()
	run, err := scenario.Run()
	if err != nil {
		return err
	}
	simulated := time.Since(begun)
	w := stdout
	if o.out != "-" {
		file, err := os.Create(o.out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		w = file
	}
	if strings.HasSuffix(o.out, ".gz") {
		packed := gzip.NewWriter(w)
		defer func() { err = errors.Join(err, packed.Close()) }()
		w = packed
	}
	spans, err := encode(ctx, w, "otlp-jsonl", batches(run, dialect, o))
	if err != nil {
		return fmt.Errorf("write %s: %w", o.out, err)
	}
	points := 0
	if o.metrics {
		if points, err = writeMetrics(w, emit.Metrics(run, dialect, o.emit)); err != nil {
			return fmt.Errorf("write %s: %w", o.out, err)
		}
	}
	if o.out != "-" {
		fmt.Fprintf(stdout, "simulated %d requests in %s; wrote %d spans and %d metric points to %s\n",
			len(run.Requests), simulated.Round(time.Millisecond), spans, points, o.out)
	}
	return nil
}

func batches(run *sim.Run, d emit.Dialect, o *simOptions) func(func([]analyzer.Span) bool) {
	return func(yield func([]analyzer.Span) bool) {
		var batch []analyzer.Span
		for spans := range emit.Traces(run, d, o.emit) {
			batch = append(batch, spans...)
			if len(batch) < o.batch {
				continue
			}
			if !yield(batch) {
				return
			}
			batch = nil
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// metricsPerMessage keeps lines short enough to look at.
const metricsPerMessage = 200

// writeMetrics writes gauges and counters as OTLP JSON, a message a line.
func writeMetrics(w io.Writer, points []analyzer.MetricPoint) (written int, err error) {
	buffered := bufio.NewWriter(w)
	for len(points) > 0 {
		n := min(len(points), metricsPerMessage)
		message, err := new(pmetric.JSONMarshaler).MarshalMetrics(toMetrics(points[:n]))
		if err != nil {
			return written, err
		}
		if _, err := buffered.Write(append(message, '\n')); err != nil {
			return written, err
		}
		written, points = written+n, points[n:]
	}
	return written, buffered.Flush()
}

// toMetrics groups points by resource and scope, and by name within.
func toMetrics(points []analyzer.MetricPoint) pmetric.Metrics {
	md := pmetric.NewMetrics()
	scopes := map[*analyzer.Resource]pmetric.ScopeMetrics{}
	type series struct {
		resource *analyzer.Resource
		name     string
	}
	lists := map[series]pmetric.NumberDataPointSlice{}
	for i := range points {
		p := &points[i]
		scope, known := scopes[p.Resource]
		if !known {
			resource := md.ResourceMetrics().AppendEmpty()
			for _, a := range p.Resource.Attributes {
				resource.Resource().Attributes().PutStr(a.Key, a.Value.String())
			}
			scope = resource.ScopeMetrics().AppendEmpty()
			scope.Scope().SetName(p.Scope.Name)
			scope.Scope().SetVersion(p.Scope.Version)
			scopes[p.Resource] = scope
		}
		list, known := lists[series{p.Resource, p.Name}]
		if !known {
			metric := scope.Metrics().AppendEmpty()
			metric.SetName(p.Name)
			metric.SetUnit(p.Unit)
			if p.Type == analyzer.MetricSum {
				sum := metric.SetEmptySum()
				sum.SetIsMonotonic(p.Monotonic)
				sum.SetAggregationTemporality(pmetric.AggregationTemporality(p.Temporality))
				list = sum.DataPoints()
			} else {
				list = metric.SetEmptyGauge().DataPoints()
			}
			lists[series{p.Resource, p.Name}] = list
		}
		point := list.AppendEmpty()
		point.SetStartTimestamp(pcommon.Timestamp(p.Start))
		point.SetTimestamp(pcommon.Timestamp(p.Time))
		value, _ := p.Value.AsDouble()
		point.SetDoubleValue(value)
		for _, a := range p.Attributes {
			point.Attributes().PutStr(a.Key, a.Value.String())
		}
	}
	return md
}
