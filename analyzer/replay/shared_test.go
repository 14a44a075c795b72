package replay_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// TestSharedAloneIsSlots: where nobody slows anybody down, sharing is no different from slots.
func TestSharedAloneIsSlots(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	jobs := poisson(r, 5000, 0.3*mean, func() replay.Job {
		return replay.Job{Prefill: int64(r.ExpFloat64() * mean / 4), Decode: int64(r.ExpFloat64() * mean)}
	})
	for _, slots := range []int{0, 1, 5} {
		got, want := replay.Shared{Slots: slots}.Run(jobs), replay.Slots{Both: slots}.Run(jobs)
		for i := range jobs {
			if far(got[i].Start, want[i].Start) || far(got[i].FirstToken, want[i].FirstToken) || far(got[i].End, want[i].End) {
				t.Fatalf("%d slots: job %d is served at %+v, want %+v", slots, i, got[i], want[i])
			}
		}
	}
	one, slower := replay.Shared{Slots: 1}.Run(jobs), replay.Shared{Slots: 1, Slower: 2}.Run(jobs)
	for i := range jobs {
		if one[i] != slower[i] {
			t.Fatalf("one slot: job %d is served at %+v, and at %+v where others would slow it down", i, one[i], slower[i])
		}
	}
}

// TestSharedFollowsProcessorSharing compares with the closed form of M/G/1 under processor sharing: the mean time in the
// system is that of service alone over 1 - utilisation, whatever the distribution of service (Kleinrock 1967).
func TestSharedFollowsProcessorSharing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const n = 300_000
	for name, size := range map[string]func() float64{
		"exponential": r.ExpFloat64,
		"constant":    func() float64 { return 1 },
		"uneven":      func() float64 { return []float64{0.5, 0.5, 0.5, 2.5}[r.IntN(4)] },
	} {
		jobs := poisson(r, n, mean/0.7, func() replay.Job {
			x := size() * mean
			return replay.Job{Prefill: int64(x / 4), Decode: int64(x * 3 / 4)}
		})
		sum := 0.0
		for i, times := range (replay.Shared{Slower: 1}).Run(jobs) {
			if times.Start != jobs[i].Arrive || times.FirstToken < times.Start || times.End < times.FirstToken {
				t.Fatalf("%s: job %d, which comes at %d, is served at %+v", name, i, jobs[i].Arrive, times)
			}
			sum += float64(times.End - jobs[i].Arrive)
		}
		if got, want := sum/n/mean, 1/(1-0.7); math.Abs(got/want-1) > 0.05 {
			t.Errorf("%s: %.3f times its service is a job there, want %.3f", name, got, want)
		}
	}
}
