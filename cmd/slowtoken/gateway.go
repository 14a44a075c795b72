package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slowtoken/slowtoken/inference"
	"github.com/slowtoken/slowtoken/inference/ollama"
	"github.com/slowtoken/slowtoken/inference/ollamasim"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// gatewayOptions are the flags of gateway.
type gatewayOptions struct {
	listen      string
	ollama      string
	binary      string
	models      string
	slots       int
	serverSlots int
	queueLimit  int
	context     int
	vocabulary  string
	truth       bool
}

func gatewayCommand(a *app) *cobra.Command {
	var o gatewayOptions
	cmd := &cobra.Command{
		Use:     "gateway",
		Short:   "Stand in front of Ollama and say where each request's time goes",
		GroupID: groupInput,
		Long: `Answer Ollama's /api/generate and /api/chat and OpenAI's /v1/chat/completions, streamed and not, with an Ollama server
behind, and send a span for each request and each phase of it: queue, tokenize, model_load, gpu_transfer, prefill, decode,
stream. /api/tags, /api/show, /api/ps, /api/version and /v1/models are passed on; /healthz and /metrics (Prometheus) are
the gateway's own. docs/inference.md says what is measured, reported and bounded.

At most --slots requests are in Ollama at once; --queue-limit more may wait, and those beyond are refused with 429. Clients
take turns: the header X-Slowtoken-Tenant names one, else the API key does, else the address.

Where spans go is said by OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT; without any, to port 4318 of
this machine, where slowtoken serve listens. A caller's traceparent is honoured.`,
		Example: `  slowtoken gateway                              # in front of $OLLAMA_HOST, else 127.0.0.1:11434
  slowtoken gateway --ollama managed --slots 2   # start an installed ollama, and stop it at the end
  slowtoken gateway --ollama sim                 # without any model, at simulated times
  OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 slowtoken gateway --ollama http://gpu1:11434`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runGateway(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:11435", "`ADDRESS` to answer on")
	f.StringVar(&o.ollama, "ollama", "", "`URL` of the Ollama server, managed: start an installed one, or sim: simulate one (default $OLLAMA_HOST, else http://127.0.0.1:11434)")
	f.StringVar(&o.binary, "ollama-binary", "", "with --ollama managed: `FILE` to run (default ollama on the PATH, else what make ollama built)")
	f.StringVar(&o.models, "ollama-models", "", "with --ollama managed: `FOLDER` of the models (default: as Ollama has it)")
	f.IntVar(&o.slots, "slots", 4, "let `N` requests into Ollama at once")
	f.IntVar(&o.serverSlots, "server-slots", 0, "Ollama computes `N` requests at once and has no other clients: its OLLAMA_NUM_PARALLEL (default: unknown; managed: as --slots)")
	f.IntVar(&o.queueLimit, "queue-limit", 100, "let `N` requests wait; more are refused with 429")
	f.IntVar(&o.context, "context", 0, "with --ollama managed: `TOKENS` of context for a request (default: as Ollama has it)")
	f.StringVar(&o.vocabulary, "vocabulary", "", "tokenize every prompt with the vocabulary of this GGUF `FILE` (default: ask Ollama for the model's own)")
	f.BoolVar(&o.truth, "truth", false, "keep what requests carry as baggage under slowtoken.truth. on their spans")
	return cmd
}

// The values of --ollama that are no address.
const (
	managedOllama   = "managed" // start a server
	simulatedOllama = "sim"     // simulate one
)

func (a *app) runGateway(ctx context.Context, o gatewayOptions) (err error) {
	c := inference.Config{Slots: o.slots, QueueLimit: o.queueLimit, Truth: o.truth, Metrics: inference.NewMetrics(), Logger: a.log}
	var exited <-chan struct{}
	switch o.ollama {
	case managedOllama:
		server, err := a.startOllama(ctx, &o)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		c.Upstream, c.WeightLog, exited = server.URL, server, server.Exited()
	case simulatedOllama:
		stop, err := a.startSimulated(&o, &c)
		if err != nil {
			return err
		}
		defer stop()
	default:
		if c.Upstream, err = ollamaURL(o.ollama, a.getenv("OLLAMA_HOST")); err != nil {
			return err
		}
	}
	c.ServerSlots = o.serverSlots
	if c.Tokenizers, err = tokenizers(o.vocabulary, c.Upstream); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return withHint(fmt.Errorf("gateway: listen on %s: %w", o.listen, err), "--listen 127.0.0.1:0 takes any free port")
	}
	defer listener.Close() // what was not served
	telemetry, err := inference.StartTelemetry(ctx, inference.Sender{Service: "slowtoken-gateway", Version: buildVersion(), GPUs: true}, a.log)
	if err != nil {
		return usageError("gateway: %w", err)
	}
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if problem := telemetry.Shutdown(stopCtx); problem != nil {
			a.log.Warn("the last spans were not sent", "error", problem)
		}
	}()
	c.Tracer, c.Propagator = telemetry.Tracer, telemetry.Propagator
	g, err := inference.New(c)
	if err != nil {
		return usageError("gateway: %w", err)
	}
	return a.serveGateway(ctx, listener, g, exited)
}

