package replay_test

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// TestBatchingTakesEveryStep compares with an engine that takes one step after the other.
func TestBatchingTakesEveryStep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	job := func() replay.Job {
		return replay.Job{PromptTokens: r.Int64N(900), DecodeTokens: r.Int64N(60)}
	}
	for name, jobs := range map[string][]replay.Job{
		"poisson": poisson(r, 400, 30e6, job),
		"crowded": poisson(r, 400, 3e6, job),
		"bursts":  bursts(r, 400, 20, 20e6, job),
	} {
		for _, b := range []replay.Batching{
			{Budget: 64, Step: 5e6},
			{Budget: 2048, Step: 5e6, PerToken: 20e3},
			{Budget: 512, Step: 5e6, PerSequence: 1e5, PerToken: 20e3, Seats: 8},
			{Budget: 8, Step: 5e6, Seats: 32}, // less than jobs in decode
			{Budget: 1, Step: 1e5},
		} {
			got, want := b.Run(jobs), batchByHand(jobs, b)
			for i := range jobs {
				// Both add up floats, in another order.
				if far(got[i].Start, want[i].Start) || far(got[i].FirstToken, want[i].FirstToken) || far(got[i].End, want[i].End) {
					t.Fatalf("%s, %+v: job %d %+v is served at %+v, step by step at %+v", name, b, i, jobs[i], got[i], want[i])
				}
			}
		}
	}
}

func far(a, b int64) bool { return a-b > 1000 || b-a > 1000 }

// TestBatchingKeepsTime: times in the time of the Unix epoch are as exact as small ones.
func TestBatchingKeepsTime(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	jobs := poisson(r, 200, 30e6, func() replay.Job {
		return replay.Job{PromptTokens: r.Int64N(900), DecodeTokens: r.Int64N(60)}
	})
	const epoch = 1_772_366_400e9
	late := make([]replay.Job, len(jobs))
	for i, j := range jobs {
		j.Arrive += epoch
		late[i] = j
	}
	b := replay.Batching{Budget: 64, Step: 5e6 + 1.0/3}
	got, want := b.Run(late), b.Run(jobs)
	for i := range jobs {
		if got[i].Start != want[i].Start+epoch || got[i].End != want[i].End+epoch {
			t.Fatalf("job %d is served at %+v, want %+v and %d", i, got[i], want[i], int64(epoch))
		}
	}
}

func BenchmarkBatching(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	jobs := poisson(r, 1_000_000, 30e6, func() replay.Job {
		return replay.Job{PromptTokens: r.Int64N(2000), DecodeTokens: r.Int64N(600)}
	})
	for b.Loop() {
		replay.Batching{Budget: 2048, Step: 10e6, PerToken: 10e3, Seats: 256}.Run(jobs)
	}
}
