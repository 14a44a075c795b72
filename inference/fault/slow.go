package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

func named(phase analyzer.Phase, rules ...string) Label { return Label{Rules: rules, Phase: phase} }

// slow lists what makes systems slow, from the client to the device and back.
var slow = []Fault{
	{
		Name: "slow-client", Doc: "the client sends its requests too late", Unit: "ms", Low: 1, High: 10_000, Default: 200, Backends: both,
		Label: named(analyzer.Client, "client-side"),
		apply: func(s *Scenario, x float64) error { s.Config.Client.Lag = int64(x * millisecond); return nil },
	},
	{
		Name: "slow-network", Doc: "more delay each way between client and gateway", Unit: "ms", Low: 1, High: 5000, Default: 150, Backends: both,
		Label: named(analyzer.Network, "network-gateway"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.Delay += int64(x * millisecond); return nil },
	},
	{
		Name: "narrow-link", Doc: "every answer's connection is limited", Unit: "bytes/s", Low: 500, High: 1e9, Default: 8000, Backends: both,
		Label: named(analyzer.Stream, "stream-backpressure"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.Bandwidth = x; return nil },
	},
	{
		Name: "slow-reader", Doc: "the client takes its time over every message of the stream", Unit: "ms", Low: 1, High: 5000, Default: 60, Backends: both,
		Label: named(analyzer.Stream, "stream-backpressure"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Client.ReadChunk, s.Config.Client.Window = int64(x*millisecond), 8
			s.Config.Server.Separate = true
			return nil
		},
	},
	{
		Name: "retries", Doc: "a share of attempts is answered with 503, and tried again", Unit: "share", Low: 0.01, High: 0.9, Default: 0.25, Backends: both,
		Label: named(analyzer.Retry, "retries"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Retry = sim.Retry{Status: 503, Share: x, After: int64(800 * time.Millisecond), Backoff: int64(500 * time.Millisecond)}
			return nil
		},
	},
	{
		Name: "blocked-loop", Doc: "each handler keeps the server's event loop from all else", Unit: "ms", Low: 1, High: 2000, Default: 40, Backends: onlySim,
		Label: named(analyzer.Frontend, "event-loop-blocked"),
		apply: func(s *Scenario, x float64) error { s.Config.Server.Block = int64(x * millisecond); return nil },
	},
	{
		Name: "sync-generate", Doc: "an asynchronous handler waits for its whole answer without yielding: one request at a time", Unit: "share of what one at a time can serve",
		Low: 0.3, High: 1.3, Default: 0.8, Backends: onlySim, Label: named(analyzer.Frontend, "event-loop-blocked"),
		load: func(s, broken *Scenario, x float64) error {
			oneAtATime := broken.clone()
			oneAtATime.Config.Engine.Slots = 1
			return s.loadFor(oneAtATime, x)
		},
		apply: func(s *Scenario, _ float64) error { s.Config.Server.BlockGenerate = true; return nil },
	},
	{
		Name: "slow-tokenizer", Doc: "a process beside the server takes its CPU: tokenizing takes longer", Unit: "times", Low: 2, High: 1000, Default: 40, Backends: both,
		Label: named(analyzer.Tokenize, "tokenizer-bound"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.TokenizeToken = int64(float64(s.Config.Server.TokenizeToken) * x)
			return nil
		},
	},
	{
		Name: "cold-load", Doc: "the model is unloaded between requests and read from a slow disk", Unit: "GB/s", Low: 0.1, High: 100, Default: 2, Backends: both,
		Label: named(analyzer.ModelLoad, "cold-start"),
		load: func(s, _ *Scenario, _ float64) error {
			s.Workload.Length *= 6 // few requests, so a longer time
			s.Workload.Streams[0].Arrivals = arrival.Poisson(0.08)
			s.Share = 0
			return nil
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Load = sim.Load{Disk: x * 1e9, Base: int64(1500 * time.Millisecond), KeepAlive: int64(10 * time.Second)}
			return nil
		},
	},
	{
		Name: "queue-limit", Doc: "few requests are let into service at once", Unit: "slots", Low: 1, High: 256, Default: 4, Backends: both,
		Label: named(analyzer.Queue, "admission-limit"),
		load:  shareOf(0.95),
		apply: func(s *Scenario, x float64) error { s.Config.Engine.Slots = int(x); return nil },
	},
	{
		Name: "overload", Doc: "more arrives than can be served", Unit: "times capacity", Low: 0.9, High: 3, Default: 1.1, Backends: both,
		Label: named(analyzer.Queue, "queue-saturation"),
		apply: func(s *Scenario, x float64) error { return s.loadFor(s, x) },
	},
	{
		Name: "burst", Doc: "requests that come within a second, every minute, on top of the steady load", Unit: "requests", Low: 10, High: 10_000, Default: 400, Backends: both,
		Label: named(analyzer.Queue, "queue-saturation"),
		apply: func(s *Scenario, x float64) error {
			rate, err := s.capacity()
			s.Workload.Streams[0].Arrivals = arrival.Bursts(s.Share*rate, int(x), int64(time.Minute), int64(time.Second))
			return err
		},
	},
	{
		Name: "static-batching", Doc: "batches start together and end together", Unit: "ms until one starts", Low: 10, High: 10_000, Default: 2500, Backends: onlySim,
		Label: named(analyzer.Queue, "static-batching"),
		load: func(s, broken *Scenario, _ float64) error {
			// Answers of like length, so that little of the time is padding.
			like := sim.Tokens{Median: 120, Sigma: 0.1, Low: 1, High: 200}
			s.Workload.Streams[0].Output, broken.Workload.Streams[0].Output = like, like
			return s.loadFor(broken, 0.5)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Engine.StaticBatch, s.Config.Engine.StaticWait = 16, int64(x*millisecond)
			return nil
		},
	},
	{
		Name: "kv-squeeze", Doc: "the KV cache is too small for the load: requests wait for blocks, or lose theirs", Unit: "share of what the load uses", Low: 0.2, High: 1, Default: 0.6, Backends: onlySim,
		Label: named(analyzer.Queue, "kv-pressure"), // those who wait for blocks outnumber those who lose theirs
		apply: func(s *Scenario, x float64) error {
			peak, err := s.peakBlocks()
			s.Config.Engine.Blocks = int(x * float64(peak))
			return err
		},
	},
	{
		Name: "prefix-break", Doc: "a nonce at the head of each prompt defeats the prefix cache", Unit: "tokens of prefix", Low: 256, High: 16_384, Default: 3000, Backends: both,
		Label: named(analyzer.Prefill, "prefix-cache-miss"),
		load: func(s, broken *Scenario, x float64) error {
			s.Workload.Streams[0].Prefixes, s.Workload.Streams[0].PrefixTokens = 4, int(x)
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			stream := &s.Workload.Streams[0]
			stream.Prefixes, stream.PrefixTokens, stream.UniquePrefix = 4, int(x), true
			return nil
		},
	},
	{
		Name: "input-copy", Doc: "inputs are large and copied to the device before each prefill", Unit: "kB/token", Low: 1, High: 100_000, Default: 16_000, Backends: onlySim,
		Label: named(analyzer.GPUTransfer, "host-to-device"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error { s.Config.Engine.CopyPerToken = x * 1e3; return nil },
	},
	{
		Name: "long-prompts-alone", Doc: "long prompts with short answers", Unit: "tokens", Low: 2000, High: 32_000, Default: 8192, Backends: both,
		Label: named(analyzer.Prefill, "prefill-compute-bound"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			stream := &s.Workload.Streams[0]
			stream.Prompt, stream.Output = sim.Tokens{Median: x, Sigma: 0.15, Low: 1, High: int(2 * x)}, sim.Fixed(16)
			stream.PrefixTokens = 0
			return nil
		},
	},
	{
		Name: "small-chunk", Doc: "a token budget at which each step reads all weights for a few tokens", Unit: "tokens", Low: 16, High: 512, Default: 64, Backends: onlySim,
		Label: named(analyzer.Prefill, "prefill-chunk-small"),
		load: func(s, broken *Scenario, _ float64) error {
			longer := sim.Tokens{Median: 2000, Sigma: 0.5, Low: 100, High: 8000}
			s.Workload.Streams[0].Prompt, broken.Workload.Streams[0].Prompt = longer, longer
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Engine.TokenBudget, s.Config.Engine.Slots = int(x), 32
			return nil
		},
	},
	{
		Name: "long-prompts", Doc: "long prompts among short ones stall everybody's decoding", Unit: "tokens", Low: 2000, High: 32_000, Default: 16_000, Backends: both,
		Label: named(analyzer.Decode, "prefill-decode-interference"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Engine.TokenBudget = 8192
			documents := sim.Stream{Name: "documents", Arrivals: arrival.Constant(10), Prompt: sim.Tokens{Median: x, Sigma: 0.1, Low: 1, High: int(2 * x)}, Output: sim.Fixed(32)}
			rate, err := sim.Capacity(s.Config, sim.Workload{Length: s.Workload.Length, Streams: []sim.Stream{documents}})
			// One every other second, and fewer on a slow device: more than it can compute would be an overload.
			documents.Arrivals = arrival.Poisson(min(0.5, 0.35*rate))
			s.Workload.Streams = append(s.Workload.Streams, documents)
			return err
		},
	},
	{
		Name: "eager", Doc: "the host takes long between steps: no CUDA graphs", Unit: "ms a step", Low: 1, High: 500, Default: 25, Backends: onlySim,
		Label: named(analyzer.Decode, "decode-overhead-bound"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) { r.Overhead = int64(x * millisecond) })
			return nil
		},
	},
	{
		Name: "offload", Doc: "weights that do not fit stay in the host's memory and cross the bus at each step", Unit: "share of weights", Low: 0.05, High: 1, Default: 0.3, Backends: onlySim,
		Label: named(analyzer.Decode, "host-to-device"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) { r.Offloaded = x })
			return nil
		},
	},
	{
		Name: "long-output", Doc: "answers are far longer than before", Unit: "tokens", Low: 300, High: 8000, Default: 1500, Backends: both,
		Label: named(analyzer.Decode, "long-output"),
		load: func(s, broken *Scenario, x float64) error {
			// For as long as it takes to see many answers one after the other.
			step := s.Config.Timing.Step(sim.Batch{Decodes: 1, Context: int(x)})
			s.Workload.Length = max(s.Workload.Length, int64(40*x)*step)
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.Workload.Streams[0].Output = sim.Tokens{Median: x, Sigma: 0.3, Low: 1, High: int(3 * x)}
			return nil
		},
	},
	{
		Name: "memory-hog", Doc: "a neighbour takes memory bandwidth of the second of two replicas", Unit: "share that is left", Low: 0.05, High: 0.9, Default: 0.5, Backends: onlySim,
		Label: named(analyzer.Decode, "noisy-neighbour"),
		load: func(s, broken *Scenario, _ float64) error {
			s.Config.Replicas, s.Config.Routing = 2, sim.RouteRoundRobin
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Routing = 2, sim.RouteRoundRobin
			s.Config.Slow = map[int]float64{1: x}
			return nil
		},
	},
	{
		Name: "throttle", Doc: "the device gets slower in steps while the run goes on", Unit: "share that is left at the end", Low: 0.05, High: 0.9, Default: 0.4, Backends: onlySim,
		Label: named(analyzer.Decode, "thermal-throttle"),
		apply: func(s *Scenario, x float64) error {
			const steps = 8
			s.change(func(r *sim.Roofline) {
				for i := range steps {
					left := 1 - (1-x)*float64(i+1)/steps
					at := s.Config.Start + s.Workload.Length*int64(i+2)/(steps+2)
					r.Changes = append(r.Changes, sim.Change{From: at, Compute: left, Memory: left})
				}
			})
			return nil
		},
	},
	{
		Name: "pause", Doc: "the server's process stops for a while, every 10 s", Unit: "ms", Low: 20, High: 10_000, Default: 800, Backends: both,
		Label: named(analyzer.Decode, "host-pause"),
		apply: func(s *Scenario, x float64) error {
			for _, at := range s.every(5*second, 10*second) {
				s.Config.Pauses = append(s.Config.Pauses, sim.Pause{At: at, Duration: int64(x * millisecond)})
			}
			return nil
		},
	},
	{
		Name: "skewed-router", Doc: "half of the requests go to one of several replicas", Unit: "replicas", Low: 3, High: 16, Default: 4, Backends: onlySim,
		Label: named(analyzer.Queue, "router-imbalance"),
		load: func(s, _ *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Engine.Slots = int(x), 16
			return s.loadFor(s, 2.1/x)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Routing, s.Config.Engine.Slots = int(x), sim.RouteSkewed, 16
			return nil
		},
	},
	{
		Name: "late-replica", Doc: "the load grows beyond one replica, and a second one comes late", Unit: "s", Low: 5, High: 3600, Default: 60, Backends: onlySim,
		Label: named(analyzer.Queue, "autoscale-lag"),
		apply: func(s *Scenario, x float64) error {
			rate, err := s.capacity()
			begin := s.Workload.Length / 4
			s.Workload.Streams[0].Arrivals = arrival.Varying(1.5*rate, func(ns int64) float64 {
				if ns < begin {
					return s.Share * rate
				}
				return 1.5 * rate
			})
			s.Config.Scale = []sim.ScaleUp{{At: s.Config.Start + begin + int64(x*second)}}
			return err
		},
	},
}

