package sim

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

const (
	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
)

// bare is a system in which nothing takes time but the engine.
func bare(timing Timing, engine EngineConfig) Config {
	return Config{Seed: 7, Timing: timing, Engine: engine, Replicas: 1, Server: Server{Tokenizers: 1}, Client: Client{Window: 1}}
}

func simulate(t testing.TB, c Config, w Workload) *Run {
	t.Helper()
	run, err := Simulate(c, w)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// chat is the load of a chat service.
func chat(rate float64, length int64) Workload {
	return Workload{Length: length, Streams: []Stream{{
		Name: "chat", Arrivals: arrival.Poisson(rate),
		Prompt: Tokens{Median: 600, Sigma: 0.8, Low: 16, High: 6000}, Output: Tokens{Median: 120, Sigma: 0.7, Low: 2, High: 800},
		Prefixes: 4, PrefixTokens: 256,
	}}}
}

// systems are systems that between them use everything that the simulator has.
func systems() map[string]Config {
	c := func(change func(*Config)) Config {
		c := NewConfig(Llama8B, H100)
		c.KeepTokens = true
		change(&c)
		return c
	}
	return map[string]Config{
		"plain":         c(func(c *Config) {}),
		"whole prompts": c(func(c *Config) { c.Engine.TokenBudget = 0 }),
		"small chunks":  c(func(c *Config) { c.Engine.TokenBudget = 96 }),
		"one slot":      c(func(c *Config) { c.Engine.Slots = 1 }),
		"recompute":     c(func(c *Config) { c.Engine.Blocks = 900 }),
		"swap":          c(func(c *Config) { c.Engine.Blocks, c.Engine.Swap = 900, true }),
		"static":        c(func(c *Config) { c.Engine.StaticBatch, c.Engine.StaticWait = 8, 300*millisecond }),
		"cold":          c(func(c *Config) { c.Load = Load{Disk: 2e9, Base: second, KeepAlive: 200 * millisecond} }),
		"blocked loop":  c(func(c *Config) { c.Server.Block = 40 * millisecond }),
		"one by one":    c(func(c *Config) { c.Server.BlockGenerate = true }),
		"slow reader":   c(func(c *Config) { c.Client.ReadChunk, c.Client.Window = 30*millisecond, 4 }),
		"few":           c(func(c *Config) { c.Client.Connections = 2 }),
		"held":          c(func(c *Config) { c.Server.Hold = Hold{Share: 0.4, Duration: 700 * millisecond} }),
		"narrow":        c(func(c *Config) { c.Network.Bandwidth = 4000 }),
		"retries":       c(func(c *Config) { c.Retry.Share = 0.3 }),
		"pauses":        c(func(c *Config) { c.Pauses = []Pause{{0, c.Start + 3*second, 500 * millisecond}} }),
		"replicas": c(func(c *Config) {
			c.Replicas, c.Routing, c.Slow, c.Scale = 2, RouteSkewed, map[int]float64{1: 0.4}, []ScaleUp{{c.Start + 10*second}}
		}),
		"whole answers": c(func(c *Config) { c.Server.Whole = true }),
	}
}

func TestLedgerTilesRequest(t *testing.T) {
	for name, c := range systems() {
		run := simulate(t, c, chat(6, 30*second))
		if len(run.Requests) < 100 {
			t.Errorf("%s: only %d requests", name, len(run.Requests))
		}
		for i := range run.Requests {
			r := &run.Requests[i]
			for _, l := range []struct {
				list []Stretch
				end  int64
			}{{r.Ledger(), r.ClientEnd}, {r.FirstTokenLedger(), r.First.Read}} {
				at := r.Due
				var sum int64
				for _, s := range l.list {
					if s.Start != at || s.End <= s.Start {
						t.Fatalf("%s: request %d: %v after %d", name, i, s, at)
					}
					at = s.End
				}
				for _, ns := range ByPhase(l.list) {
					sum += ns
				}
				if at != l.end || sum != l.end-r.Due {
					t.Fatalf("%s: request %d: phases sum to %d of %d", name, i, sum, l.end-r.Due)
				}
			}
		}
	}
}

// A tiling of clipped stretches would always sum up: so the times themselves must be in order.
func TestTimesOfRequestAreInOrder(t *testing.T) {
	for name, c := range systems() {
		run := simulate(t, c, chat(6, 30*second))
		for i := range run.Requests {
			r := &run.Requests[i]
			times := []int64{
				r.Due, r.Sent, r.Tried, r.GatewayIn, r.GatewayOut, r.ServerIn, r.Accepted, r.Handled, r.TokenizeStart, r.Tokenized,
				r.Queued, max(r.Queued, r.LoadRead), max(r.Queued, r.LoadCopied), r.Scheduled, r.Copied, r.FirstToken, r.LastToken,
				r.Last.Detokenized, r.Last.Written, r.Last.AtGateway, r.Last.Relayed, r.Last.Arrived, r.Last.Read,
			}
			first := []int64{r.FirstToken, r.First.Detokenized, r.First.Written, r.First.AtGateway, r.First.Relayed, r.First.Arrived, r.First.Read, r.Last.Read}
			if !slices.IsSorted(times) || !slices.IsSorted(first) {
				t.Fatalf("%s: request %d: %v, %v", name, i, times, first)
			}
			if len(r.TokenTimes) != r.Output || !slices.IsSorted(r.TokenTimes) || r.TokenTimes[r.Output-1] != r.LastToken {
				t.Fatalf("%s: request %d has %d times of its %d tokens", name, i, len(r.TokenTimes), r.Output)
			}
			tokens := 0
			for _, n := range r.ChunkContent {
				tokens += n
			}
			if !r.Whole && tokens != r.Output || !slices.IsSorted(r.ChunkTimes) || len(r.ChunkTimes) != r.Chunks {
				t.Fatalf("%s: request %d has %d tokens in %d messages", name, i, tokens, r.Chunks)
			}
			if r.Preempted+r.Stalled > r.LastToken-r.Scheduled || r.Preempted < 0 || r.Stalled < 0 {
				t.Fatalf("%s: request %d was preempted %d and stalled %d of %d", name, i, r.Preempted, r.Stalled, r.LastToken-r.Scheduled)
			}
		}
	}
}

func TestSeedGivesTheSameRun(t *testing.T) {
	for name, c := range systems() {
		a, b := simulate(t, c, chat(6, 20*second)), simulate(t, c, chat(6, 20*second))
		if !reflect.DeepEqual(a.Requests, b.Requests) || !reflect.DeepEqual(a.Samples, b.Samples) {
			t.Errorf("%s: one seed gave two runs", name)
		}
		c.Seed++
		if reflect.DeepEqual(a.Requests, simulate(t, c, chat(6, 20*second)).Requests) {
			t.Errorf("%s: two seeds gave one run", name)
		}
	}
}

// What the engine spends must be what its requests got: without preemption each token is computed once.
func TestStepsAccountForEveryToken(t *testing.T) {
	c := bare(Linear{PromptToken: 1000, StepSequence: 1_000_000}, EngineConfig{Slots: 8})
	run := simulate(t, c, Workload{Length: 20 * second, Streams: []Stream{{
		Arrivals: arrival.Poisson(10), Prompt: Tokens{Median: 500, Sigma: 1, Low: 1, High: 5000}, Output: Tokens{Median: 20, Sigma: 1, Low: 1, High: 200},
	}}})
	e := NewEngine(c.Engine, c.Timing)
	var want int64
	for i := range run.Requests {
		r := &run.Requests[i]
		want += int64(r.Prompt)*1000 + int64(r.Output-1)*1_000_000
		q := Sequence{Prompt: r.Prompt, Output: r.Output}
		e.Submit(&q, 0)
	}
	for now := int64(0); !e.Idle(); {
		now, _ = e.Begin(now)
		e.Finish(now, func(*Sequence, bool) {})
	}
	if got := e.State().Busy; got != want {
		t.Errorf("the engine was busy for %d ns, its tokens take %d", got, want)
	}
}

// A client has no more requests under way than connections, uses all of them while requests wait, and sends those first
// that were due first.
func TestClientKeepsToItsConnections(t *testing.T) {
	c := NewConfig(Llama8B, H100)
	c.Client.Connections, c.Client.Lag = 3, 0
	run := simulate(t, c, chat(4, 60*second))
	waited := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		underWay := 0
		for k := range run.Requests {
			if q := &run.Requests[k]; q.Sent <= r.Sent && r.Sent < q.ClientEnd {
				underWay++
			}
		}
		if underWay > 3 || r.Sent > r.Due && underWay < 3 {
			t.Fatalf("request %d, due at %d and sent at %d, is one of %d under way", i, r.Due, r.Sent, underWay)
		}
		if i > 0 && r.Sent < run.Requests[i-1].Sent {
			t.Fatalf("request %d is sent before the one that was due before", i)
		}
		if r.Sent > r.Due {
			waited++
		}
	}
	if waited < len(run.Requests)/4 {
		t.Errorf("%d of %d requests waited for a connection", waited, len(run.Requests))
	}
}

// Requests that are held are scheduled when they no longer are, and others pass them meanwhile.
func TestOthersPassThoseThatAreHeld(t *testing.T) {
	c := NewConfig(Llama8B, H100)
	c.Server.Hold = Hold{Share: 0.4, Duration: second}
	run := simulate(t, c, chat(4, 60*second))
	held, passed := 0, 0
	for i := range run.Requests {
		r := &run.Requests[i]
		wait := r.Scheduled - r.Queued
		if (r.Chances.Route < 0.4) != (wait >= second) {
			t.Errorf("request %d with chance %.2f waited %d ms", i, r.Chances.Route, wait/millisecond)
		}
		if wait < second {
			continue
		}
		held++
		if wait > second+200*millisecond {
			t.Errorf("request %d waited %d ms though there is room", i, wait/millisecond)
		}
		if slices.ContainsFunc(run.Requests[i+1:], func(q Request) bool { return q.Scheduled < r.Scheduled }) {
			passed++
		}
	}
	if held < 50 || passed < held/2 {
		t.Errorf("%d were held, %d of them passed by others", held, passed)
	}
}
