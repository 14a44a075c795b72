package main

import (
	"encoding/binary"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// transfer lets the KV cache of each prompt come from another engine at so many bytes a second, as vLLM's spans of phases
// say it (vllm_queue, vllm_async_kv_transfer, vllm_prefill, vllm_decode; vLLM pull request 44402). The engine counts the
// transfer as time in queue.
func transfer(bytesPerSecond float64) func([]analyzer.Span) []analyzer.Span {
	return func(spans []analyzer.Span) (all []analyzer.Span) {
		for _, s := range spans {
			prompt, _ := s.Attributes.Number("gen_ai.usage.prompt_tokens")
			moved := int64(prompt * sim.Llama8B.KVBytes() / bytesPerSecond * 1e9)
			s.End += moved
			add(&s, float64(moved)/1e9, "gen_ai.latency.time_in_queue", "gen_ai.latency.time_to_first_token", "gen_ai.latency.e2e")
			seconds := func(key string) int64 {
				x, _ := s.Attributes.Number(key)
				return int64(x * 1e9)
			}
			first := s.Start + seconds("gen_ai.latency.time_to_first_token")
			scheduled := first - seconds("gen_ai.latency.time_in_model_prefill")
			queued := scheduled - seconds("gen_ai.latency.time_in_queue")
			all = append(all, s)
			for i, phase := range []struct {
				name     string
				from, to int64
			}{
				{"vllm_queue", queued, scheduled - moved}, {"vllm_async_kv_transfer", scheduled - moved, scheduled},
				{"vllm_prefill", scheduled, first}, {"vllm_decode", first, min(s.End, first+seconds("gen_ai.latency.time_in_model_decode"))},
			} {
				below := analyzer.Span{TraceID: s.TraceID, Parent: s.ID, Name: phase.name, Kind: analyzer.SpanKindInternal, Start: phase.from, End: phase.to, Resource: s.Resource, Scope: s.Scope}
				binary.BigEndian.PutUint64(below.ID[:], binary.BigEndian.Uint64(s.ID[:])+uint64(i)+1)
				all = append(all, below)
			}
		}
		return all
	}
}

// threaded is the predecessor's service with its model in a thread: one request at a time still, but the event loop is
// free, so that a monitor gets its answer at once.
func threaded(spans []analyzer.Span) []analyzer.Span {
	for i := range spans {
		if s := &spans[i]; s.Name == "GET /metrics" || s.Name == "GET /metrics http send" {
			s.End = min(s.End, s.Start+2_500_000)
		}
	}
	return spans
}

// recomputing is the timing of a model that keeps no KV cache: each token computes its whole sequence.
type recomputing struct{ sim.Roofline }

func (r recomputing) Step(b sim.Batch) int64 {
	b.Prompt += b.Context
	b.Squares += float64(b.Context) * float64(b.Context) / float64(max(1, b.Decodes))
	b.Context = 0
	return r.Roofline.Step(b)
}

// alone is a loop around a model that answers one request at a time, with a KV cache or without.
func alone(cache bool) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		s.Config.Engine.Slots = 1
		stream := &s.Workload.Streams[0]
		stream.Arrivals, stream.PrefixTokens = arrival.Poisson(0.06), 0
		stream.Prompt, stream.Output = sim.Tokens{Median: 60, Sigma: 0.4, Low: 10, High: 200}, sim.Tokens{Median: 250, Sigma: 0.8, Low: 30, High: 1500}
		if !cache {
			s.Config.Timing = recomputing{s.Config.Timing.(sim.Roofline)}
		}
	}
}

// copies has short answers, so that copies of inputs are a good part of what is computed.
func copies(perSecond float64) func(*fault.Scenario) {
	return func(s *fault.Scenario) {
		rate(perSecond)(s)
		s.Workload.Streams[0].Output = sim.Tokens{Median: 40, Sigma: 0.3, Low: 8, High: 100}
	}
}