// damaged lists what happens to telemetry.
var damaged = []Fault{
	{
		Name: "drop-spans", Doc: "spans are lost, one by one", Unit: "share", Low: 0.01, High: 0.9, Default: 0.2, Backends: both,
		Label: Label{Rules: []string{"partial-traces"}, Abstain: true},
		apply: func(s *Scenario, x float64) error { s.Damage.Drop = x; return nil },
	},
	{
		Name: "clock-skew", Doc: "the model servers' clocks are ahead", Unit: "ms", Low: 1, High: 1e6, Default: 50, Backends: both,
		Label: Label{Rules: []string{"clock-skew"}, Abstain: true},
		apply: func(s *Scenario, x float64) error { s.Damage.Skew = int64(x * millisecond); return nil },
	},
	{
		Name: "cut-events", Doc: "spans keep their last events only", Unit: "events", Low: 1, High: 128, Default: 32, Backends: both,
		Label: Label{Rules: []string{"dropped-events"}, Abstain: true},
		apply: func(s *Scenario, x float64) error { s.Damage.Events = int(x); return nil },
	},
	{
		Name: "cut-attributes", Doc: "spans keep their first attributes only", Unit: "attributes", Low: 1, High: 128, Default: 4, Backends: both,
		Label: Label{Rules: []string{"dropped-events"}, Abstain: true}, // the same limit of the SDK, on what else a span states
		apply: func(s *Scenario, x float64) error { s.Damage.Attrs = int(x); return nil },
	},
	{
		Name: "cut-texts", Doc: "texts keep their first bytes only: those that are durations or names of phases are no longer", Unit: "bytes", Low: 1, High: 1024, Default: 6, Backends: both,
		Label: Label{Rules: []string{"inconsistent-durations"}, Abstain: true}, // nothing is missing, and durations cannot be read
		apply: func(s *Scenario, x float64) error { s.Damage.Text = int(x); return nil },
	},
	{
		Name: "sampling", Doc: "a share of traces is kept, and says so", Unit: "share", Low: 0.001, High: 0.99, Default: 0.1, Backends: both,
		Label: Label{Rules: []string{"partial-traces"}, Abstain: true},
		apply: func(s *Scenario, x float64) error { s.Damage.Sample = x; return nil },
	},
}
