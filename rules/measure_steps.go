package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// longPrompt is how many times the median a prompt must have to be one of the few that hold up the others.
const longPrompt = 3

// mostForeign is the share of decode beside others' prefills above which nothing shows what a step takes without any: the
// fit would have to say it of an engine that never did it.
const mostForeign = 0.9

// measureSteps fills in what a step of decode takes, and what others' prompts add to it, as the fit over all of the
// domain's requests says.
func (v *view) measureSteps() {
	s := v.domain.Steps
	if s == nil || len(v.latency) == 0 {
		v.measureInterference()
		return
	}
	m := v.m
	var clean, time, steps, lost, foreign float64
	for _, r := range v.latency {
		load, ok := s.Load(r)
		if !ok {
			continue
		}
		clean, time, steps = clean+s.Clean(load.Batch)*load.Steps, time+load.Time, steps+load.Steps
		lost, foreign = lost+min(load.PromptTokens*s.PromptToken, load.Foreign), foreign+load.Foreign
	}
	if steps == 0 {
		return
	}
	m["decode_step"] = span(clean/steps, s.N)
	if foreign <= mostForeign*time {
		m["decode_step_alone"] = span(s.Alone, s.N)
	}
	// In foreign of time, decode goes on as if lost of it were not there.
	m["prefill_interference"] = number(lost/max(foreign-lost, 0.01*foreign, 1), s.N)
	m["stall_recoverable"] = span(lost/float64(len(v.latency)), s.N)
	m["stall_long_share"] = number(v.longPromptShare(s), s.N)
}

// longPromptShare returns which share of all prompt tokens belongs to the few prompts that are so much longer than the
// median, but for tokens that came from a cache or that prompts are stated to share. Where prompts are not stated, the time
// of prefill stands for their tokens, as it does in the fit.
func (v *view) longPromptShare(s *population.Steps) float64 {
	var list []float64
	shared, _ := v.Facts.Number("shared_prefix_tokens")
	for _, r := range v.members {
		switch tokens := s.PromptTokens(r); {
		case r.InputTokens > 0:
			list = append(list, min(tokens, max(0, float64(r.InputTokens)-shared)))
		case s.ByTime() && tokens > 0:
			list = append(list, tokens)
		}
	}
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	limit := longPrompt * list[population.NearestRank(len(list), 0.5)]
	var long, all float64
	for _, x := range list {
		if all += x; x > limit {
			long += x
		}
	}
	return long / max(1, all)
}
