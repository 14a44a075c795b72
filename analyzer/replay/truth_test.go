package replay_test

import (
	"math/rand/v2"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// serveByHand is a server of c workers written for these tests alone: every worker has a time at which it is free, and
// whoever is first in line takes the one that is free first.
func serveByHand(jobs []replay.Job, c int, service func(replay.Job) int64) (starts []int64) {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(jobs[a].Arrive - jobs[b].Arrive) })
	free := make([]int64, c)
	starts = make([]int64, len(jobs))
	for _, i := range order {
		worker := 0
		for w := range free {
			if free[w] < free[worker] {
				worker = w
			}
		}
		starts[i] = max(jobs[i].Arrive, free[worker])
		free[worker] = starts[i] + service(jobs[i])
	}
	return starts
}

// batchByHand is an engine with continuous batching that takes one step after the other, without any shortcut.
func batchByHand(jobs []replay.Job, b replay.Batching) []replay.Times {
	type running struct {
		job          int
		prompt, left int64 // tokens still to compute, and to make
	}
	out := make([]replay.Times, len(jobs))
	var active []running
	next, now := 0, 0.0
	for next < len(jobs) || len(active) > 0 {
		if len(active) == 0 && float64(jobs[next].Arrive) > now {
			now = float64(jobs[next].Arrive)
		}
		tokens, decoding := int64(0), 0
		for _, r := range active {
			if r.prompt == 0 {
				tokens++
				decoding++
			}
		}
		chunk := make([]int64, len(active))
		for k, r := range active {
			if r.prompt > 0 {
				chunk[k] = min(r.prompt, max(0, b.Budget-tokens))
				tokens += chunk[k]
			}
		}
		for next < len(jobs) && float64(jobs[next].Arrive) <= now && tokens < b.Budget && (b.Seats == 0 || len(active) < b.Seats) {
			out[next].Start = int64(now)
			n := min(max(1, jobs[next].PromptTokens), b.Budget-tokens)
			active = append(active, running{next, max(1, jobs[next].PromptTokens), jobs[next].DecodeTokens})
			chunk = append(chunk, n)
			tokens += n
			next++
		}
		now += max(1, b.Step+b.PerSequence*float64(max(0, decoding-1)), b.PerToken*float64(tokens))
		var still []running
		for k, r := range active {
			switch {
			case r.prompt == 0:
				r.left--
			case r.prompt == chunk[k]:
				r.prompt = 0
				out[r.job].FirstToken = int64(now)
			default:
				r.prompt -= chunk[k]
			}
			if r.prompt == 0 && r.left == 0 {
				out[r.job].End = int64(now)
				continue
			}
			still = append(still, r)
		}
		active = still
	}
	return out
}

// poisson returns n jobs that arrive at random, a mean gap apart.
func poisson(r *rand.Rand, n int, gap float64, job func() replay.Job) []replay.Job {
	jobs := make([]replay.Job, n)
	at := 0.0
	for i := range jobs {
		at += r.ExpFloat64() * gap
		jobs[i] = job()
		jobs[i].Arrive = int64(at)
	}
	return jobs
}

// bursts returns n jobs of which size arrive together, a mean gap of theirs apart.
func bursts(r *rand.Rand, n, size int, gap float64, job func() replay.Job) []replay.Job {
	jobs := poisson(r, n, gap, job)
	for i := range jobs {
		jobs[i].Arrive = jobs[i-i%size].Arrive
	}
	return jobs
}

func meanWait(jobs []replay.Job, times []replay.Times) float64 {
	sum := 0.0
	for i := range jobs {
		sum += float64(times[i].Start - jobs[i].Arrive)
	}
	return sum / float64(len(jobs))
}
