package population

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

const ms = int64(1e6)

// answered is a streamed answer of 11 tokens: TTFT 500 ms, TPOT 40 ms, E2E 1 s.
func answered() Record {
	const start = 1000 * second
	return Record{
		Start: start, FirstToken: start + 500*ms, LastToken: start + 900*ms, End: start + second,
		OutputTokens: 11, Sequences: 1, Streaming: analyzer.Yes,
	}
}

func TestJudge(t *testing.T) {
	all := Objectives{TTFT: 600 * ms, TPOT: 50 * ms, E2E: 2 * second}
	for _, c := range []struct {
		name   string
		o      Objectives
		until  int64 // after the request's start
		change func(*Record)
		want   Verdict
	}{
		{"all within", all, 0, nil, Attained},
		{"just within", Objectives{TTFT: 500 * ms, TPOT: 40 * ms, E2E: second}, 0, nil, Attained},
		{"first token late", Objectives{TTFT: 499 * ms}, 0, nil, Missed},
		{"tokens slow", Objectives{TTFT: second, TPOT: 39 * ms}, 0, nil, Missed},
		{"end late", Objectives{E2E: 999 * ms}, 0, nil, Missed},
		{"without objectives", Objectives{}, 0, nil, Attained},
		{"an error always misses", all, 0, func(r *Record) { r.Outcome = analyzer.Failed }, Missed},
		{"so does a cancellation", all, 0, func(r *Record) { r.Outcome = analyzer.Cancelled }, Missed},
		{"an error without objectives", Objectives{}, 0, func(r *Record) { r.Outcome = analyzer.Failed }, Missed},

		{"TTFT does not apply to what is not streamed", Objectives{TTFT: 1}, 0, func(r *Record) { r.Streaming = analyzer.No }, Attained},
		{"a first token nobody measured", Objectives{TTFT: 1}, 0, func(r *Record) { r.FirstToken = 0 }, NotKnown},
		{"nor whether it was streamed", Objectives{TTFT: 1}, 0, func(r *Record) { r.FirstToken, r.Streaming = 0, analyzer.Unknown }, NotKnown},
		{"TPOT does not apply to one token", Objectives{TPOT: 1}, 0, func(r *Record) { r.OutputTokens = 1 }, Attained},
		{"tokens nobody counted", Objectives{TPOT: 1}, 0, func(r *Record) { r.OutputTokens = -1 }, NotKnown},
		{"several answers at once", Objectives{TPOT: 1}, 0, func(r *Record) { r.Sequences = 2 }, NotKnown},
		{"embeddings have no tokens", Objectives{TTFT: 1, TPOT: 1}, 0, func(r *Record) { r.Embedding, r.FirstToken, r.OutputTokens = true, 0, -1 }, Attained},
		{"a leg is part of a request", Objectives{E2E: 2 * second}, 0, func(r *Record) { r.Leg = analyzer.LegDecode }, NotKnown},
		{"and may be too long by itself", Objectives{E2E: 1}, 0, func(r *Record) { r.Leg = analyzer.LegDecode }, Missed},
		{"a miss outweighs what is unknown", Objectives{TTFT: 1, E2E: 1}, 0, func(r *Record) { r.FirstToken = 0 }, Missed},

		{"ended before the window", all, second + 1, nil, Attained},
		{"still running", all, 700 * ms, nil, StillRunning},
		{"still running, an error to come", all, 700 * ms, func(r *Record) { r.Outcome = analyzer.Failed }, StillRunning},
		{"running too long already", Objectives{E2E: 600 * ms}, 700 * ms, nil, Missed},
		{"first token late already", Objectives{TTFT: 300 * ms}, 400 * ms, nil, Missed},
		{"first token may still be in time", Objectives{TTFT: 450 * ms}, 400 * ms, nil, StillRunning},
	} {
		r := answered()
		if c.change != nil {
			c.change(&r)
		}
		until := c.until
		if until != 0 {
			until += r.Start
		}
		if got := c.o.Judge(&r, until); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func randomRecord(rng *rand.Rand) Record {
	r := answered()
	r.FirstToken = r.Start + rng.Int64N(second)
	r.LastToken = r.FirstToken + rng.Int64N(second)
	r.End = r.LastToken + rng.Int64N(second)
	r.OutputTokens = rng.Int64N(40) - 1
	r.Outcome = analyzer.Outcome(rng.IntN(6) / 4)
	r.Streaming = analyzer.Tristate(rng.IntN(3))
	if rng.IntN(5) == 0 {
		r.FirstToken = 0
	}
	return r
}

// A looser objective never loses a request, and never finds a new miss.
func TestAttainmentIsMonotoneInEachObjective(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	limit := func() int64 { return 1 + rng.Int64N(3*second) }
	for range 20000 {
		r := randomRecord(rng)
		tight := Objectives{TTFT: limit(), TPOT: 1 + rng.Int64N(200*ms), E2E: limit()}
		until := int64(0)
		if rng.IntN(3) == 0 {
			until = r.Start + limit()
		}
		for _, at := range []func(*Objectives) *int64{
			func(o *Objectives) *int64 { return &o.TTFT }, func(o *Objectives) *int64 { return &o.TPOT }, func(o *Objectives) *int64 { return &o.E2E },
		} {
			loose := tight
			*at(&loose) += rng.Int64N(second)
			before, after := tight.Judge(&r, until), loose.Judge(&r, until)
			if before == Attained && after != Attained || before != Missed && after == Missed {
				t.Fatalf("%+v until %d: %v gives %d, the looser %v gives %d", r, until, tight, before, loose, after)
			}
		}
	}
}
