package replay_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

const mean = 1e6 // nanoseconds of service

func exponential(r *rand.Rand) func() replay.Job {
	return func() replay.Job { return replay.Job{Prefill: int64(r.ExpFloat64() * mean)} }
}

// TestWaitsFollowClosedForms compares with what queueing theory says of servers in a steady state: the formulas of
// Pollaczek and Khinchine, and of Erlang.
func TestWaitsFollowClosedForms(t *testing.T) {
	const n = 1_000_000
	for _, x := range []struct {
		name  string
		slots int
		load  float64
		fixed bool
		want  float64 // mean wait
	}{
		{"M/M/1", 1, 0.7, false, 0.7 / 0.3 * mean},
		{"M/D/1", 1, 0.7, true, 0.7 / 0.3 / 2 * mean},
		{"M/M/4", 4, 0.75, false, erlangC(4, 3) / (4 - 3) * mean},
		{"M/M/16", 16, 0.8, false, erlangC(16, 12.8) / (16 - 12.8) * mean},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			job := exponential(r)
			if x.fixed {
				job = func() replay.Job { return replay.Job{Prefill: mean} }
			}
			jobs := poisson(r, n, mean/(x.load*float64(x.slots)), job)
			got := meanWait(jobs, replay.Slots{Prefill: x.slots}.Run(jobs))
			if math.Abs(got/x.want-1) > 0.03 {
				t.Errorf("mean wait %.0f ns, theory says %.0f", got, x.want)
			}
		})
	}
}

// erlangC is the probability that a job of M/M/c waits, at a load of a slots.
func erlangC(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	rho := a / float64(c)
	return b / (1 - rho + rho*b)
}

// TestOneSlotIsLindley holds the replay to W(n+1) = max(0, W(n) + S(n) - A(n)).
func TestOneSlotIsLindley(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	jobs := bursts(r, 20_000, 7, mean*1.1, exponential(r))
	times := replay.Slots{Both: 1}.Run(jobs)
	wait := int64(0)
	for i := range jobs {
		if i > 0 {
			wait = max(0, wait+jobs[i-1].Prefill-(jobs[i].Arrive-jobs[i-1].Arrive))
		}
		if got := times[i].Start - jobs[i].Arrive; got != wait {
			t.Fatalf("job %d waits %d ns, Lindley says %d", i, got, wait)
		}
	}
}

// TestSlotsServeAsWorkersDo holds each limit, on each kind of arrivals, to workers that are served by hand.
func TestSlotsServeAsWorkersDo(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	job := func() replay.Job {
		return replay.Job{Prefill: int64(r.Float64() * mean), Decode: int64(math.Exp(r.NormFloat64()) * mean)}
	}
	for name, jobs := range map[string][]replay.Job{
		"poisson": poisson(r, 5000, mean/2, job),
		"bursts":  bursts(r, 5000, 40, mean/3, job),
		"at once": bursts(r, 300, 300, mean, job),
	} {
		for c := 1; c <= 9; c += 4 {
			prefill := replay.Slots{Prefill: c}.Run(jobs)
			both := replay.Slots{Both: c}.Run(jobs)
			byPrefill := serveByHand(jobs, c, func(j replay.Job) int64 { return j.Prefill })
			byBoth := serveByHand(jobs, c, func(j replay.Job) int64 { return j.Prefill + j.Decode })
			for i := range jobs {
				if prefill[i].Start != byPrefill[i] || both[i].Start != byBoth[i] {
					t.Fatalf("%s, %d slots, job %d: starts at %d and %d, by hand at %d and %d", name, c, i, prefill[i].Start, both[i].Start, byPrefill[i], byBoth[i])
				}
			}
		}
	}
}

// TestMoreSlotsDelayNobody: with more slots, no job starts later.
func TestMoreSlotsDelayNobody(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	jobs := bursts(r, 3000, 5, mean, func() replay.Job {
		return replay.Job{Prefill: int64(r.ExpFloat64() * mean), Decode: int64(r.ExpFloat64() * mean)}
	})
	for name, server := range map[string]func(c int) replay.Slots{
		"prefill": func(c int) replay.Slots { return replay.Slots{Prefill: c} },
		"both":    func(c int) replay.Slots { return replay.Slots{Both: c} },
	} {
		before := server(1).Run(jobs)
		for c := 2; c < 12; c++ {
			after := server(c).Run(jobs)
			for i := range jobs {
				if after[i].Start > before[i].Start {
					t.Fatalf("%s: job %d starts later with %d slots than with %d", name, i, c, c-1)
				}
			}
			before = after
		}
	}
}

// TestLimitsAreKept counts who is in service whenever a job starts.
func TestLimitsAreKept(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	jobs := bursts(r, 400, 9, mean, func() replay.Job {
		return replay.Job{Prefill: int64(r.ExpFloat64() * mean), Decode: int64(r.ExpFloat64() * 3 * mean)}
	})
	for _, s := range []replay.Slots{{}, {Prefill: 2}, {Decode: 3}, {Both: 4}, {Prefill: 1, Both: 3}} {
		times := s.Run(jobs)
		for i, at := range times {
			prefill, decode := 0, 0
			for k, other := range times {
				if k == i || other.Start > at.Start || other.Start == at.Start && k > i {
					continue
				}
				if other.FirstToken > at.Start {
					prefill++
				} else if other.End > at.Start {
					decode++
				}
			}
			if s.Prefill > 0 && prefill >= s.Prefill || s.Decode > 0 && decode >= s.Decode || s.Both > 0 && prefill+decode >= s.Both {
				t.Fatalf("%+v: job %d starts while %d are in prefill and %d in decode", s, i, prefill, decode)
			}
			if at.Start < jobs[i].Arrive || at.FirstToken-at.Start != jobs[i].Prefill || at.End-at.FirstToken != jobs[i].Decode {
				t.Fatalf("%+v: job %+v is served at %+v", s, jobs[i], at)
			}
		}
	}
}

// TestNothingToRun: servers without limits and without jobs are none that break.
func TestNothingToRun(t *testing.T) {
	if got := (replay.Slots{Prefill: 1}).Run(nil); len(got) != 0 {
		t.Errorf("no jobs are served at %v", got)
	}
	if got := (replay.Batching{}).Run(nil); len(got) != 0 {
		t.Errorf("no jobs are batched at %v", got)
	}
	odd := []replay.Job{{Arrive: 5, Prefill: -3, Decode: -1}, {Arrive: 5}}
	for _, at := range (replay.Slots{Both: 1}).Run(odd) {
		if at.Start != 5 || at.End != 5 {
			t.Errorf("a job of no length is served at %+v", at)
		}
	}
}

func BenchmarkSlots(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	jobs := poisson(r, 1_000_000, mean/12, func() replay.Job {
		return replay.Job{Prefill: int64(r.ExpFloat64() * mean), Decode: int64(r.ExpFloat64() * 9 * mean)}
	})
	for b.Loop() {
		replay.Slots{Both: 128}.Run(jobs)
	}
}
