package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference"
	"github.com/slowtoken/slowtoken/inference/ollama"
)

// modelName is what the random model is called.
const modelName = "random"

// A machine is a real server with its model, ready to be asked.
type machine struct {
	*ollama.Server
	parallel int // requests that it computes at once
	log      string
	prompts  prompter
}

// startMachine starts a server that computes so many requests at once, on the device that it is asked for. Its name is that
// of its folder; runWith stands before its command.
func startMachine(ctx context.Context, o *options, folder, name string, parallel int, runWith []string) (m *machine, err error) {
	home := filepath.Join(folder, name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	gguf, err := modelFile(o.model, folder)
	if err != nil {
		return nil, err
	}
	m = &machine{parallel: parallel, log: filepath.Join(home, "log")}
	if m.prompts.tokenizer, err = ollama.TokenizerOfFile(gguf); err != nil {
		return nil, err
	}
	modelfile := filepath.Join(home, "Modelfile")
	text := "FROM " + gguf + "\nTEMPLATE {{ .Prompt }}\nPARAMETER temperature 1\nPARAMETER num_ctx 4096\n"
	if o.device == onCPU { // with as many threads as processors, all of them are late when one is taken away
		text += "PARAMETER num_thread 1\n"
	}
	if err := os.WriteFile(modelfile, []byte(text), 0o600); err != nil {
		return nil, err
	}
	binary := o.ollama
	if len(runWith) > 0 {
		binary = filepath.Join(home, "ollama")
		script := "#!/bin/sh\nexec " + strings.Join(runWith, " ") + " '" + o.ollama + "' \"$@\"\n"
		if err := os.WriteFile(binary, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
			return nil, err
		}
	}
	m.Server, err = ollama.Start(ctx, ollama.ServerConfig{Binary: binary, Parallel: parallel, Models: filepath.Join(home, "models"), Home: home, Log: m.log})
	if err != nil {
		return nil, err
	}
	if err := m.Create(ctx, modelName, modelfile); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	if err := m.warm(ctx); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// modelFile writes the model of that size, unless it is there.
func modelFile(size, folder string) (path string, err error) {
	for _, s := range ollama.Shapes {
		if s.Name != size {
			continue
		}
		path = filepath.Join(folder, size+".gguf")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		return path, ollama.WriteModel(path, s, 1)
	}
	return "", fmt.Errorf("--model %s: there is no such size; slowtoken model make --help lists them", size)
}

// warm loads the model, and lets every slot hold what prompts share.
func (m *machine) warm(ctx context.Context) error {
	return m.ask(ctx, m.parallel, 2*m.parallel, faultCase{})
}

// ask sends requests of a fault's kind, so many of them at once, and waits for their answers.
func (m *machine) ask(ctx context.Context, atOnce, requests int, f faultCase) error {
	f.share, f.load = 1, evenly
	load, err := m.prompts.plan(&f, 1e9, 0, int64(requests)+1, 99)
	if err != nil {
		return err
	}
	_, tracer := noTelemetry()
	c := newClient(tracer, &faultCase{}, m.URL.String())
	errs := make(chan error, atOnce)
	for k := range atOnce {
		go func() {
			var err error
			for i := k; i < len(load) && err == nil; i += atOnce {
				err = c.ask(ctx, &sent{planned: load[i]})
			}
			errs <- err
		}()
	}
	for range atOnce {
		err = errors.Join(err, <-errs)
	}
	return err
}

// events reads what the server has logged from a byte of its log on.
func (m *machine) events(from int64) (list []ollama.LogEvent, err error) {
	f, err := os.Open(m.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(from, 0); err != nil {
		return nil, err
	}
	return ollama.ReadLog(f)
}

func (m *machine) logged() (bytes int64, err error) {
	info, err := os.Stat(m.log)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// computesOn returns an error unless the server's log says that the model is on the device.
func (m *machine) computesOn(device string) error {
	events, err := m.events(0)
	if err != nil {
		return err
	}
	on := onCPU
	for _, e := range events {
		if e.Kind == ollama.AtWeights && e.OnGPU {
			on = onCUDA
		}
	}
	if on != device {
		return fmt.Errorf("--device %s: the server has its model on the %s, as its log %s says; a release of Ollama computes on GPUs where NVIDIA's driver is, what make ollama builds on the CPU alone", device, on, m.log)
	}
	return nil
}

// What a model can be computed on.
const (
	onCPU  = "cpu"
	onCUDA = "cuda"
)

// Tokenizer implements inference.Tokenizers.
func (p prompter) Tokenizer(context.Context, string) (func(string) (int, error), error) {
	return p.tokenizer.Count, nil
}

// A rig is a gateway in front of each server, and what stands before the gateways.
type rig struct {
	urls      []string // that clients call, of each server
	telemetry *collector
	finish    []func(context.Context) error // each returns when a gateway is done with all requests
	relay     *relay                        // before the gateways; nil where there is none
	stop      []func()
}

func (r *rig) close() {
	for i := len(r.stop) - 1; i >= 0; i-- {
		r.stop[i]()
	}
}

// newRig builds what stands in front of servers in a run: before each a gateway with so many slots, and before that what f
// puts there.
func newRig(ctx context.Context, servers []*machine, f *faultCase, slots int, seed uint64) (_ *rig, err error) {
	r := &rig{telemetry: &collector{}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	for i, m := range servers {
		tracer, err := r.telemetry.tracer(ctx, "slowtoken-gateway", i+1)
		if err != nil {
			return nil, err
		}
		url, err := r.gateway(ctx, m, f, slots, seed, tracer)
		if err != nil {
			return nil, err
		}
		r.urls = append(r.urls, url)
	}
	return r, nil
}

// gateway starts one in front of a server.
func (r *rig) gateway(ctx context.Context, m *machine, f *faultCase, slots int, seed uint64, tracer trace.Tracer) (url string, err error) {
	g, err := inference.New(inference.Config{
		Upstream: m.URL, Slots: slots, QueueLimit: 10_000, ServerSlots: m.parallel, Tokenizers: m.prompts, WeightLog: m.Server,
		Tracer: tracer, Propagator: propagation.TraceContext{}, Metrics: inference.NewMetrics(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	var handler http.Handler = g
	if f.refuse > 0 {
		handler = refuseSome(g, f.refuse, seed)
	}
	address, err := r.serve(handler, f.reading > 0)
	if err != nil {
		return "", err
	}
	if err := settle(ctx, "http://"+address); err != nil {
		return "", err
	}
	if f.delay > 0 {
		relay, err := startRelay(address, f.delay)
		if err != nil {
			return "", err
		}
		r.stop = append(r.stop, relay.close)
		address, r.relay = relay.address(), relay
	}
	return "http://" + address, nil
}

// serve answers on a free port. Connections with small buffers let the gateway see when a reader is slow.
func (r *rig) serve(h http.Handler, small bool) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	if small {
		server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			if tcp, ok := conn.(*net.TCPConn); ok {
				tcp.SetWriteBuffer(smallBuffer)
			}
			return ctx
		}
	}
	go server.Serve(listener) // ends with ErrServerClosed when it is stopped
	r.finish = append(r.finish, server.Shutdown)
	r.stop = append(r.stop, func() { server.Close() })
	return listener.Addr().String(), nil
}

// settle asks once, so that the gateway has its vocabulary and knows that the model is loaded.
func settle(ctx context.Context, base string) error {
	_, tracer := noTelemetry()
	s := sent{planned: planned{prompt: "te", output: 1}}
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	for range 2 { // the first one makes it ask for the vocabulary
		if err := newClient(tracer, &faultCase{}, strings.TrimSuffix(u.String(), "/")).ask(ctx, &s); err != nil {
			return err
		}
	}
	return nil
}

// collected waits for the gateways' last spans, and returns those of requests that started from a time on.
func (r *rig) collected(ctx context.Context, from int64) ([]analyzer.Span, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, finish := range r.finish {
		if err := finish(ctx); err != nil {
			return nil, fmt.Errorf("wait for the gateway's last spans: %w", err)
		}
	}
	return r.telemetry.spans(from)
}
