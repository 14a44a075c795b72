package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// operations lists ways to the same causes that lie in how systems are operated and called.
var operations = []Fault{
	{
		Name: "few-upstreams", Doc: "the gateway's pool has too few connections to the servers: requests wait in the gateway for an answer to end", Unit: "share of connections that the load needs", Low: 0.5, High: 1.5, Default: 0.95, Backends: onlySim,
		Label: named(analyzer.Gateway, "network-gateway"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			var underWay float64
			for i := range run.Requests {
				underWay += float64(run.Requests[i].Last.AtGateway-run.Requests[i].GatewayIn) / float64(s.Workload.Length)
			}
			s.Config.Network.Upstream = max(1, int(underWay/x))
			return nil
		},
	},
	{
		Name: "serialized-chunks", Doc: "each message of each answer is put into its form in the server's event loop, with all that it states of every token", Unit: "ms a message", Low: 0.1, High: 100, Default: 4, Backends: onlySim,
		Label: named(analyzer.Frontend, "event-loop-blocked"),
		apply: func(s *Scenario, x float64) error { s.Config.Server.Serialize = int64(x * millisecond); return nil },
	},
	{
		Name: "restarts", Doc: "twice a minute the gateway is rolled out anew, and refuses everybody meanwhile; clients try again", Unit: "s", Low: 1, High: 30, Default: 8, Backends: onlySim,
		Label: named(analyzer.Retry, "retries"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Retry = sim.Retry{
				Status: 503, After: int64(5 * time.Millisecond), Backoff: int64(2 * time.Second), DownEvery: int64(time.Minute) / 2, DownFor: int64(x * second),
			}
			return nil
		},
	},
	{
		Name: "kept-sessions", Doc: "the KV cache of each answer is kept for a next turn that mostly does not come: others wait for blocks", Unit: "times what the cache can hold", Low: 0.5, High: 10, Default: 1.5, Backends: onlySim,
		Label: named(analyzer.Queue, "kv-pressure"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			blocks := 0 // that all requests fill, each once
			for i := range run.Requests {
				blocks += (run.Requests[i].Prompt+run.Requests[i].Output)/sim.BlockTokens + 1
			}
			perSecond := float64(blocks) / (float64(s.Workload.Length) / second)
			s.Config.Engine.Keep = int64(x * float64(s.Config.Engine.Blocks) / perSecond * second)
			return nil
		},
	},
	{
		Name: "bursty-neighbour", Doc: "a job beside the second of two replicas takes its device for half of each minute", Unit: "share that is left", Low: 0.05, High: 0.9, Default: 0.35, Backends: onlySim,
		Label: named(analyzer.Decode, "noisy-neighbour"),
		load: func(s, broken *Scenario, _ float64) error {
			s.Config.Replicas, s.Config.Routing = 2, sim.RouteRoundRobin
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Routing = 2, sim.RouteRoundRobin
			s.Config.Slow = map[int]float64{1: x}
			s.Config.SlowEvery, s.Config.SlowFor = int64(time.Minute), int64(time.Minute)/2
			return nil
		},
	},
	{
		Name: "power-brake", Doc: "for a third of each minute the device is held under its limit of power, and is slower", Unit: "share that is left", Low: 0.05, High: 0.9, Default: 0.35, Backends: onlySim,
		Label: named(analyzer.Decode, "thermal-throttle"),
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) {
				for _, at := range s.every(30*second, 60*second) {
					r.Changes = append(r.Changes, sim.Change{From: at, Compute: x, Memory: x}, sim.Change{From: at + int64(20*time.Second), Compute: 1, Memory: 1})
				}
			})
			return nil
		},
	},
	{
		Name: "lost-replica", Doc: "one of two replicas is lost, and another one in its place comes late", Unit: "s", Low: 5, High: 3600, Default: 60, Backends: onlySim,
		Label: named(analyzer.Queue, "autoscale-lag"),
		load: func(s, _ *Scenario, _ float64) error {
			s.Config.Replicas = 2
			return s.loadFor(s, 0.7)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas = 2
			lost := s.Config.Start + s.Workload.Length/4
			s.Config.Drain = map[int]int64{1: lost}
			s.Config.Scale = []sim.ScaleUp{{At: lost + int64(x*second)}}
			return nil
		},
	},
	{
		Name: "limited-tenant", Doc: "of a tenant that sends four requests in ten, only so many are in service at once, though there is room", Unit: "share of slots that its load needs", Low: 0.5, High: 1.5, Default: 1, Backends: onlySim,
		Label: named(analyzer.Queue, "queue-hold"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			const share = 0.4
			var inService float64
			for i := range run.Requests {
				inService += float64(run.Requests[i].LastToken-run.Requests[i].Scheduled) / float64(s.Workload.Length)
			}
			s.Config.Server.Limited = sim.Limited{Share: share, Slots: max(1, int(share*inService/x))}
			return nil
		},
	},
	{
		Name: "sleeping-engine", Doc: "an engine that has had no work for a while lets the weights go, and fetches them for the next request", Unit: "s to wake up", Low: 0.1, High: 120, Default: 5, Backends: onlySim,
		Label: named(analyzer.Prefill, "cold-start"),
		load: func(s, _ *Scenario, _ float64) error {
			s.Workload.Length *= 6 // few requests, so a longer time
			s.Workload.Streams[0].Arrivals = arrival.Poisson(0.08)
			s.Share = 0
			return nil
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Load.SleepAfter, s.Config.Load.WakeUp = int64(10*time.Second), int64(x*second)
			return nil
		},
	},
	{
		Name: "ticking-client", Doc: "the client collects what it has to ask, and sends it at intervals", Unit: "ms", Low: 20, High: 60_000, Default: 2000, Backends: onlySim,
		Label: named(analyzer.Client, "client-side"),
		apply: func(s *Scenario, x float64) error { s.Config.Client.Tick = int64(x * millisecond); return nil },
	},
	{
		Name: "runaway-answers", Doc: "one answer in eight does not find its end, and goes on to the limit", Unit: "tokens", Low: 300, High: 16_000, Default: 3000, Backends: onlySim,
		Label: named(analyzer.Decode, "long-output"),
		load: func(s, broken *Scenario, x float64) error {
			// For as long as it takes to see several such answers one after the other.
			step := s.Config.Timing.Step(sim.Batch{Decodes: 1, Context: int(x)})
			s.Workload.Length = max(s.Workload.Length, int64(15*x)*step)
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.Workload.Streams[0].Runaway, s.Workload.Streams[0].RunawayTokens = 0.125, int(x)
			return nil
		},
	},
	{
		Name: "slow-pattern", Doc: "what splits prompts into words looks back over all that it read: twice the prompt takes four times as long", Unit: "share of a thread that it takes", Low: 0.05, High: 0.95, Default: 0.6, Backends: onlySim,
		Label: named(analyzer.Tokenize, "tokenizer-bound"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			var pairs float64
			for i := range run.Requests {
				pairs += float64(run.Requests[i].Prompt) * float64(run.Requests[i].Prompt)
			}
			s.Config.Server.TokenizePair = x * float64(s.Workload.Length) / pairs
			return nil
		},
	},
	{
		Name: "penalties", Doc: "the host counts at each step what each answer and its prompt hold already, to make it less likely", Unit: "ms a thousand tokens of context", Low: 0.01, High: 20, Default: 2, Backends: onlySim,
		Label: named(analyzer.Decode, "decode-overhead-bound"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) { r.PerContext = x * millisecond / 1000 })
			return nil
		},
	},
}
