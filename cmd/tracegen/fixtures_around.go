package main

import (
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// aroundFixtures are those of rules about what answers are asked for, about what lies around the engine, about fleets of
// engines, and about the telemetry itself.
var aroundFixtures = []fixture{
	{name: "long-output-fires", fault: "long-output@1500", seconds: 250, seed: 191, change: rate(0.6)},
	{name: "long-output-near", fault: "long-output@500", seconds: 250, seed: 192, change: rate(0.6)},
	{name: "reasoning-fires", fault: "long-output@1000", dialect: "otel-genai-chunk", seconds: 200, seed: 201, change: rate(0.6), edit: reasoning(0.7)},
	{name: "reasoning-near", fault: "long-output@1000", dialect: "otel-genai-chunk", seconds: 200, seed: 202, change: rate(0.6), edit: reasoning(0.25)},
	{name: "stream-backpressure-fires", fault: "narrow-link@8000", hops: true, seconds: 60, seed: 211, change: rate(1.2)},
	{name: "stream-backpressure-near", fault: "narrow-link@60000", hops: true, seconds: 60, seed: 212, change: rate(1.2)},
	{name: "network-gateway-fires", fault: "slow-network@150", hops: true, seconds: 60, seed: 221, change: rate(1.2)},
	{name: "network-gateway-near", fault: "slow-network@25", hops: true, seconds: 60, seed: 222, change: rate(1.2)},
	{name: "client-side-fires", fault: "slow-client@300", hops: true, seconds: 60, seed: 231, change: rate(1.2)},
	{name: "client-side-near", fault: "slow-client@1", hops: true, seconds: 60, seed: 232, change: rate(1.2)},
	{name: "retries-fires", fault: "retries@0.25", dialect: "otel-genai", hops: true, seconds: 80, seed: 241, change: rate(1.2)},
	{name: "retries-near", fault: "retries@0.03", dialect: "otel-genai", hops: true, seconds: 80, seed: 242, change: rate(1.2)},
	{name: "retries-vllm", fault: "retries@0.2", hops: true, seconds: 60, seed: 2443, change: rate(1.2)},
	{name: "noisy-neighbour-fires", fault: "memory-hog@0.5", seconds: 80, seed: 251, change: rate(2.5)},
	{name: "noisy-neighbour-near", fault: "skewed-router@3", seconds: 50, seed: 252, change: rate(5)},
	{name: "thermal-throttle-fires", fault: "throttle@0.4", metrics: true, seconds: 480, seed: 261, change: rate(0.4)},
	{name: "thermal-throttle-near", fault: "throttle@0.9", metrics: true, seconds: 480, seed: 262, change: rate(0.4)},
	{name: "noisy-neighbour-bursts", fault: "bursty-neighbour@0.28", seconds: 180, seed: 7253, change: rate(3)},
	{name: "noisy-neighbour-bursts-near", fault: "bursty-neighbour@0.9", seconds: 180, seed: 7254, change: rate(2.5)},
	{name: "thermal-throttle-brake", fault: "power-brake@0.38", metrics: true, seconds: 240, seed: 7263, change: rate(0.6)},
	{name: "thermal-throttle-brake-near", fault: "power-brake@0.9", metrics: true, seconds: 240, seed: 7264, change: rate(0.6)},
	{name: "host-pause-fires", fault: "pause@800", dialect: gatewayDialect, chunks: true, seconds: 36, seed: 271, change: short(2.2)},
	{name: "host-pause-near", dialect: gatewayDialect, chunks: true, seconds: 36, seed: 272, change: short(2.2)},
	{name: "autoscale-lag-fires", fault: "late-replica@60", seconds: 200, seed: 281, change: step(0.4, 1.9, 60)},
	{name: "autoscale-lag-near", fault: "late-replica@5", seconds: 200, seed: 282, change: step(0.4, 1.9, 4)},
	{name: "router-imbalance-fires", fault: "skewed-router@3", seconds: 80, seed: 291, change: slots(3, 3)},
	{name: "router-imbalance-near", fault: "skewed-router@3", seconds: 80, seed: 292, change: func(s *fault.Scenario) {
		slots(3, 3)(s)
		s.Config.Routing = sim.RouteLeastLoaded
	}},
	{name: "tensor-parallel-fires", seconds: 80, seed: 301, change: twoDevices(6_000_000)},
	{name: "tensor-parallel-near", seconds: 80, seed: 302, change: twoDevices(500_000)},
	{name: "speculation-fires", dialect: "sglang", seconds: 60, seed: 311, change: twelveTokens, edit: speculate(1.3, 2.2)},
	{name: "speculation-near", dialect: "sglang", seconds: 60, seed: 312, change: twelveTokens, edit: speculate(2.2, 2.05)},
	{name: "queue-hold-fires", seconds: 120, seed: 321, change: rate(2), edit: hold(700 * time.Millisecond)},
	{name: "queue-hold-unsaid", fault: "slow-grammar@700", seconds: 80, seed: 323, change: rate(2)},
	{name: "queue-hold-rounds", fault: "rare-admission@150", seconds: 80, seed: 324, change: rate(2)},
	{name: "queue-hold-near", seconds: 120, seed: 322, change: rate(2), edit: hold(30 * time.Millisecond)},

	{name: "predecessor", spans: predecessor},
	{name: "ttft-near", dialect: "otel-genai-chunk", seconds: 100, seed: 401, change: rate(1)},
	{name: "scheduler-spans-missing-fires", dialect: "sglang", seconds: 100, seed: 411, change: twelveTokens, edit: withoutScheduler},
	{name: "scheduler-spans-missing-near", dialect: "sglang", seconds: 40, seed: 412, change: twelveTokens},
	{name: "inconsistent-durations-fires", seconds: 100, seed: 421, change: rate(1.5), edit: contradict(5)},
	{name: "inconsistent-durations-near", seconds: 100, seed: 422, change: rate(1.5), edit: contradict(20)},
	{name: "clock-skew-fires", fault: "clock-skew@50", hops: true, seconds: 60, seed: 431, change: rate(1.2)},
	{name: "clock-skew-near", hops: true, seconds: 60, seed: 432, change: func(s *fault.Scenario) {
		rate(1.2)(s)
		s.Damage.Skew = 100_000 // less than the network takes
	}},
	{name: "partial-traces-fires", fault: "drop-spans@0.15", hops: true, seconds: 60, seed: 441, change: rate(1.2)},
	{name: "partial-traces-near", fault: "drop-spans@0.01", hops: true, seconds: 60, seed: 442, change: rate(1.2)},
	{name: "sampled-fires", fault: "sampling@0.1", seconds: 120, seed: 443},
	{name: "dropped-events-fires", fault: "cut-events@32", dialect: "openllmetry-python", seconds: 60, seed: 451, change: rate(0.8)},
	{name: "dropped-attributes-fires", fault: "cut-attributes@7", seconds: 60, seed: 453, change: rate(1.2)},
	{name: "cut-texts-fires", fault: "cut-texts@7", dialect: "tgi", seconds: 20, seed: 454, change: rate(1.5)},
	{name: "dropped-events-near", dialect: "openllmetry-python", seconds: 40, seed: 452, change: short(1)},

	{name: "healthy-vllm", seconds: 120, seed: 501, metrics: true, change: rate(2)},
	{name: "healthy-hops", hops: true, seconds: 60, seed: 502, change: rate(1.2)},
	{name: "healthy-sglang", dialect: "sglang", seconds: 60, seed: 503, change: twelveTokens},
	{name: "healthy-tgi", dialect: "tgi", seconds: 60, seed: 504, change: twelveTokens},
	{name: "healthy-gateway", dialect: gatewayDialect, seconds: 120, seed: 505, change: rate(1.2)},
	{name: "healthy-busy", fault: "healthy-busy@0.8", seconds: 40, seed: 506},
	{name: "healthy-long-output", fault: "healthy-long-output@450", seconds: 250, seed: 507, change: rate(0.8)},
	{name: "healthy-bandwidth", fault: "healthy-bandwidth", seconds: 120, seed: 508, change: rate(1.5)},
	{name: "healthy-prefix", fault: "healthy-prefix@2048", seconds: 120, seed: 509, change: rate(1.5)},
	{name: "healthy-diurnal", fault: "healthy-diurnal@0.6", seconds: 400, seed: 510, change: func(s *fault.Scenario) {
		s.Workload.Streams[0].Arrivals = arrival.Diurnal(0.8, 0.6, s.Workload.Length/2)
	}},
}

// short has answers of some thirty tokens, so many a second.
func short(perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		rate(perSecond)(s)
		s.Workload.Streams[0].Output = sim.Tokens{Median: 40, Sigma: 0.3, Low: 20, High: 80}
		r := s.Config.Timing.(sim.Roofline)
		r.Overhead = 40_000_000
		s.Config.Timing = r
	}
}

