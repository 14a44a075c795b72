package load

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// belongs is the time that decides whether a request belongs to the window.
func (o *outcome) belongs() int64 {
	if o.planned {
		return o.at
	}
	return o.sent
}

// sum says what the step has shown.
func (s *stepRun) sum() Step {
	from, until := int64(s.warmup), int64(s.warmup+s.window)
	// Answers come in any order; the sums of fractions below must not depend on it.
	slices.SortFunc(s.outcomes, func(a, b *outcome) int { return cmp.Compare(a.index, b.index) })
	step := Step{Window: int64(s.window), Since: wall(s.epoch, from).UnixNano(), Errors: []ErrorCount{}}
	if s.config.Plan.Loop == Closed {
		step.Users = s.config.Plan.Users
	} else {
		step.Rate = s.rate
	}
	var good, members []*outcome
	for _, o := range s.outcomes {
		if at := o.belongs(); at < from || at >= until {
			step.Warmup++
			continue
		}
		members = append(members, o)
		switch {
		case o.cut:
			step.Unfinished++
		case o.failed != "":
			step.Failed++
		default:
			good = append(good, o)
		}
	}
	step.Planned, step.Succeeded = len(members), len(good)
	if a := s.config.Plan.Arrivals; (a == Replay || a == Ramp) && s.window > 0 { // they have no one rate
		step.Rate = float64(step.Planned) / s.window.Seconds()
	}
	step.countErrors(members)
	step.Sent = step.Planned - step.Dropped
	stream := s.config.Target.Stream
	step.about(good, stream)

	step.Measures = measures(good, s.config.Plan.Loop != Closed, step.censored())
	if s.window > 0 {
		step.Throughput = throughput(s.outcomes, from, until)
		step.InFlight = inFlight(s.outcomes, from, until)
		step.TTFTSlope = latencySlope(good)
	}
	if s.config.Plan.Loop != Closed {
		step.Lag = lag(members)
	}
	return step
}

// censoredShare of requests that were cut off makes quantiles lower bounds.
const censoredShare = 0.01

func (step *Step) countErrors(members []*outcome) {
	kinds := map[string]ErrorCount{}
	for _, o := range members {
		if o.failed == "" || o.cut {
			continue
		}
		if o.failed == errorDropped {
			step.Dropped++
		}
		e, known := kinds[o.failed]
		if !known {
			e = ErrorCount{Kind: o.failed, Example: o.example}
		}
		e.Count++
		kinds[o.failed] = e
	}
	step.Errors = append(step.Errors, slices.SortedFunc(maps.Values(kinds), func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})...)
}

// about counts what is special about answers, and how long they and their questions are.
func (step *Step) about(good []*outcome, stream bool) {
	var input, asked, output, stated float64
	for _, o := range good {
		if stream && !o.streamed {
			step.NotStreamed++
		}
		if o.output < 0 {
			step.Uncounted++
		}
		if stalled(o) {
			step.Stalled++
		}
		if o.input >= 0 {
			input += float64(o.input)
			stated++
		}
		asked += float64(o.prompt)
		output += float64(o.tokens())
	}
	if n := float64(len(good)); n > 0 {
		step.Asked, step.Output = asked/n, output/n
	}
	if stated > 0 {
		step.Input = input / stated
	}
}

// stalled reports whether a gap between chunks is over 5 times the answer's median gap, and over 100 ms.
func stalled(o *outcome) bool {
	gaps := o.gaps()
	if len(gaps) == 0 {
		return false
	}
	longest := slices.Max(gaps)
	return longest > max(5*quantile(gaps, 0.5), 100e6)
}

func (o *outcome) gaps() []int64 {
	if !o.streamed || len(o.chunks) < 2 {
		return nil
	}
	list := make([]int64, len(o.chunks)-1)
	for i := range list {
		list[i] = o.chunks[i+1] - o.chunks[i]
	}
	return list
}

// throughput counts what came out within the window. Tokens of a streamed answer come with its chunks, evenly; the
// tokens of a prompt count when its first token comes.
func throughput(all []*outcome, from, until int64) (t Throughput) {
	within := func(at int64) bool { return at >= from && at < until }
	for _, o := range all {
		if len(o.chunks) > 0 && within(o.chunks[0]) && o.input > 0 {
			t.InputTokens += float64(o.input)
		}
		for _, at := range o.chunks {
			if within(at) {
				t.OutputTokens += float64(o.tokens()) / float64(len(o.chunks))
			}
		}
		if o.failed == "" && !o.cut && within(o.ended) {
			t.Requests++
		}
	}
	seconds := float64(until-from) / 1e9
	t.Requests /= seconds
	t.InputTokens /= seconds
	t.OutputTokens /= seconds
	return t
}

func lag(members []*outcome) *Lag {
	var list []int64
	for _, o := range members {
		if o.failed != errorDropped {
			list = append(list, o.sent-o.at)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	at := func(p float64) float64 { return float64(list[population.NearestRank(len(list), p)]) }
	return &Lag{N: len(list), P50: at(0.5), P99: at(0.99), Max: float64(list[len(list)-1])}
}
