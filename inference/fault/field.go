package fault

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// field lists ways to the same causes that those who use servers of others, or let others use theirs, write about.
var field = []Fault{
	{
		Name: "buffering-proxy", Doc: "the gateway keeps what is streamed until its buffer is full, as proxies do unless they are told not to", Unit: "tokens", Low: 2, High: 2000, Default: 45, Backends: onlySim,
		Label: named(analyzer.Gateway, "network-gateway"),
		apply: func(s *Scenario, x float64) error { s.Config.Network.Buffer = int(x); return nil },
	},
	{
		Name: "token-quota", Doc: "the gateway lets so many tokens through in each minute, and refuses what is more; clients try again", Unit: "share of the quota that the load needs", Low: 0.5, High: 3, Default: 1.2, Backends: onlySim,
		Label: named(analyzer.Retry, "retries"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			tokens := 0
			for i := range run.Requests {
				tokens += run.Requests[i].Prompt + run.Requests[i].Output
			}
			s.Config.Network.QuotaEvery = int64(time.Minute)
			s.Config.Network.Quota = int(float64(tokens) / (float64(s.Workload.Length) / float64(time.Minute)) / x)
			s.Config.Retry = sim.Retry{Status: 429, After: int64(5 * time.Millisecond), Backoff: int64(time.Second)}
			return nil
		},
	},
	{
		Name: "chat-template", Doc: "each conversation is put into the model's form by a template, in the server's event loop: it takes as long as the prompt is", Unit: "share of the loop's time", Low: 0.05, High: 0.95, Default: 0.7, Backends: onlySim,
		Label: named(analyzer.Frontend, "event-loop-blocked"),
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			var tokens float64
			for i := range run.Requests {
				tokens += float64(run.Requests[i].Prompt)
			}
			s.Config.Server.HandleToken = int64(x * float64(s.Workload.Length) / tokens)
			return nil
		},
	},
	{
		Name: "token-counting", Doc: "every six seconds somebody has the tokens of a whole book counted, and prompts wait for the tokenizer", Unit: "ms", Low: 10, High: 5900, Default: 2500, Backends: onlySim,
		Label: named(analyzer.Tokenize, "tokenizer-bound"),
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.CountEvery, s.Config.Server.Count = int64(6*time.Second), int64(x*millisecond)
			return nil
		},
	},
	{
		Name: "reserved-answers", Doc: "clients let answers be far longer than they are, and blocks of KV cache are set aside for all of it: others wait for blocks", Unit: "tokens", Low: 1024, High: 65_536, Default: 16_384, Backends: onlySim,
		Label: named(analyzer.Queue, "kv-pressure"),
		load:  shareOf(0.95),
		apply: func(s *Scenario, x float64) error { s.Config.Engine.Reserve = int(x); return nil },
	},
	{
		Name: "prompt-logprobs", Doc: "an evaluation wants the log-probabilities of its prompts, which are computed whole for that, whatever of them is cached", Unit: "share of requests", Low: 0.1, High: 1, Default: 0.6, Backends: onlySim,
		Label: named(analyzer.Prefill, "prefix-cache-miss"),
		load: func(s, broken *Scenario, _ float64) error {
			s.Workload.Length *= 3 // few requests, so a longer time
			s.Workload.Streams[0].Prefixes, s.Workload.Streams[0].PrefixTokens = 4, 6000
			return s.loadFor(broken, s.Share)
		},
		apply: func(s *Scenario, x float64) error {
			stream := &s.Workload.Streams[0]
			stream.Prefixes, stream.PrefixTokens = 4, 6000
			s.Config.Server.Uncached = x
			return nil
		},
	},
	{
		Name: "masked-answers", Doc: "one answer in ten has a given form, and each step that one of them is in waits for the host to say which tokens it may go on with", Unit: "ms a step", Low: 1, High: 500, Default: 30, Backends: onlySim,
		Label: named(analyzer.Decode, "decode-overhead-bound"),
		load:  sameShare,
		apply: func(s *Scenario, x float64) error {
			s.Config.Server.Masked = 0.1
			s.change(func(r *sim.Roofline) { r.Mask = int64(x * millisecond) })
			return nil
		},
	},
	{
		Name: "heavy-turns", Doc: "each third answer is far longer than the two before it, and of three replicas that get requests in turn one has all the long ones", Unit: "times as long", Low: 2, High: 30, Default: 6, Backends: onlySim,
		Label: named(analyzer.Queue, "router-imbalance"),
		load: func(s, _ *Scenario, x float64) error {
			heavyTurns(s, x)
			s.Workload.Length *= 2 // waits grow slowly where answers are long
			// As much as one replica can just not serve if it has all the long answers: the others have room.
			one := s.clone()
			one.Config.Replicas, one.Workload.Streams[0].HeavyEvery = 1, 1
			rate, err := one.capacity()
			s.Share = 0
			s.Workload.Streams[0].Arrivals = arrival.Poisson(3 * 1.1 * rate)
			return err
		},
		apply: func(s *Scenario, x float64) error {
			heavyTurns(s, x)
			s.Config.Routing = sim.RouteRoundRobin
			return nil
		},
	},
}

// heavyTurns lets each third answer be so many times as long.
func heavyTurns(s *Scenario, x float64) {
	s.Config.Replicas, s.Config.Engine.Slots = 3, 16
	s.Workload.Streams[0].HeavyEvery, s.Workload.Streams[0].Heavy = 3, x
}

// alsoRenewed systems are renewed while they serve, and have room for that.
var alsoRenewed = []Fault{
	{
		Name: "healthy-rollout", Doc: "three replicas are renewed one after the other: each gets no more requests for a while, and the others have room for them", Backends: onlySim,
		apply: func(s *Scenario, _ float64) error {
			s.Config.Replicas = 3
			if err := s.loadFor(s, s.Share); err != nil {
				return err
			}
			s.Config.Drain = map[int]int64{}
			for i := range 3 {
				gone := s.Config.Start + s.Workload.Length*int64(i+1)/5
				s.Config.Drain[i] = gone
				s.Config.Scale = append(s.Config.Scale, sim.ScaleUp{At: gone + s.Workload.Length/10})
			}
			return nil
		},
	},
}
