package main

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// engineFixtures are those of rules about what happens between a request's arrival at the model server and its answer.
// Each firing one has a near miss: the same system just short of the threshold, or with another cause of the same look.
var engineFixtures = []fixture{
	{name: "queue-saturation-fires", seconds: 50, seed: 11, change: slots(8, 4.7)},
	{name: "queue-saturation-budget", fault: "overload@1.35", workload: "code", seconds: 25, seed: 13},
	{name: "queue-saturation-burst", fault: "burst@150", workload: "code", seconds: 90, seed: 14},
	{name: "queue-saturation-near", seconds: 60, seed: 12, change: slots(8, 3.0)},
	{name: "admission-limit-fires", fault: "queue-limit@4", seconds: 60, seed: 21},
	{name: "admission-limit-near", fault: "small-chunk@64", seconds: 90, seed: 22},
	{name: "static-batching-fires", fault: "static-batching@2500", dialect: "gateway", seconds: 60, seed: 31, change: rate(3)},
	{name: "static-batching-near", fault: "static-batching@2500", dialect: "gateway", seconds: 55, seed: 32, change: continuous(4, 3)},
	{name: "head-of-line-fires", seconds: 90, seed: 41, change: mixed(2, 0.10)},
	{name: "head-of-line-near", seconds: 90, seed: 42, change: alike},
	{name: "tokenizer-bound-fires", fault: "slow-tokenizer@20", workload: "code", seconds: 100, seed: 51, change: rate(1.6)},
	{name: "tokenizer-bound-near", fault: "slow-tokenizer@3", workload: "code", seconds: 100, seed: 52, change: rate(1.6)},
	{name: "tokenizer-bound-busy", fault: "token-counting@2500", hops: true, seconds: 90, seed: 5053, change: rate(4)},
	{name: "event-loop-blocked-near", spans: func() []analyzer.Span { return threaded(predecessor()) }},
	{name: "event-loop-blocked-fires", fault: "blocked-loop@50", hops: true, seconds: 60, seed: 2461, change: rate(5)},
	{name: "event-loop-blocked-rarely", fault: "log-flush@1700", hops: true, seconds: 60, seed: 2463, change: rate(5)},
	{name: "event-loop-blocked-template", fault: "chat-template@0.7", hops: true, seconds: 60, seed: 5064, change: rate(3)},
	{name: "event-loop-blocked-calls", fault: "sync-generate@0.7", hops: true, seconds: 180, seed: 2462},
	{name: "cold-start-fires", fault: "cold-load@2", dialect: "gateway", seconds: 300, seed: 71},
	{name: "cold-start-near", fault: "cold-load@60", dialect: "gateway", seconds: 300, seed: 72, change: kept},
	{name: "cold-start-sleeps", fault: "sleeping-engine@4", seconds: 200, seed: 7073},
	{name: "cold-start-sleeps-near", fault: "sleeping-engine@4", seconds: 200, seed: 7074, change: func(s *fault.Scenario) { s.Config.Load.WakeUp = 20_000_000 }},
	{name: "host-to-device-fires", fault: "input-copy@16000", dialect: "triton", seconds: 32, seed: 81, change: copies(3)},
	{name: "host-to-device-others", fault: "input-copy@11000", dialect: "triton", seconds: 60, seed: 84, change: rate(4)},
	{name: "host-to-device-offload", fault: "offload@0.3", seconds: 150, seed: 83, change: rate(1)},
	{name: "host-to-device-near", fault: "input-copy@1500", dialect: "triton", seconds: 32, seed: 82, change: copies(3)},
	{name: "kv-transfer-fires", seconds: 60, seed: 91, change: rate(2), edit: transfer(2e9)},
	{name: "kv-transfer-near", seconds: 60, seed: 92, change: rate(2), edit: transfer(60e9)},
	{name: "prefill-compute-fires", fault: "long-prompts-alone@8192", seconds: 90, seed: 101, change: prompts(8192, 0.6)},
	{name: "prefill-compute-near", fault: "long-prompts-alone@8192", seconds: 150, seed: 102, change: prompts(3000, 0.1)},
	{name: "prefill-chunk-fires", fault: "small-chunk@64", seconds: 90, seed: 111},
	{name: "prefill-chunk-near", fault: "small-chunk@128", seconds: 90, seed: 112},
	{name: "interference-fires", fault: "long-prompts@16000", seconds: 60, seed: 121, change: rate(3)},
	{name: "interference-near", fault: "long-prompts@5000", seconds: 60, seed: 122, change: rate(3)},
	{name: "decode-bandwidth-fires", fault: "healthy-bandwidth", seconds: 120, seed: 141, change: large},
	{name: "decode-bandwidth-near", fault: "healthy-bandwidth", seconds: 120, seed: 142, change: rate(1.5)},
	{name: "decode-overhead-fires", fault: "eager@25", metrics: true, seconds: 400, seed: 151, change: rate(0.3)},
	{name: "decode-overhead-sequences", fault: "logits-processor@7", metrics: true, seconds: 300, seed: 153, change: rate(0.4)},
	{name: "decode-overhead-near", fault: "eager@4", metrics: true, seconds: 400, seed: 152, change: rate(0.3)},
	{name: "no-kv-cache-fires", dialect: gatewayDialect, seconds: 2000, seed: 161, change: alone(false)},
	{name: "no-kv-cache-near", dialect: gatewayDialect, seconds: 2000, seed: 162, change: alone(true)},
	{name: "kv-pressure-fires", metrics: true, seconds: 40, seed: 171, change: blocks(230, 4.5)},
	{name: "kv-pressure-near", metrics: true, seconds: 60, seed: 172, change: blocks(420, 3)},
	{name: "prefix-cache-fires", metrics: true, fault: "prefix-break@3000", seconds: 100, seed: 181, change: rate(1.8)},
	{name: "prefix-cache-near", metrics: true, fault: "healthy-prefix@3000", seconds: 100, seed: 182, change: rate(1.8)},
}

