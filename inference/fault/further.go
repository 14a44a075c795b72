package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// further lists ways to the same causes that lie in how a system is put together.
var further = []Fault{
	{
		Name: "new-connections", Doc: "every call looks the gateway's name up, connects and agrees on keys, since no connection is kept open", Unit: "ms", Low: 5, High: 5000, Default: 250, Backends: onlySim,
		Label: named(analyzer.Network, "network-gateway"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.Connect = int64(x * millisecond); return nil },
	},
	{
		Name: "rate-limit", Doc: "the gateway lets so many requests a second through and keeps the others waiting, all in their turn", Unit: "share of what it lets through", Low: 0.3, High: 1.5, Default: 0.9, Backends: onlySim,
		Label: named(analyzer.Gateway, "network-gateway"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			s.Config.Network.Limit = float64(len(run.Requests)) / (float64(s.Workload.Length) / second) / x
			return nil
		},
	},
	{
		Name: "log-flush", Doc: "every twentieth handler writes the log out and waits for a slow disk, in the server's event loop", Unit: "ms", Low: 10, High: 20_000, Default: 1500, Backends: onlySim,
		Label: named(analyzer.Frontend, "event-loop-blocked"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.FlushEvery, s.Config.Server.Flush = 20, int64(x*millisecond)
			return nil
		},
	},
	{
		Name: "polling-reader", Doc: "the client looks for new messages at intervals, and the server can be some messages ahead", Unit: "ms", Low: 20, High: 20_000, Default: 800, Backends: onlySim,
		Label: named(analyzer.Stream, "stream-backpressure"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Client.ReadEvery, s.Config.Client.Window = int64(x*millisecond), 16
			s.Config.Server.Separate = true
			return nil
		},
	},
	{
		Name: "adapters", Doc: "requests want more adapters than the host keeps: those that gave way are read again, while their requests stand in the engine's queue", Unit: "ms to read one", Low: 50, High: 20_000, Default: 1500, Backends: onlySim,
		Label: named(analyzer.Queue, "queue-hold"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.Adapters = sim.Adapters{Count: 32, Kept: 8, Read: int64(x * millisecond)}
			return nil
		},
	},
	{
		Name: "logits-processor", Doc: "code in Python runs on the host for every sequence at every step", Unit: "ms a sequence", Low: 0.1, High: 100, Default: 20, Backends: onlySim,
		Label: named(analyzer.Decode, "decode-overhead-bound"),
		load: func(s, broken *Scenario, _ float64) error {
			s.Workload.Length *= 4 // few requests, so a longer time
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) { r.PerSequence = int64(x * millisecond) })
			return nil
		},
	},
	{
		Name: "sticky-router", Doc: "each user's requests go to the same of several replicas, and few users send most", Unit: "replicas", Low: 2, High: 16, Default: 4, Backends: onlySim,
		Label: named(analyzer.Queue, "router-imbalance"),
		load: func(s, _ *Scenario, x float64) error {
			// As much as the first replica can just not serve: the others have room.
			s.Config.Replicas, s.Config.Engine.Slots = int(x), 16
			return s.loadFor(s, 1.05/(x*sim.HotShare(int(x))))
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Routing, s.Config.Engine.Slots = int(x), sim.RouteSticky, 16
			return nil
		},
	},
}

// alsoHealthy systems look slow or uneven to a careless reader as well.
var alsoHealthy = []Fault{
	{
		Name: "healthy-replicas", Doc: "several replicas behind a router that sends each request to the one with the fewest", Unit: "replicas", Low: 2, High: 8, Default: 3, Backends: onlySim,
		apply: func(s *Scenario, x float64) error { s.Config.Replicas = int(x); return s.loadFor(s, s.Share) },
	},
	{
		Name: "healthy-bursts", Doc: "every twenty seconds some requests come within one, and there is room for them", Unit: "seconds' worth of requests", Low: 0.5, High: 4, Default: 2, Backends: onlySim,
		apply: func(s *Scenario, x float64) error {
			rate, err := s.capacity()
			n := max(2, int(x*s.Share*rate))
			s.Workload.Streams[0].Arrivals = arrival.Bursts(s.Share*rate, n, int64(20*time.Second), int64(time.Second))
			return err
		},
	},
}