// step has two requests served at once by each of two servers, of which the second comes late; so many requests a second
// at first, and from a minute on.
func step(before, after float64, late int64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		const begin = 60e9
		s.Config.Engine.Slots = 2
		s.Config.Scale = []sim.ScaleUp{{At: s.Config.Start + begin + late*1e9}}
		s.Workload.Streams[0].Arrivals = arrival.Varying(after, func(ns int64) float64 {
			if ns < begin {
				return before
			}
			return after
		})
	}
}

// twoDevices has the model on two devices, which take so many nanoseconds a step to exchange their results.
func twoDevices(exchange int64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		rate(2)(s)
		r := sim.NewRoofline(s.Config.Model, s.Config.Device, 2)
		r.Overhead += exchange
		s.Config.Timing, s.Config.Devices = r, 2
	}
}

// twelveTokens has two servers in turn, and answers of twelve tokens: engines that write a span for each step write few.
func twelveTokens(s *fault.Scenario) {
	rate(1.5)(s)
	s.Config.Replicas, s.Config.Routing = 2, sim.RouteRoundRobin
	s.Workload.Streams[0].Output = sim.Fixed(12)
}

// reasoning states that a share of each answer's tokens is reasoning.
func reasoning(share float64) func([]analyzer.Span) []analyzer.Span {
	return func(spans []analyzer.Span) []analyzer.Span {
		for i := range spans {
			s := &spans[i]
			if n, ok := s.Attributes.Number("gen_ai.usage.output_tokens"); ok {
				s.Attributes = append(s.Attributes, analyzer.Attribute{Key: "gen_ai.usage.reasoning.output_tokens", Value: analyzer.Int(int64(share * n))})
			}
		}
		return spans
	}
}

