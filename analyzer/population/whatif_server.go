package population

import (
	"fmt"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A candidate is a server that may reproduce today, as it is and as the change has it.
type candidate struct {
	name        string
	assumptions []string
	today       func([]replay.Job) []replay.Times
	after       func([]replay.Job) []replay.Times
	byTokens    bool // it computes times from tokens
	grows       bool // its steps take longer with more requests in decode, as those observed do
}

// servers returns the candidates in the order to try them: the first that reproduces today answers.
func (t *trial) servers() ([]candidate, *Abstention) {
	q, c := &t.d.Queueing, t.change
	what := "what-if of " + t.d.Domain.Label()
	calm := q.Verdict == QueueCalm
	slots, slotsWhy := t.slotServer()
	batching, batchingWhy := t.batchingServer()
	var shared *candidate
	if c.Slots > 0 && !calm {
		shared = t.sharedServer()
	}
	var list []candidate
	add := func(s *candidate) {
		if s != nil {
			list = append(list, *s)
		}
	}
	switch {
	case c.Slots > 0 && calm:
		return nil, &Abstention{what, "nobody waits for long, so that no limit of slots was seen to bind", "leave --slots out"}
	case c.Slots > 1 && q.Slots == 1:
		return nil, &Abstention{what, "one request is served at a time, so that no trace shows how much several would slow each other down", "let the server serve two at a time for a while"}
	case c.ChunkBudget > 0:
		add(batching)
		slotsWhy = batchingWhy
	case c.Rate > 1 && calm:
		// Nobody waits today: what more requests would bring is in the steps that they share.
		add(batching)
		slotsWhy = batchingWhy
	case c.Slots > 0 && shared != nil: // as long as it was served, no request would be with other slots
		if batching != nil && batching.grows {
			add(batching)
		}
		add(shared)
	case c.Slots > 0 && q.Binding != StagePrefill && batching != nil && batching.grows:
		add(batching)
		add(slots)
	default:
		add(slots)
		add(batching)
	}
	if len(list) == 0 {
		return nil, &Abstention{what, slotsWhy, "a longer window, or a source that states more"}
	}
	return list, nil
}

// slotServer is the server that the waits show: each request is served for as long as it was.
func (t *trial) slotServer() (s *candidate, why string) {
	q, c := &t.d.Queueing, t.change
	today, ok := q.Server()
	if !ok {
		if len(q.Abstained) > 0 {
			return nil, q.Abstained[0].Why
		}
		return nil, "the waits show no slots"
	}
	s = &candidate{name: "no limit of slots: none was seen to bind", today: today.Run}
	after := today
	if q.Binding != "" {
		s.name = fmt.Sprintf("%s, first come first served", slotCount(q.Slots, q.Binding))
	}
	if c.Slots > 0 {
		after = slotsOf(q.Binding, c.Slots)
		s.assumptions = append(s.assumptions, "a request is served for as long as it was, however many are served beside it: as with slots of another replica")
	}
	if c.Rate > 1 {
		s.assumptions = append(s.assumptions, "a request is served for as long as it was: what more requests in one batch would slow down is not in it")
	}
	s.after = after.Run
	return s, ""
}

func slotCount(n int, stage string) string {
	at := map[string]string{StagePrefill: "in prefill", StageDecode: "in decode", StageBoth: "in prefill or decode"}[stage]
	if n == 1 {
		return "one request " + at + " at a time"
	}
	return fmt.Sprintf("%d requests %s at a time", n, at)
}

// batchingServer is an engine with continuous batching that shares its steps; why says what is missing for it.
func (t *trial) batchingServer() (s *candidate, why string) {
	sizes := &t.d.Sizes
	if sizes.Prefill == nil || sizes.R == nil {
		return nil, "prefill on prompt tokens and the time of a decode step are not both known, which an engine's steps are made of"
	}
	slope := sizes.Prefill.Slope.Value
	b := replay.Batching{Step: sizes.TPOT.Value, PerToken: slope, Budget: math.MaxInt32}
	if line, ok := t.stepLine(); ok {
		b.Step, b.PerSequence = max(1, line.At(1)), line.Slope.Value
	}
	s = &candidate{byTokens: true, grows: b.PerSequence > 0, name: "continuous batching with chunked prefill"}
	stated, hasBudget := t.facts.Number("max_num_batched_tokens")
	if hasBudget {
		b.Budget = int64(stated)
	}
	scale := 1.0
	if sizes.R.Value < smallR {
		// Decode's steps take as long with a prompt's tokens in them: r is how many, beside those of requests in decode.
		seen := sizes.R.Value + t.besidePrefill()
		b.Budget, b.PerToken = int64(math.Round(seen)), b.Step/smallestRidge
		if hasBudget && math.Abs(seen/stated-1) < 0.25 {
			scale = seen / stated
		}
		s.assumptions = append(s.assumptions, fmt.Sprintf("up to %d tokens a step takes as long as decode's, as on datacentre GPUs with 2-byte weights; beyond, in proportion", smallestRidge))
	}
	if n, ok := t.facts.Number("max_num_seqs"); ok {
		b.Seats = int(n)
	}
	if q := &t.d.Queueing; q.Slots > 0 && q.Binding != StagePrefill {
		b.Seats = q.Slots
	}
	if b.Budget < math.MaxInt32 {
		s.name += fmt.Sprintf(", %d tokens a step", b.Budget)
	}
	after := b
	if t.change.ChunkBudget > 0 {
		after.Budget = max(1, int64(math.Round(float64(t.change.ChunkBudget)*scale)))
	}
	if t.change.Slots > 0 {
		after.Seats = t.change.Slots
	}
	s.assumptions = append(s.assumptions, "nothing is preempted: the KV cache holds all that is in service")
	extra := int64(math.Round(sizes.Prefill.Intercept.Value / slope)) // cached tokens below zero, fixed costs above
	s.today, s.after = t.onTokens(b, extra), t.onTokens(after, extra)
	return s, ""
}

// onTokens runs jobs on b, with extra tokens in every prompt, and the tokens that nothing states from the time they took.
func (t *trial) onTokens(b replay.Batching, extra int64) func([]replay.Job) []replay.Times {
	return func(jobs []replay.Job) []replay.Times {
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
		return b.Run(jobs)
	}
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
// those are taken out, a step for each prompt that ends meanwhile.
func (t *trial) stepLine() (line Line, ok bool) {
	l := &t.load
	in, prefilling := l.inDecode(), l.prefilling()
	var ends []int64
	for i := range l.Jobs {
		ends = append(ends, l.firstToken(i))
	}
	slices.Sort(ends)
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
		if t.d.Sizes.R.Value >= smallR {
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
