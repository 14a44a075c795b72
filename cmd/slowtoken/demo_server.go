package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"github.com/slowtoken/slowtoken/inference"
	"github.com/slowtoken/slowtoken/inference/ollama"
	"github.com/slowtoken/slowtoken/inference/ollamasim"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A demoServer is an Ollama server that the demo asks.
type demoServer struct {
	about     string // in a sentence
	url       *url.URL
	model     string
	parallel  int // requests that it computes at once; 0 is unknown
	simulated bool
	facts     []string            // what is known of it beside its traces
	weights   inference.WeightLog // nil when nobody knows
	stop      func() error
}

const (
	demoParallel  = 8                // requests that a server of the demo computes at once
	reachTime     = time.Second      // for a server that may be there to say so
	firstAnswer   = 15 * time.Second // that a server may take to load a model and answer once; a slower one is not asked
	demoMaxWeight = 8 << 30          // bytes of the largest model that the demo lets a server load
)

// findDemoServer returns the server that is named; without a name, one that answers, else an installed one, else a
// simulated one. It says why it does not use one that it found.
func (a *app) findDemoServer(ctx context.Context, named, dir string) (*demoServer, error) {
	switch named {
	case simulatedOllama:
		return a.simulatedDemoServer()
	case managedOllama:
		return a.installedDemoServer(ctx, dir)
	}
	u, err := ollamaURL(named, a.getenv("OLLAMA_HOST"))
	if err != nil {
		return nil, err
	}
	s, err := runningDemoServer(ctx, u)
	if err == nil || named != "" {
		return s, err
	}
	if unused := (*unusableError)(nil); errors.As(err, &unused) {
		a.note("%s; going on without it", unused)
	}
	if s, err = a.installedDemoServer(ctx, dir); err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !errors.Is(err, errNoOllama) {
		a.note("%s; going on with a simulated server", err)
	}
	return a.simulatedDemoServer()
}

// An unusableError is of a server that is there, and yet cannot be used.
type unusableError struct{ error }

// runningDemoServer asks a server for the model that costs least to use: one that is loaded, else the smallest.
func runningDemoServer(ctx context.Context, u *url.URL) (*demoServer, error) {
	client := api.NewClient(u, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	reach, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	version, err := client.Version(reach)
	if err != nil {
		return nil, fmt.Errorf("demo: no Ollama server answers at %s: %w", u, err)
	}
	name, err := modelToUse(reach, client)
	if err == nil {
		err = answers(ctx, client, name)
	}
	if err != nil {
		return nil, &unusableError{fmt.Errorf("demo: the Ollama server at %s cannot be used: %w", u, err)}
	}
	return &demoServer{
		about: fmt.Sprintf("Ollama %s at %s, model %s", version, u, name), url: u, model: name, stop: func() error { return nil },
	}, nil
}

func modelToUse(ctx context.Context, client *api.Client) (string, error) {
	loaded, err := client.ListRunning(ctx)
	if err != nil {
		return "", err
	}
	known, err := client.List(ctx)
	if err != nil {
		return "", err
	}
	slices.SortFunc(known.Models, func(a, b api.ListModelResponse) int { return cmp.Compare(a.Size, b.Size) })
	var names []string
	for _, m := range loaded.Models {
		names = append(names, m.Name)
	}
	for _, m := range known.Models {
		if m.Size <= demoMaxWeight {
			names = append(names, m.Name)
		}
	}
	for _, name := range names {
		if about, err := client.Show(ctx, &api.ShowRequest{Model: name}); err == nil && slices.Contains(about.Capabilities, model.CapabilityCompletion) {
			return name, nil
		}
	}
	return "", fmt.Errorf("it has no model that completes text and is under %d GB", demoMaxWeight>>30)
}

// answers lets the model be loaded.
func answers(ctx context.Context, client *api.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	whole := false
	err := client.Generate(ctx, &api.GenerateRequest{Model: name, Prompt: "Why?", Stream: &whole, Options: map[string]any{"num_predict": 1}},
		func(api.GenerateResponse) error { return nil })
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("its model %s did not answer within %s", name, firstAnswer)
	}
	return err
}

// installedDemoServer starts an installed server with a small model of random weights, both of its own, in dir.
func (a *app) installedDemoServer(ctx context.Context, dir string) (*demoServer, error) {
	binary, err := a.findOllama("")
	if err != nil {
		return nil, err
	}
	const name = "random-5m"
	weights, modelfile := filepath.Join(dir, name+".gguf"), filepath.Join(dir, name+".Modelfile")
	if err := ollama.WriteModel(weights, ollama.Shapes[0], 1); err != nil {
		return nil, err
	}
	if err := os.WriteFile(modelfile, []byte(modelfileOf(weights)), 0o644); err != nil {
		return nil, err
	}
	server, err := ollama.Start(ctx, ollama.ServerConfig{
		Binary: binary, Parallel: demoParallel, Context: 4096,
		Models: filepath.Join(dir, "models"), Home: filepath.Join(dir, "home"), Log: filepath.Join(dir, "ollama.log"),
	})
	if err != nil {
		return nil, err
	}
	if err := server.Create(ctx, name, modelfile); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	if err := answers(ctx, api.NewClient(server.URL, http.DefaultClient), name); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return &demoServer{
		about: fmt.Sprintf("%s, started on %s, with a model of 5 million random weights", binary, server.URL),
		url:   server.URL, model: name, parallel: demoParallel, weights: server, stop: server.Stop,
	}, nil
}

func (a *app) simulatedDemoServer() (*demoServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	system := sim.NewConfig(sim.Llama8B, sim.H100)
	system.Engine.Slots = demoParallel
	simulated := ollamasim.New(system, ollamasim.Options{})
	server := &http.Server{Handler: simulated, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // ends with ErrServerClosed when it is stopped
	return &demoServer{
		about: fmt.Sprintf("a simulated server: no model computes, and answers come when %s on %s should give them", system.Model.Name, system.Device.Name),
		url:   &url.URL{Scheme: "http", Host: listener.Addr().String()}, model: "sim", parallel: demoParallel, simulated: true,
		facts: []string{"model=" + system.Model.Name, "device=" + system.Device.Name},
		stop: func() error {
			simulated.Close()
			return server.Close()
		},
	}, nil
}
