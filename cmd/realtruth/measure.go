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
	"github.com/slowtoken/slowtoken/inference/ollama"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/rules"
)

// parallel is how many requests the server computes at once (OLLAMA_NUM_PARALLEL), and wideSlots how many the gateway lets
// in where the queue is to form in the server.
const (
	parallel  = 4
	wideSlots = 64
)

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
	park, err := startPark(ctx, o, folder, list)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, park.stop()) }()
	m := park.machines[0]
	if err := m.computesOn(o.device); err != nil {
		return nil, err
	}
	r := &results{
		Date: time.Now().UTC().Truncate(time.Second), Command: o.command, Machine: machineName(ctx, o.device), Device: o.device, Model: o.model,
		RulesHash: hash, Server: serverVersion(ctx, o.ollama), MaxLag: o.maxLag.Seconds() * 1e3, Seed: o.seed, Faults: map[string]string{}, Facts: facts, Targets: targets,
	}
	for i := range cases {
		r.Faults[cases[i].name] = cases[i].doc
	}
	if r.Pace, err = m.measurePace(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "%s serves %.1f requests a second, one at a time %.1f; %.2f ms for each more token, %.2f of a prompt, %.0f for a long prompt\n", r.Server, r.Pace.Together, r.Pace.Alone, r.Pace.Token, r.Pace.Prompt, r.Pace.Long)
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
	if !o.noWhatIf && len(r.WhatIf) == 0 {
		if r.WhatIf, err = compareSlots(ctx, o, m, folder); err != nil {
			return nil, fmt.Errorf("compare one slot with four: %w", err)
		}
	}
	return r, o.runAll(ctx, park, list, now, set, r, progress)
}

// runAll makes the runs that results lack. Those of one fault are far apart, so that what else happens on the machine hits
// all alike; for runs that are discarded others are made, a third more at most.
func (o *options) runAll(ctx context.Context, park *park, list []faultCase, now pace, set *rules.Set, r *results, progress io.Writer) error {
	for _, part := range []struct {
		where string
		runs  int
	}{{inGateway, o.runs}, {inServer, o.wide}} {
		for n := range part.runs + part.runs/3 {
			for i := range list {
				if i == 0 && n > 0 && !r.complete(list, part.where, part.runs, o.seed) {
					err := park.machines[0].measureRate(ctx, &now)
					if stuck(ctx, err) {
						if err = park.restart(ctx); err == nil {
							err = park.machines[0].measureRate(ctx, &now)
						}
					}
					if err != nil {
						return err
					}
				}
				f, seed := &list[i], o.seed+uint64(n)
				if part.where == inServer && f.slots > 0 { // the limit is the gateway's
					continue
				}
				if r.kept(f.name, part.where, o.seed) >= part.runs || r.has(f.name, part.where, seed) {
					continue
				}
				one, err := o.runOnce(ctx, park.of(f), f, part.where, seed, now, set)
				if stuck(ctx, err) {
					one = &oneRun{Fault: f.name, Queue: part.where, Seed: seed, Pace: now.Together, Discarded: true, Why: err.Error()}
					err = park.restart(ctx)
				}
				if err != nil {
					return fmt.Errorf("%s, run %d: %w", f.name, n+1, err)
				}
				r.Runs = append(r.Runs, *one)
				fmt.Fprintln(progress, one)
				if o.out != "" { // what was measured is kept, whatever happens to the rest
					if err := r.writeFile(o.out); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// runOnce puts servers under load with a fault, and lets the analyzer read what telemetry says of it.
func (o *options) runOnce(ctx context.Context, servers []*machine, f *faultCase, where string, seed uint64, p pace, set *rules.Set) (*oneRun, error) {
	slots := parallel
	if where == inServer {
		slots = wideSlots
	} else if f.slots > 0 {
		slots = f.slots
	}
	rate := p.rate(f, slots) * float64(len(servers))
	length := f.length(rate)
	if o.seconds > 0 {
		length = min(length, time.Duration(o.seconds)*time.Second)
	}
	load, err := servers[0].prompts.plan(f, rate, p.Long/1e3, int64(length), seed)
	if err != nil {
		return nil, err
	}
	for i := range load {
		load[i].server = i % len(servers)
	}
	for _, m := range servers { // the run before may have left the model unloaded, or other prompts in its cache
		if err := m.warm(ctx); err != nil {
			return nil, err
		}
	}
	obs, err := observe(ctx, servers, f, slots, seed, load)
	if err != nil {
		return nil, err
	}
	if err := o.write(obs.spans, fmt.Sprintf("%s-%s-%d", f.name, where, seed)); err != nil {
		return nil, err
	}
	one := &oneRun{Fault: f.name, Queue: where, Seed: seed, Seconds: length.Seconds(), Requests: len(obs.sent), LagP99: lagP99(obs.sent).Seconds() * 1e3}
	one.Pace = p.Together
	one.Discarded = lagP99(obs.sent) > o.maxLag
	for i := range obs.sent {
		if !obs.sent[i].answered {
			one.Refused++
		}
	}
	if one.BySpans, err = answerOf(obs.spans, len(servers), set); err != nil {
		return nil, err
	}
	if one.ByClient, err = answerOf(ofClient(obs.spans), len(servers), set); err != nil {
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
	relay *relay // nil where there was none
}

// observe sends a load to servers behind gateways. What happens to a server happens to the last one.
func observe(ctx context.Context, servers []*machine, f *faultCase, slots int, seed uint64, load []planned) (_ *observation, err error) {
	rig, err := newRig(ctx, servers, f, slots, seed)
	if err != nil {
		return nil, err
	}
	defer rig.close()
	tracer, err := rig.telemetry.tracer(ctx, clientService, 1)
	if err != nil {
		return nil, err
	}
	from := make([]int64, len(servers))
	for i, m := range servers {
		if from[i], err = m.logged(); err != nil {
			return nil, err
		}
	}
	during, end := context.WithCancel(ctx)
	defer end()
	var failed chan error
	if f.stops.length > 0 {
		failed = f.stops.stop(during, servers[len(servers)-1].Server)
	}
	obs := &observation{relay: rig.relay}
	begun := time.Now().UnixNano()
	obs.sent, err = newClient(tracer, f, rig.urls...).play(ctx, load)
	end()
	if f.stops.length > 0 {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return nil, err
	}
	if obs.spans, err = rig.collected(ctx, begun); err != nil {
		return nil, err
	}
	var all []ollama.LogEvent
	for i, m := range servers {
		events, err := m.events(from[i])
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	obs.log = indexLog(all)
	return obs, nil
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
	name, processors := runtime.GOARCH, 0
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(info), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name, processors = strings.TrimSpace(value), processors+1
			}
		}
	}
	// This program may be allowed fewer than there are.
	name = fmt.Sprintf("%s, %d processors", name, max(processors, runtime.NumCPU()))
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
