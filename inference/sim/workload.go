package sim

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A Workload is what clients ask for: streams of requests that come at the same time.
type Workload struct {
	Streams []Stream
	Length  int64 // nanoseconds in which requests arrive
}

// A Stream is requests of one kind.
type Stream struct {
	Name     string // rides along as the tenant
	Arrivals arrival.Process
	Prompt   Tokens
	Output   Tokens
	// Prefixes is how many different prompt beginnings there are, PrefixTokens how long each is, on top of Prompt.
	// UniquePrefix gives every request one of its own, of the same length.
	Prefixes, PrefixTokens int
	UniquePrefix           bool
	// Runaway is the share of answers that do not find their end and go on to RunawayTokens.
	Runaway       float64
	RunawayTokens int
	HeavyEvery    int // each so many-th request has an answer that is Heavy times as long, as of agents that plan and then act; 0 is none
	Heavy         float64
	Salts         int // tenants whose prefixes are cached apart; 0: nobody's are

	Replay []arrival.Planned // instead of Arrivals, Prompt and Output
}

// Tokens draws a number of tokens: log-normal around the median, within [Low, High]. A Sigma of zero always gives the
// median.
type Tokens struct {
	Median, Sigma float64
	Low, High     int
}

// Fixed is always n tokens.
func Fixed(n int) Tokens { return Tokens{Median: float64(n), Low: n, High: n} }

func (t Tokens) draw(r *rand.Rand) int {
	n := t.Median
	if x := r.NormFloat64(); t.Sigma > 0 {
		n *= math.Exp(float64(t.Sigma * x))
	}
	return min(max(int(math.Round(n)), t.Low, 1), max(t.High, t.Low, 1))
}

// A Plan is all of a request that is drawn before the run.
type Plan struct {
	Due    int64 // when the client means to send it
	Stream string
	// Chances are draws from [0, 1) of what may happen to the request, the same whatever the configuration.
	Chances struct{ Lag, Out, In, Gateway, Hop, Tail, Route float64 }
	Fails   [maxAttempts]float64
	prompt  int
	output  int
	prefix  int
	shared  int
}

// plan draws all requests of a workload, by arrival.
func (w Workload) plan(seed uint64, start int64) ([]Plan, error) {
	if len(w.Streams) == 0 || w.Length <= 0 {
		return nil, errors.New("simulate: the workload has no streams or no length")
	}
	var plans []Plan
	for i, s := range w.Streams {
		// Arrivals and sizes are drawn apart, so that another rate leaves the n-th request its sizes.
		times, sizes := rand.New(rand.NewPCG(seed, uint64(3*i+1))), rand.New(rand.NewPCG(seed, uint64(3*i+2)))
		chances := rand.New(rand.NewPCG(seed, uint64(3*i+3)))
		add := func(at int64, prompt, output int) {
			p := Plan{Due: start + at, Stream: s.Name, prompt: prompt, output: output}
			c := &p.Chances
			for _, chance := range []*float64{&c.Lag, &c.Out, &c.In, &c.Gateway, &c.Hop, &c.Tail, &c.Route} {
				*chance = chances.Float64()
			}
			for k := range p.Fails {
				p.Fails[k] = chances.Float64()
			}
			if prefix := sizes.IntN(max(1, s.Prefixes)); s.PrefixTokens > 0 {
				p.shared, p.prompt = s.PrefixTokens, p.prompt+s.PrefixTokens
				p.prefix = 1 + i<<40 + prefix
				if s.Salts > 0 {
					p.prefix = 1 + i<<40 + prefix + s.Prefixes*int(c.Tail*float64(s.Salts))
				}
				if s.UniquePrefix {
					p.prefix = 1 + i<<40 + len(plans) + s.Prefixes
				}
			}
			if c.Tail < s.Runaway {
				p.output = s.RunawayTokens
			}
			if s.HeavyEvery > 0 && len(plans)%s.HeavyEvery == 0 {
				p.output = int(s.Heavy * float64(p.output))
			}
			plans = append(plans, p)
		}
		if s.Replay != nil {
			for _, r := range s.Replay {
				if r.At < w.Length {
					add(r.At, r.Prompt, r.Output)
				}
			}
			continue
		}
		if s.Arrivals == nil {
			return nil, fmt.Errorf("simulate: stream %q has no arrivals", s.Name)
		}
		for at := range until(s.Arrivals(times), w.Length) {
			add(at, s.Prompt.draw(sizes), s.Output.draw(sizes))
		}
	}
	slices.SortStableFunc(plans, func(a, b Plan) int { return cmp.Compare(a.Due, b.Due) })
	return plans, nil
}

func until(times iter.Seq[int64], end int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for at := range times {
			if at >= end || !yield(at) {
				return
			}
		}
	}
}
