package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// rare lists other ways to the causes that slow has.
var rare = []Fault{
	{
		Name: "slow-gateway", Doc: "the gateway itself takes long: it looks keys up and checks prompts before it passes a request on", Unit: "ms each way", Low: 1, High: 5000, Default: 300, Backends: onlySim,
		Label: named(analyzer.Gateway, "network-gateway"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.Gateway += int64(x * millisecond); return nil },
	},
	{
		Name: "few-connections", Doc: "the client's pool has too few connections: requests wait in the client for a free one", Unit: "share of connections that the load needs", Low: 0.5, High: 1.5, Default: 1, Backends: onlySim,
		Label: named(analyzer.Client, "client-side"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			var underWay float64
			for i := range run.Requests {
				underWay += float64(run.Requests[i].ClientEnd-run.Requests[i].Sent) / float64(s.Workload.Length)
			}
			s.Config.Client.Connections = max(1, int(underWay/x))
			return nil
		},
	},
	{
		Name: "slow-grammar", Doc: "four requests in ten want an answer in a given form, whose grammar is compiled while they stand in the engine's queue; others pass them", Unit: "ms", Low: 50, High: 20_000, Default: 1500, Backends: onlySim,
		Label: named(analyzer.Queue, "queue-hold"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.Hold = sim.Hold{Share: 0.4, Duration: int64(x * millisecond)}
			return nil
		},
	},
	{
		Name: "dead-backend", Doc: "a share of attempts goes to a server that is gone: the gateway gives up after a while, and the client tries again", Unit: "s until the gateway gives up", Low: 0.5, High: 60, Default: 4, Backends: onlySim,
		Label: named(analyzer.Retry, "retries"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Retry = sim.Retry{Share: 0.2, After: int64(x * second), Backoff: int64(100 * time.Millisecond), Status: 504}
			return nil
		},
	},
	{
		Name: "batch-job", Doc: "for a third of the time, somebody's job sends far more than can be served beside the usual load", Unit: "times capacity", Low: 0.8, High: 5, Default: 1.5, Backends: onlySim,
		Label: named(analyzer.Queue, "queue-saturation"),
		apply: func(s *Scenario, x float64) error {
			rate, err := s.capacity()
			job := s.Workload.Streams[0]
			length := s.Workload.Length
			job.Name, job.Arrivals = "batch", arrival.Varying(x*rate, func(ns int64) float64 {
				if ns < length/3 || ns >= 2*length/3 && ns < length {
					return 0 // but not past the end: the arrival there is what ends the load
				}
				return x * rate
			})
			s.Workload.Streams = append(s.Workload.Streams, job)
			return err
		},
	},
}
