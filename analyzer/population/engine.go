package population

import (
	"fmt"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A fittedEngine is the engine with continuous batching that the requests of a domain show.
type fittedEngine struct {
	replay.Batching
	extra       int64   // tokens in every prompt beside those stated: cached ones below zero, fixed costs above
	scale       float64 // tokens of a step that were seen, over those stated
	byR         bool    // its budget is what r shows
	assumptions []string
}

// engine returns the engine that reproduces today best; why says what is missing for it.
//
// Two are tried. In the first, prompts are computed at the pace of their slope, and what steps take at least is that of
// decode beside it. In the second, where decode's steps take as long with a prompt's tokens in them (r under 100), a step
// holds as few tokens as r says. A device with little arithmetic for its bandwidth has a small r too, with steps as in the
// first: which one it is, the replay tells.
func (t *trial) engine() (best fittedEngine, why string) {
	sizes := &t.d.Sizes
	if sizes.Prefill == nil || sizes.R == nil {
		return best, "prefill on prompt tokens and the time of a decode step are not both known, which an engine's steps are made of"
	}
	best = t.fit(false)
	if sizes.R.Value < smallR {
		if few := t.fit(true); t.missOf(&few) < t.missOf(&best) {
			best = few
		}
	}
	return best, ""
}

// fit fits the engine's steps to the sizes of requests: with a budget that is stated, or with the one that r shows.
func (t *trial) fit(byR bool) fittedEngine {
	sizes := &t.d.Sizes
	slope := sizes.Prefill.Slope.Value
	e := fittedEngine{Batching: replay.Batching{Step: sizes.TPOT.Value, PerToken: slope, Budget: math.MaxInt32}, scale: 1, byR: byR}
	if line, ok := t.stepLine(byR); ok {
		e.Step, e.PerSequence = max(1, line.At(1)), line.Slope.Value
	}
	stated, hasBudget := t.facts.Number("max_num_batched_tokens")
	if hasBudget {
		e.Budget = int64(stated)
	}
	if byR {
		seen := sizes.R.Value + t.besidePrefill()
		e.Budget, e.PerToken = int64(math.Round(seen)), e.Step/smallestRidge
		if hasBudget && math.Abs(seen/stated-1) < 0.25 {
			e.scale = seen / stated
		}
		e.assumptions = append(e.assumptions, fmt.Sprintf("up to %d tokens a step takes as long as decode's, as on datacentre GPUs with 2-byte weights; beyond, in proportion", smallestRidge))
	}
	if n, ok := t.facts.Number("max_num_seqs"); ok {
		e.Seats = int(n)
	}
	if q := &t.d.Queueing; q.Slots > 0 && q.Binding != StagePrefill {
		e.Seats = q.Slots
	}
	e.extra = int64(math.Round(sizes.Prefill.Intercept.Value / slope))
	return e
}

// missOf is the worst by which a replay of today on e misses p50 and p95 of the path to the end.
func (t *trial) missOf(e *fittedEngine) (worst float64) {
	for _, f := range t.fidelity(t.replay(e.Run, t.onTokens(t.load.Jobs, e.extra))) {
		if f.Path == PathE2E && f.P <= 0.95 {
			worst = max(worst, f.Miss)
		}
	}
	return worst
}

// onTokens returns jobs with extra tokens in every prompt, and the tokens that nothing states from the time they took.
func (t *trial) onTokens(jobs []replay.Job, extra int64) []replay.Job {
	jobs = slices.Clone(jobs)
	for i, m := range t.load.Members {
		j := &jobs[i]
		if t.p.Records[m].InputTokens <= 0 {
			j.PromptTokens = int64(float64(j.Prefill)/t.d.Sizes.Prefill.Slope.Value) - extra
		}
		if t.p.Records[m].OutputTokens < 0 {
			j.DecodeTokens = int64(math.Round(float64(j.Decode) / t.d.Sizes.TPOT.Value))
		}
		j.PromptTokens = max(1, j.PromptTokens+extra)
	}
	return jobs
}

// besidePrefill is how many requests are in decode on average while one is in prefill.
func (t *trial) besidePrefill() float64 {
	l := &t.load
	in := l.inDecode()
	var beside, length float64
	for i := range l.Jobs {
		beside += in.between(l.start(i), l.firstToken(i))
		length += float64(l.firstToken(i) - l.start(i))
	}
	if length == 0 {
		return 0
	}
	return beside / length
}

// stepLine fits the time of a step on the number of requests in decode; ok is false if it does not grow with it beyond
// doubt. Where prompts are computed faster than decode's pace, each one's step is longer than a step of decode alone:
// those are taken out, a step for each time that prompts end meanwhile.
func (t *trial) stepLine(byR bool) (line Line, ok bool) {
	l := &t.load
	in, prefilling := l.inDecode(), l.prefilling()
	var ends []int64
	for i := range l.Jobs {
		ends = append(ends, l.firstToken(i))
	}
	slices.Sort(ends)
	ends = slices.Compact(ends) // prompts that end at once ended in one step
	var x, y []float64
	for i, m := range l.Members {
		r := &t.p.Records[m]
		from, to := l.firstToken(i), l.end(i)
		steps := float64(r.OutputTokens - 1)
		if steps < 1 || r.Sequences > 1 || to <= from {
			continue
		}
		length := float64(to - from)
		beside := in.between(from, to) / length
		if !byR {
			length -= prefilling.between(from, to)
			steps -= float64(below(ends, to+1) - below(ends, from+1))
		}
		if steps >= 1 && length > 0 {
			x, y = append(x, beside), append(y, length/steps)
		}
	}
	if len(x) < minSizes {
		return line, false
	}
	line, ok = theilSen(x, y, 1)
	return line, ok && line.Slope.Low > 0 && line.At(1) > 0
}
