// Command realtruth measures how often slowtoken names the true cause on a real Ollama server that is slowed down in
// known ways, and how far the times it reads are from those of the server's own log:
//
//	go run ./cmd/realtruth --ollama "$(.ci/ollama/build)" --out docs/ground_truth_real.json --doc docs/ground_truth_real.md
//
// The server and a model of random weights are started for it and removed afterwards. A shorter look at some faults:
//
//	go run ./cmd/realtruth --ollama "$(.ci/ollama/build)" --runs 1 --only healthy,pause
//
// The document is made of the results alone: --from FILE makes it again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	// Whoever wakes up finds a place to run at once, and not when another is done.
	runtime.GOMAXPROCS(4 * runtime.NumCPU())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "realtruth: %v\n", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	ollama, model, device string
	runs, wide, seconds   int
	maxLag                time.Duration
	seed                  uint64
	only, keep            string
	out, doc, from, add   string
	noWhatIf              bool
	runWith               string
	atLeast               float64
	command               string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := options{command: "realtruth"}
	flags := flag.NewFlagSet("realtruth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.ollama, "ollama", "", "binary of the Ollama server; make ollama builds one and prints where")
	flags.StringVar(&o.model, "model", "5M", "size of the random model, as slowtoken model make has them")
	flags.StringVar(&o.device, "device", "cpu", "what it must compute on: cpu, or cuda, which is an error when the server's log does not say that it does")
	flags.IntVar(&o.runs, "runs", 10, "runs of each fault, with the queue in the gateway")
	flags.IntVar(&o.wide, "wide", 1, "runs of each fault beside those, with more slots in the gateway than in Ollama, so that the queue is in Ollama")
	flags.IntVar(&o.seconds, "seconds", 0, "let requests arrive no longer than so in any run; 0: as long as each fault has it")
	flags.DurationVar(&o.maxLag, "max-lag", 5*time.Millisecond, "discard a run whose requests were sent later than this, at the 99th percentile: it measures the load generator")
	flags.Uint64Var(&o.seed, "seed", 1, "another seed, other requests")
	flags.StringVar(&o.only, "only", "", "run these faults, with commas between them: "+strings.Join(caseNames(), ", "))
	flags.StringVar(&o.runWith, "run-with", "", "words to put before the command of servers, such as .ci/ollama/ahead 1, on a machine that others use too: on other processors than this program and below it, and in no real-time class, whose processes the kernel stops for 50 ms of each second that they fill")
	flags.StringVar(&o.keep, "keep", "", "write the telemetry of each run to this folder, as OTLP JSON")
	flags.BoolVar(&o.noWhatIf, "no-whatif", false, "leave out the comparison of one slot with four")
	flags.StringVar(&o.out, "out", "", "write the results to this file, as JSON")
	flags.StringVar(&o.doc, "doc", "", "write the document to this file")
	flags.StringVar(&o.from, "from", "", "run nothing: make the document of the results in this file")
	flags.StringVar(&o.add, "add", "", "begin with the results in this file, which must be of the same rules, and make the runs that they lack")
	flags.Float64Var(&o.atLeast, "at-least", 0, "fail when a smaller share of answers is right, when a cause is named of a healthy server, or when over half of the runs were late")
	if err := flags.Parse(args); err != nil {
		return err
	}
	flags.Visit(func(f *flag.Flag) { // what changes results, not where they go
		if !slices.Contains([]string{"ollama", "out", "doc", "keep", "add"}, f.Name) {
			o.command += fmt.Sprintf(" --%s %q", f.Name, f.Value)
		}
	})
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: all settings are flags", flags.Arg(0))
	}
	r, err := o.results(ctx, stderr)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := r.writeFile(o.out); err != nil {
			return err
		}
	}
	if o.doc != "" {
		if err := os.WriteFile(o.doc, []byte(r.document()), 0o644); err != nil { //nolint:gosec // documentation is for everybody
			return err
		}
	}
	if _, err := io.WriteString(stdout, r.summary()); err != nil {
		return err
	}
	if o.atLeast > 0 {
		return r.holds(o.atLeast)
	}
	return nil
}

// holds returns an error unless at least this share of the answers is right, and no healthy server is blamed.
func (r *results) holds(atLeast float64) error {
	good, of := r.right(inGateway, bySpans)
	all := 0
	for i := range r.Runs {
		if r.Runs[i].Queue == inGateway {
			all++
		}
	}
	switch alarms := r.alarms(); {
	case 2*of < all:
		return fmt.Errorf("requests of %d of %d runs were sent over %g ms late: the machine is too busy to tell anything; let it rest, or raise --max-lag", all-of, all, r.MaxLag)
	case len(alarms) > 0:
		return fmt.Errorf("of a healthy server it is said to suffer from %s", strings.Join(alarms, ", "))
	case float64(good) < atLeast*float64(of):
		return fmt.Errorf("%d of %d answers are right, which is less than %g", good, of, atLeast)
	}
	return nil
}

// results runs everything, or reads what an earlier call wrote.
func (o *options) results(ctx context.Context, progress io.Writer) (*results, error) {
	if o.from != "" {
		return readResults(o.from)
	}
	if o.ollama == "" || o.seconds < 0 || o.runs < 0 || o.wide < 0 || !slices.Contains([]string{onCPU, onCUDA}, o.device) {
		return nil, errors.New("name a server with --ollama, no negative number of --seconds, --runs or --wide, and a --device of cpu or cuda")
	}
	cases, err := choose(o.only)
	if err != nil {
		return nil, err
	}
	return measure(ctx, o, cases, progress)
}