// hold lets every fifth request of vLLM wait for its grammar before it is scheduled, and be structured output.
func hold(wait time.Duration) func([]analyzer.Span) []analyzer.Span {
	return func(spans []analyzer.Span) []analyzer.Span {
		for i := range spans {
			s := &spans[i]
			kind := "text"
			if i%5 == 0 {
				kind = "json"
				s.End += int64(wait)
				add(s, wait.Seconds(), "gen_ai.latency.time_in_queue", "gen_ai.latency.time_to_first_token", "gen_ai.latency.e2e")
			}
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: "gen_ai.output.type", Value: analyzer.String(kind)})
		}
		return spans
	}
}

// add adds to attributes that are numbers.
func add(s *analyzer.Span, x float64, keys ...string) {
	for i := range s.Attributes {
		a := &s.Attributes[i]
		for _, key := range keys {
			if n, ok := s.Attributes.Number(key); ok && a.Key == key {
				a.Value = analyzer.Double(n + x)
			}
		}
	}
}

// contradict lets every n-th request of vLLM state a time in prefill that cannot be.
func contradict(n int) func([]analyzer.Span) []analyzer.Span {
	return func(spans []analyzer.Span) []analyzer.Span {
		for i := range spans {
			if i%n == 0 {
				add(&spans[i], -2*float64(spans[i].End-spans[i].Start)/1e9, "gen_ai.latency.time_in_model_prefill")
			}
		}
		return spans
	}
}

// withoutScheduler leaves out the spans of SGLang's scheduler.
func withoutScheduler(spans []analyzer.Span) (kept []analyzer.Span) {
	gone := map[analyzer.SpanID]bool{}
	for _, s := range spans {
		if strings.HasPrefix(s.Name, "Scheduler") || gone[s.Parent] {
			gone[s.ID] = true
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// speculate turns the second of SGLang's servers into one that drafts: its steps yield so many tokens each and take so many
// times as long. Decode keeps its first token and moves its end.
func speculate(yield, longer float64) func([]analyzer.Span) []analyzer.Span {
	return func(spans []analyzer.Span) (kept []analyzer.Span) {
		first, last := map[analyzer.TraceID]int64{}, map[analyzer.TraceID]int64{}
		drafts := func(s *analyzer.Span) bool {
			return strings.HasSuffix(s.Resource.Attributes.Text("service.instance.id"), "-1")
		}
		for i := range spans {
			if s := &spans[i]; s.Name == "decode_forward" {
				first[s.TraceID], last[s.TraceID] = s.Start, s.End
			}
		}
		taken := map[analyzer.TraceID]int{}
		for _, s := range spans {
			began, ok := first[s.TraceID]
			if !ok || !drafts(&s) {
				kept = append(kept, s)
				continue
			}
			const tokens = 11
			steps := int(tokens/yield + 0.5)
			plain := float64(last[s.TraceID]-began) / tokens
			at := func(k int) int64 { return began + int64(float64(k)*plain*longer) }
			if s.Name == "decode_loop" {
				k := taken[s.TraceID]
				if taken[s.TraceID]++; k >= steps {
					continue
				}
				s.Start, s.End = at(k), at(k+1)
			} else if s.End >= last[s.TraceID] {
				s.End += at(steps) - last[s.TraceID]
				add(&s, float64(at(steps)-last[s.TraceID])/1e9, "gen_ai.latency.e2e", "gen_ai.latency.time_in_model_decode", "gen_ai.latency.time_in_model_inference")
			}
			kept = append(kept, s)
		}
		return kept
	}
}
