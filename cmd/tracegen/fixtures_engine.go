package main

import (
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// engineFixtures are those of rules about what happens between a request's arrival at the model server and its answer.
// Each firing one has a near miss: the same system just short of the threshold, or with another cause of the same look.
var engineFixtures = []fixture{
	{name: "queue-saturation-fires", fault: "long-prompts-alone@6000", seconds: 60, seed: 11, change: load(1.15)},
	{name: "queue-saturation-near", fault: "long-prompts-alone@6000", seconds: 70, seed: 12, change: load(0.55)},
	{name: "admission-limit-fires", fault: "queue-limit@4", seconds: 60, seed: 21},
	{name: "static-batching-fires", fault: "static-batching@2500", dialect: "slowtoken", seconds: 40, seed: 31},
	{name: "static-batching-near", fault: "static-batching@2500", dialect: "slowtoken", seconds: 40, seed: 32, change: func(s *fault.Scenario) {
		s.Config.Engine.StaticBatch, s.Config.Engine.Slots = 0, 6
	}},
	{name: "head-of-line-fires", seconds: 90, seed: 41, change: mixed(2, 0.10)},
	{name: "head-of-line-near", seconds: 90, seed: 42, change: alike},
	{name: "tokenizer-bound-fires", fault: "slow-tokenizer@40", workload: "code", seconds: 40, seed: 51, change: rate(5)},
	{name: "tokenizer-bound-near", fault: "slow-tokenizer@4", workload: "code", seconds: 40, seed: 52, change: rate(5)},
	{name: "cold-start-fires", fault: "cold-load@2", dialect: "ollama-openllmetry", seconds: 300, seed: 71},
	{name: "prefill-compute-fires", fault: "long-prompts-alone@8192", seconds: 90, seed: 101, change: load(0.6)},
	{name: "prefill-underused-fires", fault: "small-chunk@64", seconds: 90, seed: 111},
	{name: "prefill-underused-near", fault: "small-chunk@128", seconds: 90, seed: 112},
	{name: "interference-fires", fault: "long-prompts@16000", seconds: 60, seed: 121, change: rate(3)},
	{name: "interference-near", fault: "long-prompts@3000", seconds: 60, seed: 122, change: rate(3)},
	{name: "decode-bandwidth-fires", fault: "healthy-bandwidth", seconds: 120, seed: 141, change: rate(1.5)},
	{name: "decode-overhead-fires", fault: "eager@25", metrics: true, seconds: 150, seed: 151, change: rate(0.6)},
	{name: "kv-pressure-fires", fault: "kv-squeeze@0.5", metrics: true, seconds: 60, seed: 171},
	{name: "prefix-cache-fires", fault: "prefix-break@3000", seconds: 60, seed: 181, change: rate(3)},
	{name: "prefix-cache-near", fault: "healthy-prefix@3000", seconds: 60, seed: 182, change: rate(3)},
}

// rate lets so many requests a second arrive in the first stream.
func rate(perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) { s.Workload.Streams[0].Arrivals = arrival.Poisson(perSecond) }
}

// load lets requests arrive at a share of what the system can serve, about: 16-token answers to prompts of the first
// stream's median length.
func load(share float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		r := s.Config.Timing.(sim.Roofline)
		step := r.Step(sim.Batch{Prompt: int(s.Workload.Streams[0].Prompt.Median)})
		rate(share * 1e9 / float64(step))(s)
	}
}

// mixed has answers of two lengths in a server of few slots: a few are so long that many short ones wait for them.
func mixed(slots int, long float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		s.Config.Engine.Slots = slots
		short := &s.Workload.Streams[0]
		short.Arrivals, short.Output = arrival.Poisson(1.6*(1-long)), sim.Tokens{Median: 30, Sigma: 0.3, Low: 8, High: 80}
		s.Workload.Streams = append(s.Workload.Streams, sim.Stream{
			Name: "essays", Arrivals: arrival.Poisson(1.6 * long), Prompt: sim.Fixed(300), Output: sim.Tokens{Median: 900, Sigma: 0.2, Low: 500, High: 1500},
		})
	}
}

// alike has the same server under about the same load of answers of one length.
func alike(s *fault.Scenario) {
	s.Config.Engine.Slots = 2
	s.Workload.Streams[0].Arrivals, s.Workload.Streams[0].Output = arrival.Poisson(1.6), sim.Tokens{Median: 120, Sigma: 0.2, Low: 60, High: 240}
}