// serveGateway answers until ctx ends, and then lets what is running finish.
func (a *app) serveGateway(ctx context.Context, listener net.Listener, g *inference.Gateway, exited <-chan struct{}) error {
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	a.note("gateway on http://%s in front of %s: %d slots, then %d may wait", listener.Addr(), g.Upstream, g.Slots, g.QueueLimit)
	if host, _, err := net.SplitHostPort(listener.Addr().String()); err == nil && !net.ParseIP(host).IsLoopback() {
		a.note("other machines can reach the gateway, and it asks nobody for a key")
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		return fmt.Errorf("gateway: %w", err)
	case <-exited:
		server.Close()
		return fmt.Errorf("gateway: the Ollama server that it started has ended")
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(stopCtx); err != nil {
		server.Close()
		a.note("requests that still ran were cut: %s", err)
	}
	return nil
}

// startOllama starts a server as o says, and notes in o what it can do.
func (a *app) startOllama(ctx context.Context, o *gatewayOptions) (*ollama.Server, error) {
	binary, err := a.findOllama(o.binary)
	if err != nil {
		return nil, err
	}
	if o.serverSlots == 0 {
		o.serverSlots = o.slots
	}
	log := filepath.Join(os.TempDir(), fmt.Sprintf("slowtoken-ollama-%d.log", os.Getpid()))
	server, err := ollama.Start(ctx, ollama.ServerConfig{Binary: binary, Parallel: o.serverSlots, Context: o.context, Models: o.models, Log: log})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	a.note("started %s on %s; its log is %s", binary, server.URL, log)
	return server, nil
}

// startSimulated serves a simulated server on this machine, and notes in o and c what it is.
func (a *app) startSimulated(o *gatewayOptions, c *inference.Config) (stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if o.serverSlots == 0 {
		o.serverSlots = o.slots
	}
	system := sim.NewConfig(sim.Llama8B, sim.H100)
	system.Engine.Slots = o.serverSlots
	simulated := ollamasim.New(system, ollamasim.Options{})
	server := &http.Server{Handler: simulated, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // ends with ErrServerClosed when it is stopped
	c.Upstream = &url.URL{Scheme: "http", Host: listener.Addr().String()}
	a.note("SIMULATED: no model computes; model sim answers at the times that %s on %s should take", system.Model.Name, system.Device.Name)
	return func() {
		simulated.Close()
		server.Close()
	}, nil
}

var errNoOllama = errors.New("no ollama is installed")

// findOllama returns the binary to run.
func (a *app) findOllama(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if path, err := exec.LookPath("ollama"); err == nil {
		return path, nil
	}
	cache, err := a.cacheDir()
	if err == nil {
		built, err := filepath.Glob(filepath.Join(cache, "slowtoken", "ollama-v*"))
		if err == nil && len(built) > 0 {
			return slices.Max(built), nil
		}
	}
	return "", withHint(errNoOllama, "install it from https://ollama.com/download, build one with make ollama, or name it: --ollama-binary FILE")
}

// ollamaURL reads an address as Ollama itself reads OLLAMA_HOST: scheme and port may be left out.
func ollamaURL(flag, env string) (*url.URL, error) {
	text, from := flag, "--ollama"
	if text == "" {
		text, from = strings.Trim(strings.TrimSpace(env), `"'`), "OLLAMA_HOST"
	}
	if text == "" {
		text = "127.0.0.1"
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError("%s: %q is no address of an Ollama server: want managed, sim, or a URL such as http://127.0.0.1:11434", from, text)
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "11434", "https": "443"}[u.Scheme]
	}
	if host == "" || host == "0.0.0.0" || host == "::" { // what a server listens on is no place to call
		host = "127.0.0.1"
	}
	u.Host = net.JoinHostPort(host, port)
	return u, nil
}

// tokenizers returns where the tokenizers of models come from: the file, if there is one, else the server.
func tokenizers(file string, server *url.URL) (inference.Tokenizers, error) {
	if file == "" {
		return serverTokenizers{server}, nil
	}
	t, err := ollama.TokenizerOfFile(file)
	if err != nil {
		return nil, usageError("--vocabulary: %w", err)
	}
	return fileTokenizer{t}, nil
}

type serverTokenizers struct{ server *url.URL }

// Tokenizer implements inference.Tokenizers.
func (s serverTokenizers) Tokenizer(ctx context.Context, model string) (func(string) (int, error), error) {
	t, err := ollama.TokenizerOfServer(ctx, http.DefaultClient, s.server, model)
	if err != nil {
		return nil, err
	}
	return t.Count, nil
}

type fileTokenizer struct{ tokenizer *ollama.Tokenizer }

// Tokenizer implements inference.Tokenizers.
func (f fileTokenizer) Tokenizer(context.Context, string) (func(string) (int, error), error) {
	return f.tokenizer.Count, nil
}
