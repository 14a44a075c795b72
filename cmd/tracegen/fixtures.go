package main

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A fixture is a file of traces that a test of rules reads: the run of a scenario, as a dialect tells it, or spans of
// stacks that the simulator does not have.
type fixture struct {
	name string

	fault    string // "" is healthy
	dialect  string // "" is vllm; gateway is slowtoken's own
	workload string // "" is chat
	seconds  float64
	share    float64 // of what the system can serve, where the fault does not say otherwise; 0 is a third
	seed     uint64
	hops     bool // with the spans of application, gateway and HTTP server
	metrics  bool
	chunks   bool // of the gateway: with an event for each chunk
	change   func(*fault.Scenario)
	edit     func([]analyzer.Span) []analyzer.Span // what the simulator or its dialect cannot say
	spans    func() []analyzer.Span                // instead of all of these
}

const gatewayDialect = "gateway"

// fixtures lists the files of rules/fixtures/traces.
func fixtures() []fixture {
	return slices.Concat(engineFixtures, aroundFixtures)
}

// writeFixtures writes all of them, or those that are named, to a folder.
func writeFixtures(ctx context.Context, dir string, names []string, stdout io.Writer) error {
	written := 0
	for _, f := range fixtures() {
		if len(names) > 0 && !slices.Contains(names, f.name) {
			continue
		}
		path := filepath.Join(dir, f.name+".jsonl.gz")
		if err := f.write(ctx, path); err != nil {
			return fmt.Errorf("fixture %s: %w", f.name, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%6d bytes %s\n", info.Size(), path)
		written++
	}
	if written == 0 {
		return fmt.Errorf("no fixture is named %q", names)
	}
	return nil
}

func (f *fixture) write(ctx context.Context, path string) (err error) {
	traces, points, err := f.make()
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := encode(ctx, packed, "otlp-jsonl", traces); err != nil {
		return err
	}
	if _, err := writeMetrics(packed, points); err != nil {
		return err
	}
	return packed.Close()
}

// make returns what the file holds.
func (f *fixture) make() (iter.Seq[[]analyzer.Span], []analyzer.MetricPoint, error) {
	if f.spans != nil {
		return func(yield func([]analyzer.Span) bool) { yield(f.spans()) }, nil, nil
	}
	var dialect emit.Dialect
	if f.dialect != gatewayDialect {
		var err error
		if dialect, err = emit.ByName(cmp.Or(f.dialect, "vllm")); err != nil {
			return nil, nil, err
		}
	}
	s, err := fault.NewScenario(fault.Options{Seed: f.seed, Length: int64(f.seconds * 1e9), Workload: f.workload, Share: f.share})
	if err != nil {
		return nil, nil, err
	}
	if f.fault != "" {
		injections, err := fault.Parse(f.fault)
		if err != nil {
			return nil, nil, err
		}
		if err := s.Inject(injections); err != nil {
			return nil, nil, err
		}
	}
	if f.change != nil {
		f.change(s)
	}
	s.Config.KeepTokens = dialect.Tokens || f.chunks
	run, err := s.Run()
	if err != nil {
		return nil, nil, err
	}
	if f.dialect == gatewayDialect {
		return func(yield func([]analyzer.Span) bool) { yield(gatewayTraces(run, s.Config.Engine.Slots)) }, nil, nil
	}
	o := emit.Options{Bare: !f.hops, Damage: s.Damage}
	var points []analyzer.MetricPoint
	if f.metrics {
		points = emit.Metrics(run, dialect, o)
		points = append(points, prefixCounters(run, points)...)
	}
	batches := func(yield func([]analyzer.Span) bool) {
		var all []analyzer.Span
		for spans := range emit.Traces(run, dialect, o) {
			all = append(all, spans...)
		}
		if f.edit != nil {
			all = f.edit(all)
		}
		yield(all) // in one message, which compresses best
	}
	return batches, points, nil
}

// prefixCounters returns vLLM's counters of prompt tokens that were looked up in the prefix cache, and of those that were
// found, at the times of the engine's other metrics. Source: https://github.com/vllm-project/vllm, vllm/v1/metrics/loggers.py.
func prefixCounters(run *sim.Run, points []analyzer.MetricPoint) (counters []analyzer.MetricPoint) {
	for _, p := range points {
		if p.Name != "vllm:num_preemptions_total" {
			continue
		}
		queries, hits := 0, 0
		for i := range run.Requests {
			if r := &run.Requests[i]; r.Scheduled > 0 && r.Scheduled <= p.Time {
				queries, hits = queries+r.Prompt, hits+r.Cached
			}
		}
		for _, c := range []struct {
			name string
			n    int
		}{{"vllm:prefix_cache_queries_total", queries}, {"vllm:prefix_cache_hits_total", hits}} {
			counter := p
			counter.Name, counter.Value = c.name, analyzer.Double(float64(c.n))
			counters = append(counters, counter)
		}
	}
	return counters
}
