package sim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// With one token an answer is all prefill, and prefills run one after the other: a single server whose service times
// are the prompts' lengths. With one token a prompt, all is decoding, and steps of a fixed time make every slot a server;
// who finds one free still waits for the end of the step at hand, half a step on average.
func TestMeanWaitMatchesQueueingTheory(t *testing.T) {
	const (
		service = float64(millisecond)
		steps   = 20 // mean tokens of an answer in the systems of several servers
	)
	single := bare(Linear{PromptToken: 1}, EngineConfig{Slots: 1})
	exponential := func(r *rand.Rand, mean float64) int { return int(math.Round(r.ExpFloat64() * mean)) }
	constant := func(*rand.Rand) (int, int) { return int(service), 1 }
	markov := func(r *rand.Rand) (int, int) { return max(1, exponential(r, service)), 1 }
	decoding := func(r *rand.Rand) (int, int) { return 1, 1 + exponential(r, steps) }
	several := func(slots int) Config {
		return bare(Linear{StepBase: millisecond / steps}, EngineConfig{Slots: slots})
	}
	waits := func(c int, load float64) float64 {
		waiting, mean := erlang(c, load)
		return mean + (1-waiting)/2/steps
	}
	tests := []struct {
		name     string
		config   Config
		servers  int
		load     float64
		requests int
		sizes    func(*rand.Rand) (prompt, output int)
		want     float64 // mean wait in service times
	}{
		{"M/D/1", single, 1, 0.7, 200_000, constant, 0.7 / (2 * (1 - 0.7))},
		{"M/M/1", single, 1, 0.7, 200_000, markov, 0.7 / (1 - 0.7)},
		{"M/M/2", several(2), 2, 0.8, 150_000, decoding, waits(2, 0.8)},
		{"M/M/8", several(8), 8, 0.85, 150_000, decoding, waits(8, 0.85)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 0))
			stream := Stream{Replay: make([]arrival.Planned, test.requests)}
			var at int64
			for i := range stream.Replay {
				at += int64(r.ExpFloat64() * service / test.load / float64(test.servers))
				prompt, output := test.sizes(r)
				stream.Replay[i] = arrival.Planned{At: at, Prompt: prompt, Output: output}
			}
			run := simulate(t, test.config, Workload{Length: at + 1, Streams: []Stream{stream}})
			var waited float64
			for i := range run.Requests {
				waited += float64(run.Requests[i].Scheduled - run.Requests[i].Queued)
			}
			got := waited / float64(test.requests) / service
			t.Logf("mean wait %.4f service times, theory %.4f, off by %+.2f %%", got, test.want, 100*(got/test.want-1))
			if math.Abs(got/test.want-1) > 0.03 {
				t.Errorf("mean wait is %.4f service times, want %.4f within 3 %%", got, test.want)
			}
		})
	}
}

// erlang returns the chance to wait in an M/M/c queue (Erlang's C) and the mean wait in service times.
func erlang(c int, load float64) (waiting, mean float64) {
	a := float64(c) * load
	term, sum := 1.0, 1.0
	for k := 1; k < c; k++ {
		term *= a / float64(k)
		sum += term
	}
	last := term * a / float64(c) / (1 - load)
	waiting = last / (sum + last)
	return waiting, waiting / (float64(c) * (1 - load))
}

// Request by request, a single server's waits are Lindley's: wait' = max(0, wait + service - gap).
func TestSingleServerFollowsLindley(t *testing.T) {
	c := bare(Linear{PromptToken: 1000}, EngineConfig{Slots: 1})
	run := simulate(t, c, Workload{Length: 100 * second, Streams: []Stream{{
		Arrivals: arrival.Gamma(50, 0.3), Prompt: Tokens{Median: 10_000, Sigma: 0.8, Low: 1, High: 1_000_000}, Output: Fixed(1),
	}}})
	var wait int64
	for i := range run.Requests {
		r := &run.Requests[i]
		if i > 0 {
			before := &run.Requests[i-1]
			wait = max(0, wait+int64(before.Prompt)*1000-(r.Queued-before.Queued))
		}
		if got := r.Scheduled - r.Queued; got != wait {
			t.Fatalf("request %d waited %d ns, by Lindley's recursion %d", i, got, wait)
		}
	}
}

// Several servers' waits are Kiefer's and Wolfowitz's over the very same arrivals: whoever comes takes the server that is
// free first. The engine starts a service at the end of a step, so it is at most one step behind. This is sharper than a
// mean in closed form, which a run of this length meets within some per cent only.
func TestSeveralServersFollowKieferAndWolfowitz(t *testing.T) {
	const step = millisecond
	for _, slots := range []int{2, 8, 32} {
		r := rand.New(rand.NewPCG(9, uint64(slots)))
		stream := Stream{Replay: make([]arrival.Planned, 20_000)}
		var at int64
		for i := range stream.Replay {
			at += int64(r.ExpFloat64() * 20 * float64(step) / 0.9 / float64(slots))
			stream.Replay[i] = arrival.Planned{At: at, Prompt: 1, Output: 2 + int(math.Round(r.ExpFloat64()*19))}
		}
		c := bare(Linear{StepBase: step}, EngineConfig{Slots: slots})
		run := simulate(t, c, Workload{Length: at + 1, Streams: []Stream{stream}})
		free := make([]int64, slots)
		var expected, got float64
		for i := range run.Requests {
			q := &run.Requests[i]
			first := 0
			for k := range free {
				if free[k] < free[first] {
					first = k
				}
			}
			begin := max(q.Queued, free[first])
			free[first] = begin + int64(q.Output-1)*step
			expected += float64(begin - q.Queued)
			got += float64(q.Scheduled - q.Queued)
		}
		n := float64(len(run.Requests))
		behind := (got - expected) / n / float64(step)
		t.Logf("%d servers: mean wait %.3f steps, by the recursion %.3f", slots, got/n/float64(step), expected/n/float64(step))
		if behind < 0 || behind > 1 {
			t.Errorf("%d servers: waits are %.3f steps more than the recursion's", slots, behind)
		}
	}
}
