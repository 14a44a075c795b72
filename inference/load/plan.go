package load

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A Loop says what decides when the next request is sent.
type Loop string

// The loops.
const (
	Open   Loop = "open"   // a plan
	Closed Loop = "closed" // answers: each user sends the next request some time after the answer to the last
	Sweep  Loop = "sweep"  // open loops at rising rates
)

// The arrivals of an open loop.
const (
	Constant = "constant"
	Poisson  = "poisson"
	Gamma    = "gamma" // gaps of a gamma distribution, with Burstiness as its shape
	Ramp     = "ramp"  // Poisson at a rate that grows from RateFrom to RateTo over the duration
	Replay   = "replay"
)

// A Plan is a load.
type Plan struct {
	Name string // for people
	Loop Loop

	// Open loops and sweeps. A sweep begins at RateFrom and ends at RateTo at the latest.
	Arrivals         string
	Rate, Burstiness float64
	RateFrom, RateTo float64
	Replay           []arrival.Planned // instead of a rate; its speed is Rate times that of the recording

	Requests int // that each step of a sweep has at least: slow rates take longer than Duration

	// Closed loops.
	Users int
	Think time.Duration // from an answer to the user's next request

	Sizes    []Size        // of prompts and answers, drawn by their shares; a replay has its own
	Warmup   time.Duration // of each step: requests that are sent and not measured
	Duration time.Duration // that each step is measured
	Drain    time.Duration // that answers are waited for when nothing is sent any more
	Seed     uint64
}

func (p *Plan) check() error {
	switch p.Loop {
	case Closed:
		if p.Users < 1 || p.Users > 1e5 {
			return fmt.Errorf("%d users: want 1 to 100000", p.Users)
		}
	case Open, Sweep:
		if err := p.checkRates(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no loop %q; there are %s, %s and %s", p.Loop, Open, Closed, Sweep)
	}
	switch {
	case p.Warmup < 0 || p.Think < 0 || p.Drain < 0:
		return errors.New("warm-up, think time and the wait for answers cannot be negative")
	case p.Duration <= 0 || p.Duration+p.Warmup > 7*24*time.Hour:
		return fmt.Errorf("a duration of %s: want more than nothing and at most a week", p.Duration)
	case len(p.Sizes) == 0 && len(p.Replay) == 0:
		return errors.New("want at least one size of prompts")
	}
	return nil
}

// maxRate bounds rates, in requests a second.
const maxRate = 1e5

func (p *Plan) checkRates() error {
	rates := []float64{p.Rate}
	switch {
	case p.Loop == Sweep && (p.Arrivals == Ramp || p.Arrivals == Replay):
		return fmt.Errorf("a sweep has rates of its own: its arrivals are %s, %s or %s", Constant, Poisson, Gamma)
	case p.Loop == Sweep || p.Arrivals == Ramp:
		rates = []float64{p.RateFrom, p.RateTo}
	case p.Arrivals == Replay && len(p.Replay) == 0:
		return errors.New("a replay needs a recorded load")
	}
	for _, rate := range rates {
		if !(rate > 0 && rate <= maxRate) {
			return fmt.Errorf("a rate of %v: want more than 0 and at most %.0f a second", rate, float64(maxRate))
		}
	}
	if p.Loop == Sweep && (p.Requests < fewForSlope || p.Requests > 1e6) {
		return fmt.Errorf("steps of %d requests: want %d to a million", p.Requests, fewForSlope)
	}
	if p.Loop == Sweep && p.RateFrom > p.RateTo {
		return fmt.Errorf("a sweep from %v to %v a second goes down", p.RateFrom, p.RateTo)
	}
	switch p.Arrivals {
	case Constant, Poisson, Ramp, Replay:
	case Gamma:
		if !(p.Burstiness > 0 && p.Burstiness <= 1e6) {
			return fmt.Errorf("a burstiness of %v: want more than 0, where 1 is Poisson and less comes in bursts", p.Burstiness)
		}
	default:
		return fmt.Errorf("there are no arrivals %q; there are %s, %s, %s, %s and %s", p.Arrivals, Constant, Poisson, Gamma, Ramp, Replay)
	}
	return nil
}

// A shot is one request before it is sent.
type shot struct {
	index         int
	at            int64 // planned, in ns since the step began
	prompt, limit int   // tokens of the question, and of the answer at most
}

// random returns the random numbers of a step; one seed gives one plan.
func (p *Plan) random(step int, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(step)<<32|stream))
}

// The streams of random numbers. Users of a closed loop have one each from userStream on.
const (
	arrivalStream = iota
	sizeStream
	promptStream
	userStream
)

// shots yields what is sent in a step that lasts length, warm-up and all.
func (p *Plan) shots(step int, rate float64, length time.Duration) iter.Seq[shot] {
	if p.Arrivals == Replay {
		return func(yield func(shot) bool) {
			for i, r := range p.Replay {
				at := int64(float64(r.At) / rate)
				if at >= int64(length) || !yield(shot{i, at, r.Prompt, r.Output}) {
					return
				}
			}
		}
	}
	var process arrival.Process
	switch p.Arrivals {
	case Constant:
		process = arrival.Constant(rate)
	case Gamma:
		process = arrival.Gamma(rate, p.Burstiness)
	case Ramp:
		process = arrival.Ramp(p.RateFrom, p.RateTo, int64(length))
	default:
		process = arrival.Poisson(rate)
	}
	return func(yield func(shot) bool) {
		sizes, i := p.random(step, sizeStream), 0
		for at := range process(p.random(step, arrivalStream)) {
			if at >= int64(length) {
				return
			}
			place := sizes.Float64()
			if p.Loop == Sweep { // every step is to be the same work
				place = evenly(i)
			}
			s := pick(p.Sizes, place)
			if !yield(shot{i, at, s.Prompt, s.Output}) {
				return
			}
			i++
		}
	}
}

func (p *Plan) summary() PlanSummary {
	s := PlanSummary{
		Name: p.Name, Loop: p.Loop, Warmup: int64(p.Warmup), Duration: int64(p.Duration), Seed: p.Seed, Prompts: p.Sizes,
	}
	if s.Name == "" {
		s.Name = string(p.Loop)
	}
	if p.Loop == Closed {
		s.Users, s.Think = p.Users, int64(p.Think)
		return s
	}
	s.Arrivals, s.Rate, s.Burstiness, s.RateFrom, s.RateTo = p.Arrivals, p.Rate, p.Burstiness, p.RateFrom, p.RateTo
	if p.Arrivals == Replay {
		s.Prompts = []Size{}
	}
	return s
}
