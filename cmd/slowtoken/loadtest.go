package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/inference"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/load"
)

// loadtestOptions are the flags of loadtest.
type loadtestOptions struct {
	url       string
	api       string
	model     string
	whole     bool
	headers   []string
	keyEnv    string
	timeout   time.Duration
	inFlight  int
	threshold []string
	otlp      string

	plan     load.Plan
	scenario string
	replay   string
	speed    float64
	sweep    string
	rampTo   float64
	sizes    string

	format, out string
}

func loadtestCommand(a *app) *cobra.Command {
	var o loadtestOptions
	cmd := &cobra.Command{
		Use:     "loadtest [URL]",
		Short:   "Ask an LLM server as many clients would, and say what they see",
		GroupID: groupInput,
		Long: `Sends requests to an LLM server and measures what its clients see: time to first token, time per output token, end-to-end
time, tokens a second, errors. The server speaks Ollama's /api/generate or /api/chat, or OpenAI's /v1/chat/completions or
/v1/completions; a URL without a path is asked which. Without a URL it is the Ollama server at $OLLAMA_HOST; sim instead of
one is a simulated server, to try the command with.

The load is one of
  --scenario NAME    users who wait for each answer: ` + scenarioList() + `
  --users N          the same with your own number, and --think between an answer and the next request
  --rate R           R requests a second, sent when planned, however slow the server is (--arrivals says how evenly)
  --replay FILE      a recorded load: a CSV of arrival, prompt tokens and output tokens
  --sweep LOW:HIGH   rising rates, until the server breaks; then the rate that it sustains is narrowed down to a tenth

Without any it is the scenario smoke. --threshold, such as ttft_p95<1s or errors<1%, is judged on the whole test: exit code 3
when it is missed or cannot be judged. In a sweep it says when a step has broken, and sustained_rate>=8 judges the sweep.

Each request is a span, joined to the server's by its traceparent, and sent where --otlp or OpenTelemetry's own variables say;
without either there are no spans. docs/load_testing.md defines every number.`,
		Example: `  slowtoken loadtest sim --rate 3                                     # nothing needed: a simulated server
  slowtoken loadtest                                                  # five users of the local Ollama
  slowtoken loadtest --rate 4 --duration 2m http://127.0.0.1:11435    # 4 requests a second to slowtoken gateway
  slowtoken loadtest --sweep 1:64 --threshold 'ttft_p95<1s' http://gpu1:8000/v1/chat/completions
  slowtoken loadtest --replay azure_conv.csv --duration 10m -o json --out load.json http://gpu1:8000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.url = args[0]
			}
			if err := o.choose(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.runLoadtest(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.scenario, "scenario", "", "the users of `NAME`: "+strings.Join(scenarioNames(), ", "))
	f.IntVar(&o.plan.Users, "users", 0, "`N` users, each of whom waits for an answer before asking again")
	f.DurationVar(&o.plan.Think, "think", time.Second, "with --users: `TIME` from an answer to the user's next request")
	f.Float64Var(&o.plan.Rate, "rate", 0, "`R` requests a second")
	f.StringVar(&o.plan.Arrivals, "arrivals", "", "with --rate or --sweep: `KIND` of arrivals, poisson, constant or gamma (default poisson; of a sweep constant)")
	f.Float64Var(&o.plan.Burstiness, "burstiness", 1, "with --arrivals gamma: `SHAPE` of the gaps; 1 is poisson, less comes in bursts")
	f.Float64Var(&o.rampTo, "ramp-to", 0, "with --rate: let it grow to `R` over warm-up and duration")
	f.StringVar(&o.replay, "replay", "", "CSV `FILE` of arrival, prompt tokens and output tokens")
	f.Float64Var(&o.speed, "speed", 1, "with --replay: `K` times as fast as recorded")
	f.StringVar(&o.sweep, "sweep", "", "from `LOW:HIGH` requests a second")
	f.IntVar(&o.plan.Requests, "step-requests", 100, "with --sweep: at least `N` requests in each step; slow rates take longer than --duration")
	f.StringVar(&o.sizes, "prompts", "", "`SIZES` of prompts and answers, NAME=SHARE:PROMPT/OUTPUT,... in tokens (default "+sizeList()+")")
	f.DurationVar(&o.plan.Warmup, "warmup", 5*time.Second, "`TIME` at the start of the load, and of each step of a sweep, that is not measured")
	f.DurationVar(&o.plan.Duration, "duration", 30*time.Second, "`TIME` that is measured after it; of a sweep each step's")
	f.DurationVar(&o.plan.Drain, "drain", 30*time.Second, "`TIME` that answers are waited for at the end, and after each step of a sweep")
	f.Uint64Var(&o.plan.Seed, "seed", 1, "`N` that decides arrivals and sizes")
	f.StringVar(&o.api, "api", "", "`NAME` of the API, if the URL does not say: "+strings.Join(load.APIs(), ", "))
	f.StringVar(&o.model, "model", "", "`NAME` of the model (default: the first that the server lists)")
	f.BoolVar(&o.whole, "no-stream", false, "ask for answers in one piece; there is no time to first token then")
	f.StringArrayVar(&o.headers, "header", nil, "send `NAME: VALUE` with every request; may be repeated")
	f.StringVar(&o.keyEnv, "api-key-env", "", "send the key in the environment variable `NAME` as bearer token")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "`TIME` that one request may take")
	f.IntVar(&o.inFlight, "max-in-flight", 4096, "with planned requests: `N` at once; more are dropped and counted as failed")
	f.StringArrayVar(&o.threshold, "threshold", nil, "`LIMIT` to keep, such as ttft_p95<1s, errors<1% or output_tokens_per_second>100; may be repeated")
	f.StringVar(&o.otlp, "otlp", "", "send spans to the OTLP/HTTP receiver at `URL`, such as http://127.0.0.1:4318")
	f.StringVarP(&o.format, "output", "o", "text", "output `FORMAT`: text, json")
	f.StringVar(&o.out, "out", "", "write the answer to `FILE`")
	return cmd
}

func scenarioNames() (names []string) {
	for _, s := range load.Scenarios {
		names = append(names, s.Name)
	}
	return names
}

func scenarioList() string {
	var list []string
	for _, s := range load.Scenarios {
		list = append(list, fmt.Sprintf("%s %d", s.Name, s.Users))
	}
	return strings.Join(list, ", ")
}

func sizeList() string {
	var list []string
	for _, s := range load.ShortMediumLong {
		list = append(list, fmt.Sprintf("%s=%.0f:%d/%d", s.Name, 100*s.Share, s.Prompt, s.Output))
	}
	return strings.Join(list, ",")
}

// choose makes the plan that the flags ask for; given reports whether a flag was given.
func (o *loadtestOptions) choose(given func(flag string) bool) error {
	var kinds []string
	for _, flag := range []string{"scenario", "users", "rate", "replay", "sweep"} {
		if given(flag) {
			kinds = append(kinds, "--"+flag)
		}
	}
	if len(kinds) > 1 {
		return usageError("loadtest: %s exclude each other", strings.Join(kinds, " and "))
	}
	kind := "--scenario"
	if len(kinds) == 1 {
		kind = kinds[0]
	}
	for flag, with := range map[string][]string{
		"think": {"--users", "--scenario"}, "arrivals": {"--rate", "--sweep"}, "burstiness": {"--rate", "--sweep"},
		"ramp-to": {"--rate"}, "speed": {"--replay"}, "step-requests": {"--sweep"}, "max-in-flight": {"--rate", "--sweep", "--replay"},
	} {
		if given(flag) && !slices.Contains(with, kind) {
			return usageError("loadtest: --%s goes with %s, not with %s", flag, strings.Join(with, " or "), kind)
		}
	}
	var err error
	if o.plan.Sizes = load.ShortMediumLong; o.sizes != "" {
		if o.plan.Sizes, err = load.ParseSizes(o.sizes); err != nil {
			return usageError("--prompts: %w", err)
		}
	}
	switch kind {
	case "--scenario":
		return o.chooseScenario(given)
	case "--users":
		o.plan.Loop = load.Closed
	case "--rate":
		o.chooseRate(given("ramp-to"))
	case "--replay":
		return o.chooseReplay(given)
	case "--sweep":
		return o.chooseSweep()
	}
	return nil
}

func (o *loadtestOptions) chooseScenario(given func(string) bool) error {
	if o.scenario == "" {
		o.scenario = load.Scenarios[0].Name
	}
	i := slices.IndexFunc(load.Scenarios, func(s load.Scenario) bool { return s.Name == o.scenario })
	if i < 0 {
		return withGuess(usageError("--scenario %s: there are %s", o.scenario, strings.Join(scenarioNames(), ", ")), o.scenario, scenarioNames())
	}
	s := load.Scenarios[i]
	o.plan.Loop, o.plan.Name, o.plan.Users = load.Closed, s.Name, s.Users
	for flag, field := range map[string]struct {
		to    *time.Duration
		value time.Duration
	}{"think": {&o.plan.Think, s.Think}, "warmup": {&o.plan.Warmup, s.Warmup}, "duration": {&o.plan.Duration, s.Duration}} {
		if !given(flag) {
			*field.to = field.value
		}
	}
	return nil
}

func (o *loadtestOptions) chooseRate(ramp bool) {
	o.plan.Loop = load.Open
	if o.plan.Arrivals == "" {
		o.plan.Arrivals = load.Poisson
	}
	if ramp {
		o.plan.Arrivals, o.plan.RateFrom, o.plan.RateTo = load.Ramp, o.plan.Rate, o.rampTo
	}
}

// chooseReplay reads the recorded load. Without --duration all of it is sent, and without --warmup all is measured.
func (o *loadtestOptions) chooseReplay(given func(string) bool) error {
	file, err := os.Open(o.replay)
	if err != nil {
		return usageError("--replay: %w", err)
	}
	defer file.Close()
	if o.plan.Replay, err = arrival.ReadCSV(file); err != nil {
		return usageError("--replay %s: %w", o.replay, err)
	}
	o.plan.Loop, o.plan.Arrivals, o.plan.Rate = load.Open, load.Replay, o.speed
	if !given("warmup") {
		o.plan.Warmup = 0
	}
	if !given("duration") && o.speed > 0 {
		last := o.plan.Replay[len(o.plan.Replay)-1].At
		o.plan.Duration = time.Duration(float64(last)/o.speed) - o.plan.Warmup + time.Millisecond
	}
	return nil
}

func (o *loadtestOptions) chooseSweep() error {
	low, high, ok := strings.Cut(o.sweep, ":")
	var err1, err2 error
	o.plan.RateFrom, err1 = strconv.ParseFloat(low, 64)
	o.plan.RateTo, err2 = strconv.ParseFloat(high, 64)
	if !ok || err1 != nil || err2 != nil {
		return usageError("--sweep %s: want LOW:HIGH requests a second, such as 1:64", o.sweep)
	}
	o.plan.Loop = load.Sweep
	if o.plan.Arrivals == "" {
		o.plan.Arrivals = load.Constant
	}
	return nil
}

func (a *app) runLoadtest(ctx context.Context, o loadtestOptions) (err error) {
	if err := checkFormat(o.format, "text", "json"); err != nil {
		return err
	}
	c := load.Config{
		Target:  load.Target{API: o.api, Model: o.model, Stream: !o.whole},
		Plan:    o.plan,
		Timeout: o.timeout, MaxInFlight: o.inFlight, Version: buildVersion(),
	}
	if c.Target.Simulated = o.url == simulatedOllama; c.Target.Simulated {
		system := inference.Config{}
		stop, err := a.startSimulated(&gatewayOptions{slots: simulatedSlots}, &system)
		if err != nil {
			return err
		}
		defer stop()
		c.Target.URL = system.Upstream
	} else if c.Target.URL, err = a.loadURL(o.url); err != nil {
		return err
	}
	if c.Target.Header, err = o.header(a.getenv); err != nil {
		return err
	}
	for _, text := range o.threshold {
		t, err := load.ParseThreshold(text)
		if err != nil {
			return usageError("--threshold: %w", err)
		}
		c.Thresholds = append(c.Thresholds, t)
	}
	if err := c.Target.Resolve(ctx); err != nil {
		return withHint(fmt.Errorf("loadtest: %w", err), "is the server up? slowtoken loadtest sim brings one of its own, to try with")
	}
	shutdown, err := a.loadTelemetry(ctx, o.otlp, &c)
	if err != nil {
		return err
	}
	defer shutdown()
	test, err := load.New(c)
	if err != nil {
		return usageError("loadtest: %w", err)
	}
	a.note("loading %s with model %s; Ctrl-C ends it and sums up", c.Target.URL.Redacted(), c.Target.Model)
	stop := a.watchLoad(test)
	result := test.Run(ctx)
	stop()
	write := func(w io.Writer) error { return writeLoadText(w, result) }
	if o.format == "json" {
		write = func(w io.Writer) error {
			encoder := json.NewEncoder(w)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			return encoder.Encode(result)
		}
	}
	if err := a.writeOut(o.out, write); err != nil {
		return err
	}
	return loadExit(result)
}

// simulatedSlots is how many requests the simulated server computes at once.
const simulatedSlots = 4

// loadExit is how a load test ends: a missed threshold comes before an interruption.
func loadExit(r *load.Result) error {
	sent := 0
	for _, s := range r.Steps {
		sent += s.Planned
	}
	switch {
	case sent == 0 && !r.Interrupted:
		return noDataError("loadtest: no request was measured: the warm-up is as long as the load, or the rate too low for the duration")
	case r.Missed():
		return exitWith(exitFinding)
	case r.Interrupted:
		return exitWith(exitFailure)
	}
	return nil
}

// loadURL reads whom to ask; without an address, the local Ollama.
func (a *app) loadURL(text string) (*url.URL, error) {
	if text == "" {
		return ollamaURL("", a.getenv("OLLAMA_HOST"))
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError("loadtest: %q is no address: want a URL such as http://127.0.0.1:8000/v1/chat/completions", text)
	}
	return u, nil
}

// header makes what is sent with every request.
func (o *loadtestOptions) header(getenv func(string) string) (http.Header, error) {
	list := http.Header{}
	for _, text := range o.headers {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(text, "\r\n") {
			return nil, usageError("--header %q: want NAME: VALUE", text)
		}
		list.Add(name, strings.TrimSpace(value))
	}
	if o.keyEnv != "" {
		key := getenv(o.keyEnv)
		if key == "" {
			return nil, usageError("--api-key-env %s: there is no such environment variable, or it is empty", o.keyEnv)
		}
		list.Set("Authorization", "Bearer "+key)
	}
	return list, nil
}

// tracesGo are the variables that say that spans go somewhere.
var tracesGo = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"}

// loadTelemetry sends spans if anybody says where to.
func (a *app) loadTelemetry(ctx context.Context, endpoint string, c *load.Config) (shutdown func(), err error) {
	if endpoint == "" && !slices.ContainsFunc(tracesGo, func(name string) bool { return a.getenv(name) != "" }) {
		return func() {}, nil
	}
	if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, usageError("--otlp %s: want a URL such as http://127.0.0.1:4318", endpoint)
	}
	telemetry, err := inference.StartTelemetry(ctx, inference.Sender{Service: "slowtoken-loadtest", Version: buildVersion(), Endpoint: endpoint}, a.log)
	if err != nil {
		return nil, usageError("loadtest: %w", err)
	}
	c.Tracer, c.Propagator = telemetry.Tracer, telemetry.Propagator
	return func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if problem := telemetry.Shutdown(stopCtx); problem != nil {
			a.log.Warn("the last spans were not sent", "error", problem)
		}
	}, nil
}

// watchLoad draws how far the test is, on a terminal, until it is stopped.
func (a *app) watchLoad(test *load.Test) (stop func()) {
	if !isTerminal(a.stderr) {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(250 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-end:
				fmt.Fprint(a.stderr, "\r\x1b[K")
				return
			case <-ticks.C:
				if p, ok := test.Progress(); ok {
					fmt.Fprint(a.stderr, "\r\x1b[K"+progressLine(p))
				}
			}
		}
	}()
	return func() { close(end); <-ended }
}