// rate lets so many requests a second arrive in the first stream.
func rate(perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) { s.Workload.Streams[0].Arrivals = arrival.Poisson(perSecond) }
}

// slots has a server of so many slots, under so many requests a second.
func slots(n int, perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		s.Config.Engine.Slots = n
		rate(perSecond)(s)
	}
}

// prompts has prompts of about so many tokens and answers of a word or two, at a share of what prefill can serve.
func prompts(tokens float64, share float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		r := s.Config.Timing.(sim.Roofline)
		rate(share * 1e9 / float64(r.Step(sim.Batch{Prompt: int(tokens)})))(s)
		stream := &s.Workload.Streams[0]
		stream.Prompt, stream.Output = sim.Tokens{Median: tokens, Sigma: 0.15, Low: 1, High: int(2 * tokens)}, sim.Fixed(3)
	}
}

// blocks has a KV cache of so many blocks of 16 tokens.
func blocks(n int, perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		s.Config.Engine.Blocks = n
		rate(perSecond)(s)
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
	s.Workload.Streams[0].Arrivals, s.Workload.Streams[0].Output = arrival.Poisson(1.5), sim.Tokens{Median: 120, Sigma: 0.2, Low: 60, High: 240}
}

// continuous batches continuously in so many slots.
func continuous(n int, perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		s.Config.Engine.StaticBatch = 0
		slots(n, perSecond)(s)
	}
}

// kept has a model that is unloaded only after ten minutes without requests.
func kept(s *fault.Scenario) { s.Config.Load.KeepAlive = 600e9 }

// large has a model whose weights take so long to read that TPOT misses its target, at the bandwidth of the device.
func large(s *fault.Scenario) {
	r := s.Config.Timing.(sim.Roofline)
	r.Model.Params *= 9
	s.Config.Timing = r
	rate(0.3)(s)
	s.Workload.Length *= 4
}
