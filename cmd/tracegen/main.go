// Command tracegen makes traces of simulated LLM servers, for benchmarks and load tests. It writes them to a file,
//
//	go run ./cmd/tracegen --traces 125000 --out corpus.otlp.pb
//
// or sends them to a server over OTLP/gRPC or OTLP/HTTP and says how that went:
//
//	go run ./cmd/tracegen --traces 125000 --otlp-grpc 127.0.0.1:4317 --rate 50000
//
// or writes a simulated run with a fault, as one serving stack would have told it (tracegen --sim --help):
//
//	go run ./cmd/tracegen --sim --fault small-chunk@64 --dialect vllm --out small-chunk.otlp.jsonl
//
// or writes the files that tests of rules read, all or those that are named:
//
//	go run ./cmd/tracegen --fixtures rules/fixtures/traces [NAME...]
//
// The same flags give the same bytes, given an --end other than now. Each trace has 8 spans of 12 attributes each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/inference/synth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "tracegen: %v\n", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	corpus    synth.CorpusOptions
	recording bool
	tree      int
	end       string

	format string
	out    string

	grpcAddress, httpAddress string // of a server to send to; one of them

	rate        float64
	batch       int
	connections int
	patience    time.Duration

	duration, every time.Duration // of a soak
	watched         int           // its server's process
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && (args[0] == "--sim" || args[0] == "-sim") {
		return simulate(ctx, args[1:], stdout, stderr)
	}
	if len(args) > 1 && args[0] == "--fixtures" {
		return writeFixtures(ctx, args[1], args[2:], stdout)
	}
	var o options
	flags := flag.NewFlagSet("tracegen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.corpus.Traces, "traces", 125_000, "how many traces of 8 spans")
	flags.Bool("sim", false, "as the first flag: write a simulated run with a fault in a dialect; tracegen --sim --help says more")
	flags.Uint64Var(&o.corpus.Seed, "seed", 1, "another seed, other traces")
	flags.Float64Var(&o.corpus.Rate, "arrivals", 0, "requests per second that arrive in the simulation; 0 is 32")
	flags.StringVar(&o.end, "end", "now", "when the simulation ends: now, or a time as 2026-01-15T12:00:00Z")
	flags.BoolVar(&o.recording, "recording", false, "write the recording that ships with slowtoken, instead of --traces; takes --out only")
	flags.IntVar(&o.tree, "tree", 0, "write one trace of this many spans, 20 generations deep, instead of --traces; takes a file only")
	flags.StringVar(&o.format, "format", "otlp-proto", "of the file: otlp-proto (messages behind their length), otlp-jsonl or otlp-json")
	flags.StringVar(&o.out, "out", "", "file to write, compressed if its name ends in .gz; - is standard output")
	flags.StringVar(&o.grpcAddress, "otlp-grpc", "", "HOST:PORT of a server to send to over gRPC")
	flags.StringVar(&o.httpAddress, "otlp-http", "", "HOST:PORT of a server to send to over HTTP")
	flags.Float64Var(&o.rate, "rate", 0, "spans per second to send, on a fixed schedule; 0 is as fast as the server acknowledges")
	flags.IntVar(&o.batch, "batch", 800, "spans in one message")
	flags.IntVar(&o.connections, "connections", 4, "messages that can be on their way at once")
	flags.DurationVar(&o.patience, "patience", time.Minute, "how long to repeat a message that the server cannot take now")
	flags.DurationVar(&o.duration, "duration", 0, "send the same traces for so long, with new trace ids each time, and say whether memory and acknowledgements stay flat")
	flags.DurationVar(&o.every, "every", time.Minute, "with --duration: how often to look")
	flags.IntVar(&o.watched, "watch-pid", 0, "with --duration: the server's process, whose memory to look at (Linux)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.check(flags.Args()); err != nil {
		return err
	}
	end, err := parseEnd(o.end)
	if err != nil {
		return err
	}
	o.corpus.End = end
	if o.target() != "" {
		return send(ctx, o, stdout)
	}
	return writeFile(ctx, o, stdout)
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: all settings are flags", rest[0])
	case o.destinations() != 1:
		return errors.New("say where the traces go: either --out FILE, --otlp-grpc HOST:PORT or --otlp-http HOST:PORT")
	case o.recording && o.target() != "":
		return errors.New("--recording goes to a file: say --out FILE")
	case o.tree != 0 && (o.target() != "" || o.recording || o.tree < 0):
		return errors.New("--tree makes a file of at least one span: say --out FILE, without --recording")
	case o.corpus.Traces < 1 || o.batch < 1 || o.connections < 1:
		return errors.New("--traces, --batch and --connections must be at least 1")
	case o.duration < 0 || o.every <= 0:
		return errors.New("--duration cannot be negative, and --every must be more than 0")
	case !slices.Contains(formats, o.format):
		return fmt.Errorf("--format %q is unknown: want one of %q", o.format, formats)
	case o.rate < 0 || o.corpus.Rate < 0:
		return errors.New("--rate and --arrivals cannot be negative")
	}
	return nil
}

func (o options) destinations() (n int) {
	for _, to := range []string{o.out, o.grpcAddress, o.httpAddress} {
		if to != "" {
			n++
		}
	}
	return n
}

func parseEnd(s string) (ns int64, err error) {
	if s == "now" {
		return time.Now().UnixNano(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("--end %q is neither now nor a time as 2026-01-15T12:00:00Z", s)
	}
	return t.UnixNano(), nil
}
