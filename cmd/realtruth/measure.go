package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/rules"
)

// parallel is how many requests the server computes at once (OLLAMA_NUM_PARALLEL), and wideSlots how many the gateway lets
// in where the queue is to form in the server.
const (
	parallel  = 4
	wideSlots = 64
)

// maxLag is how late requests may be sent, at the 99th percentile: a run that was later measures the load generator.
const maxLag = 5 * time.Millisecond

// measure runs every case as often as it is asked to, and the comparison of one slot with four.
func measure(ctx context.Context, o *options, list []faultCase, progress io.Writer) (_ *results, err error) {
	set, hash, err := builtinRules()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "slowtoken-realtruth-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	m, err := startMachine(ctx, o, folder, parallel)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Stop()) }()
	if err := m.computesOn(o.device); err != nil {
		return nil, err
	}
	r := &results{
		Date: time.Now().UTC().Truncate(time.Second), Command: o.command, Machine: machineName(ctx, o.device), Device: o.device, Model: o.model,
		RulesHash: hash, Server: serverVersion(ctx, o.ollama), Seconds: o.seconds, Seed: o.seed, Facts: facts, Targets: targets,
	}
	if r.Pace, err = m.measurePace(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "%s serves %.1f requests a second, one at a time %.1f, and %.2f ms for each more token\n", r.Server, r.Pace.Together, r.Pace.Alone, r.Pace.Token)
	if !o.noWhatIf {
		if r.WhatIf, err = compareSlots(ctx, o, m, folder, r); err != nil {
			return nil, fmt.Errorf("compare one slot with four: %w", err)
		}
	}
	now := r.Pace
	if o.add != "" {
		before, err := readResults(o.add)
		if err != nil {
			return nil, err
		}
		if before.RulesHash != r.RulesHash {
			return nil, fmt.Errorf("the results in %s are of other rules", o.add)
		}
		before.Command += fmt.Sprintf("; then %s, at %.1f requests a second", r.Command, now.Together)
		r = before
	}
	// Runs of one fault are far apart, so that what else happens on the machine hits all alike.
	for _, where := range []string{inGateway, inServer} {
		for n := range map[string]int{inGateway: o.runs, inServer: o.wide}[where] {
			for i := range list {
				if where == inServer && list[i].slots > 0 { // the limit is the gateway's
					continue
				}
				one, err := o.runOnce(ctx, m, &list[i], where, o.seed+uint64(n), now, set)
				if err != nil {
					return nil, fmt.Errorf("%s, run %d: %w", list[i].name, n+1, err)
				}
				r.Runs = append(r.Runs, *one)
				fmt.Fprintln(progress, one)
				if o.out != "" { // what was measured is kept, whatever happens to the rest
					if err := r.writeFile(o.out); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return r, nil
}

// runOnce puts the server under load with a fault, and lets the analyzer read what telemetry says of it.
func (o *options) runOnce(ctx context.Context, m *machine, f *faultCase, where string, seed uint64, p pace, set *rules.Set) (*oneRun, error) {
	slots := m.parallel
	if where == inServer {
		slots = wideSlots
	} else if f.slots > 0 {
		slots = f.slots
	}
	load, err := m.prompts.plan(f, p.rate(f.answers, slots), int64(o.seconds)*1e9, seed)
	if err != nil {
		return nil, err
	}
	if err := m.warm(ctx); err != nil { // the run before may have left the model unloaded, or other prompts in its cache
		return nil, err
	}
	obs, err := observe(ctx, m, f, slots, seed, load)
	if err != nil {
		return nil, err
	}
	if err := o.write(obs.spans, fmt.Sprintf("%s-%s-%d", f.name, where, seed)); err != nil {
		return nil, err
	}
	one := &oneRun{Fault: f.name, Queue: where, Seed: seed, Requests: len(obs.sent), LagP99: lagP99(obs.sent).Seconds() * 1e3}
	one.Discarded = lagP99(obs.sent) > maxLag
	for i := range obs.sent {
		if !obs.sent[i].answered {
			one.Refused++
		}
	}
	if one.BySpans, err = answerOf(obs.spans, set); err != nil {
		return nil, err
	}
	if one.ByClient, err = answerOf(ofClient(obs.spans), set); err != nil {
		return nil, err
	}
	one.BySpans.Judgement = judge(f, &one.BySpans, carriedBySpans(f, where))
	one.ByClient.Judgement = judge(f, &one.ByClient, carriedByClient(f))
	one.Errors = timeErrors(obs, f)
	return one, nil
}

// An observation is what a run left behind: telemetry, and what is known from elsewhere.
type observation struct {
	spans []analyzer.Span
	sent  []sent
	log   logIndex
	stood time.Duration // that the server was paused
}

// observe sends a load to a server behind a gateway.
func observe(ctx context.Context, m *machine, f *faultCase, slots int, seed uint64, load []planned) (o *observation, err error) {
	rig, err := newRig(ctx, m, f, slots, seed)
	if err != nil {
		return nil, err
	}
	defer rig.close()
	tracer, err := rig.telemetry.tracer(ctx, clientService)
	if err != nil {
		return nil, err
	}
	from, err := m.logged()
	if err != nil {
		return nil, err
	}
	o = &observation{}
	during, end := context.WithCancel(ctx)
	defer end()
	if f.hogs > 0 {
		stop, err := takeCPU(during, f.hogs, m.runWith)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	var stood chan time.Duration
	var failed chan error
	if f.pause > 0 {
		stood, failed = pauses(during, m.Server, f.pause)
	}
	begun := time.Now().UnixNano()
	o.sent, err = newClient(rig.url, tracer, f).play(ctx, load)
	end()
	if f.pause > 0 {
		o.stood = <-stood
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return nil, err
	}
	if o.spans, err = rig.collected(ctx, begun); err != nil {
		return nil, err
	}
	events, err := m.events(from)
	if err != nil {
		return nil, err
	}
	o.log = indexLog(events)
	return o, nil
}

// write keeps the telemetry of a run.
func (o *options) write(spans []analyzer.Span, name string) (err error) {
	if o.keep == "" {
		return nil
	}
	if err := os.MkdirAll(o.keep, 0o755); err != nil { //nolint:gosec // for everybody to look at
		return err
	}
	f, err := os.Create(filepath.Join(o.keep, name+".otlp.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	message, err := new(ptrace.JSONMarshaler).MarshalTraces(ingest.ToTraces(spans))
	if err != nil {
		return err
	}
	if _, err := w.Write(append(message, '\n')); err != nil {
		return err
	}
	return w.Flush()
}

// builtinRules loads the rules that ship with the program, and says which they are.
func builtinRules() (set *rules.Set, hash string, err error) {
	files := rules.Builtin()
	if set, err = rules.Load(files); err != nil {
		return nil, "", fmt.Errorf("load the rules: %w", err)
	}
	sum := sha256.New()
	for _, f := range files { // which come sorted by name
		fmt.Fprintf(sum, "%s\n%s\n", f.Name, f.Text)
	}
	return set, hex.EncodeToString(sum.Sum(nil)), nil
}

// machineName says what the runs were made on.
func machineName(ctx context.Context, device string) string {
	name := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(info), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	name = fmt.Sprintf("%s, %d processors", name, runtime.NumCPU())
	if device == onCUDA {
		gpu, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").Output()
		if err != nil {
			gpu = []byte("a GPU that nvidia-smi does not name")
		}
		name += ", " + strings.TrimSpace(string(gpu))
	}
	return name
}

// serverVersion asks the binary what it is.
func serverVersion(ctx context.Context, binary string) string {
	said, err := exec.CommandContext(ctx, binary, "--version").CombinedOutput()
	if err != nil {
		return filepath.Base(binary)
	}
	words := strings.Fields(string(said))
	return "Ollama " + words[len(words)-1]
}
