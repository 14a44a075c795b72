package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// production lists ways to the same causes that those who run servers for others have met.
var production = []Fault{
	{
		Name: "lost-lookups", Doc: "one call in ten loses its look-up of the gateway's name, and asks again when the resolver's time is over", Unit: "s until it asks again", Low: 0.1, High: 30, Default: 5, Backends: onlySim,
		Label: named(analyzer.Network, "network-gateway"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Network.Lookups, s.Config.Network.Lookup = 0.1, int64(x*second)
			return nil
		},
	},
	{
		Name: "guardrail", Doc: "the gateway keeps each answer until it is whole and checks it before anybody gets a word", Unit: "ms a token", Low: 0.1, High: 200, Default: 12, Backends: onlySim,
		Label: named(analyzer.Gateway, "network-gateway"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.CheckToken = int64(x * millisecond); return nil },
	},
	{
		Name: "collector", Doc: "every four seconds the front end's garbage is collected, and its event loop stands still", Unit: "ms", Low: 10, High: 3900, Default: 1500, Backends: onlySim,
		Label: named(analyzer.Frontend, "event-loop-blocked"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.CollectEvery, s.Config.Server.Collect = int64(4*time.Second), int64(x*millisecond)
			return nil
		},
	},
	{
		Name: "cache-salt", Doc: "prefixes are cached apart for each tenant, and most tenants have not come before", Unit: "tenants", Low: 10, High: 100_000, Default: 1500, Backends: onlySim,
		Label: named(analyzer.Prefill, "prefix-cache-miss"),
		load: func(s, broken *Scenario, _ float64) error {
			s.Workload.Length *= 3 // few requests, so a longer time
			s.Workload.Streams[0].Prefixes, s.Workload.Streams[0].PrefixTokens = 4, 9000
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			stream := &s.Workload.Streams[0]
			stream.Prefixes, stream.PrefixTokens, stream.Salts = 4, 9000, int(x)
			return nil
		},
	},
	{
		Name: "uncaptured-graphs", Doc: "graphs were captured for up to four sequences: steps of more launch every kernel on their own", Unit: "ms a step", Low: 1, High: 500, Default: 30, Backends: onlySim,
		Label: named(analyzer.Decode, "decode-overhead-bound"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			s.change(func(r *sim.Roofline) { r.Captured, r.Launch = 4, int64(x*millisecond) })
			return nil
		},
	},
	{
		Name: "stopped-readers", Doc: "three clients in ten stop reading once, as a browser's tab does that is put away, and the server can be some messages ahead", Unit: "s", Low: 0.1, High: 300, Default: 10, Backends: onlySim,
		Label: named(analyzer.Stream, "stream-backpressure"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Client.Stops, s.Config.Client.Stop, s.Config.Client.Window = 0.3, int64(x*second), 16
			s.Config.Server.Separate = true
			return nil
		},
	},
	{
		Name: "stale-router", Doc: "the router sends everybody to the replica that had the fewest requests when it last looked", Unit: "s between looks", Low: 0.5, High: 120, Default: 15, Backends: onlySim,
		Label: named(analyzer.Queue, "router-imbalance"),
		load: func(s, _ *Scenario, _ float64) error {
			s.Config.Replicas, s.Config.Engine.Slots = 4, 16
			return s.loadFor(s, 0.55)
		},
		apply: func(s *Scenario, x float64) error {
			s.Config.Replicas, s.Config.Routing, s.Config.Engine.Slots, s.Config.Look = 4, sim.RouteStale, 16, int64(x*second)
			return nil
		},
	},
	{
		Name: "rare-admission", Doc: "while anybody is in service, the engine takes others up only after so many steps", Unit: "steps", Low: 2, High: 2000, Default: 100, Backends: onlySim,
		Label: named(analyzer.Queue, "queue-hold"),
		apply: func(s *Scenario, x float64) error { s.Config.Engine.AdmitEvery = int(x); return nil },
	},
}

// alsoMixed systems serve two kinds of requests, and both well.
var alsoMixed = []Fault{
	{
		Name: "healthy-documents", Doc: "a third of the work is documents with short answers, among the usual load", Backends: onlySim,
		apply: func(s *Scenario, _ float64) error {
			documents := sim.Stream{
				Name: "documents", Arrivals: arrival.Constant(10), Output: sim.Tokens{Median: 25, Sigma: 0.4, Low: 5, High: 80},
				Prompt: sim.Tokens{Median: 3000, Sigma: 0.3, Low: 1500, High: 6000},
			}
			rate, err := sim.Capacity(s.Config, sim.Workload{Length: s.Workload.Length, Streams: []sim.Stream{documents}})
			if err != nil {
				return err
			}
			usual, err := s.capacity()
			if err != nil {
				return err
			}
			documents.Arrivals = arrival.Poisson(s.Share / 3 * rate)
			s.Workload.Streams[0].Arrivals = arrival.Poisson(s.Share * 2 / 3 * usual)
			s.Workload.Streams = append(s.Workload.Streams, documents)
			return nil
		},
	},
}
