package population

import (
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A steppedRerun replays a domain as the engine whose steps its requests share: what one of them takes less of a step, all
// that decode beside it win. It stands where the replay of today is as it was.
type steppedRerun struct {
	trial  *trial
	engine fittedEngine
	jobs   []replay.Job // with the tokens that the engine computes
	today  []replay.Times
	first  bool // times to the first token are reproduced too

	// fastest is the engine of another replica of the same service and model, if its steps are so much faster that this
	// one is slow; nil if there is none.
	fastest *replay.Batching
}

// stepped returns how the domain can be replayed as an engine; nil if it cannot.
func (p *Population) stepped(d *DomainStudy, o *StudyOptions) *steppedRerun {
	t := p.trialOf(d, &Scenario{}, o)
	if t.impossible() != nil {
		return nil
	}
	e, why := t.engine()
	if why != "" {
		return nil
	}
	r := &steppedRerun{trial: t, engine: e, jobs: t.onTokens(t.load.Jobs, e.extra)}
	fidelity := t.fidelity(t.replay(e.Run, r.jobs))
	if missed(fidelity, PathE2E) != nil {
		return nil
	}
	r.today, r.first = e.Run(r.jobs), missed(fidelity, PathTTFT) == nil
	return r
}

// slowReplica is how many times as long a replica's steps take from which it is slow beside another.
const slowReplica = 1.2

// besideEachOther finds what replicas of one service and model say of each other: the device of a slow one can do what
// that of the fastest does.
func (p *Population) besideEachOther(domains []*DomainStudy) {
	fastest := map[[2]uint32]*replay.Batching{}
	of := func(d *DomainStudy) [2]uint32 {
		r := &p.Records[d.stepped.trial.load.Members[0]]
		return [2]uint32{r.Service, r.Model}
	}
	for _, d := range domains {
		if d.stepped == nil {
			continue
		}
		e := &d.stepped.engine.Batching
		if best := fastest[of(d)]; best == nil || e.Step < best.Step {
			fastest[of(d)] = e
		}
	}
	for _, d := range domains {
		if d.stepped == nil {
			continue
		}
		if best := fastest[of(d)]; d.stepped.engine.Step > slowReplica*best.Step {
			d.stepped.fastest = best
		}
	}
}

// relief adds to won what each request would take less than today, from when it joins the queue, if other jobs ran on an
// engine.
func (r *steppedRerun) relief(engine *replay.Batching, jobs []replay.Job, won *[2][]int64) {
	times := engine.Run(jobs)
	for i, m := range r.trial.load.Members {
		now, then := r.jobs[i].Arrive, jobs[i].Arrive
		if r.first {
			won[PathTTFT][m] += (r.today[i].FirstToken - now) - (times[i].FirstToken - then)
		}
		won[PathE2E][m] += (r.today[i].End - now) - (times[i].End - then)
	}
}

// atFloor returns the engine and its jobs with the phase of g at its floor. whole says that all that the phase would win is
// in the replay; else a request's own time is not.
func (r *steppedRerun) atFloor(d *DomainStudy, g *gains) (e replay.Batching, jobs []replay.Job, whole bool) {
	switch {
	case g.phase == analyzer.Prefill:
		e, jobs = r.prefillAtFloor(d, g)
		return e, jobs, true
	case g.phase == analyzer.Decode && g.source == FloorPhysics:
		if e, known := r.decodeAtFloor(d); known {
			return e, r.jobs, true
		}
	}
	jobs = slices.Clone(r.jobs)
	for i, m := range r.trial.load.Members {
		switch g.phase {
		case analyzer.Frontend, analyzer.Tokenize, analyzer.Client, analyzer.Gateway, analyzer.Network:
			jobs[i].Arrive -= g.own[PathTTFT][m] // it joins the queue earlier
		}
	}
	return r.engine.Batching, jobs, false
}

// usualBudget is how many tokens a step holds at most where nothing else is set: the default of max_num_batched_tokens
// in vLLM's chunked prefill.
const usualBudget = 2048

// attainableHost is the least that published times between tokens of 7B to 8B models leave above reading their weights,
// in nanoseconds a step: 25 ms on L40S, where reading takes 23.2 ms (llm-d-inference-sim, docs/latency-profiles.md). On
// A100 and H100 they leave 4 to 5 ms.
const attainableHost = 1.8e6

// prefillAtFloor returns the engine and its jobs with prompts computed as fast as the device could, and without the tokens
// that a cache could hold. Where the device is unknown, prompts are computed faster by what the floor takes off prefill.
func (r *steppedRerun) prefillAtFloor(d *DomainStudy, g *gains) (e replay.Batching, jobs []replay.Job) {
	e, jobs = r.engine.Batching, slices.Clone(r.jobs)
	var tokens, own, took float64
	for i, m := range r.trial.load.Members {
		rec := &r.trial.p.Records[m]
		jobs[i].PromptTokens = max(1, jobs[i].PromptTokens-d.Hardware.cacheable(rec))
		tokens += float64(jobs[i].PromptTokens)
		own, took = own+float64(g.own[PathE2E][m]), took+float64(g.observed[PathE2E][m])
	}
	if perToken, known := d.Hardware.perToken(tokens / float64(max(1, len(jobs)))); known {
		e.PerToken = min(e.PerToken, perToken)
	} else if r.engine.Budget < smallR { // its steps are as long as decode's
		e.PerToken = min(e.PerToken, e.Step/smallestRidge)
	} else if took > 0 {
		e.PerToken *= 1 - own/took
	}
	e.Budget = max(e.Budget, usualBudget)
	return e, jobs
}

// decodeAtFloor returns the engine with steps that take what the device needs to read, and a host that is not in the way;
// ok is false while the device is unknown.
func (r *steppedRerun) decodeAtFloor(d *DomainStudy) (e replay.Batching, ok bool) {
	e = r.engine.Batching
	var context, n float64
	for _, m := range r.trial.load.Members {
		if rec := &r.trial.p.Records[m]; rec.OutputTokens > 1 {
			context, n = context+d.Hardware.context(rec), n+1
		}
	}
	one, known := d.Hardware.step(1, context/max(1, n))
	if !known {
		return e, false
	}
	two, _ := d.Hardware.step(2, context/max(1, n))
	e.Step, e.PerSequence = min(e.Step, one), min(e.PerSequence, two-one)
	if r.fastest != nil {
		faster(&e, r.fastest)
	}
	return e, true
}

// decodeWithHost is [Hardware.DecodeFloor] with a host's part in each step.
func (h *Hardware) decodeWithHost(r *Record) (ns float64, ok bool) {
	ns, ok = h.DecodeFloor(r)
	steps, _ := h.steps(r)
	return ns + attainableHost*steps, ok
}

// step returns the least time of a decode step, of the device and of its host; ok is false while the device is unknown.
func (h *Hardware) step(batch, context float64) (ns float64, ok bool) {
	if h == nil || h.serving == nil {
		return 0, false
	}
	return h.serving.DecodeFloor(batch, context) + attainableHost, true
}

// perToken returns the least time of a token in a prompt of that many; ok is false while it is unknown.
func (h *Hardware) perToken(tokens float64) (ns float64, ok bool) {
	if h == nil || h.serving == nil || h.serving.FLOPS == 0 || tokens < 1 {
		return 0, false
	}
	return h.serving.Compute(h.serving.PrefillFLOPs(tokens, 0)) / tokens, true
}

// enough returns the engine with the fewest seats, at most four times today's, at which the mean wait is under 5 % of mean
// E2E; ok is false if none is, or today's wait for none.
func (r *steppedRerun) enough() (e replay.Batching, times float64, ok bool) {
	e = r.engine.Batching
	today := e.Seats
	calm := func(seats int) bool {
		e.Seats = seats
		var wait, e2e float64
		for i, t := range e.Run(r.jobs) {
			wait += float64(t.Start - r.jobs[i].Arrive)
			e2e += float64(t.End - r.jobs[i].Arrive)
		}
		return wait < calmShare*e2e
	}
	if today <= 0 || calm(today) || !calm(maxCapacity*today) {
		return r.engine.Batching, 1, false
	}
	low, high := today+1, maxCapacity*today
	for low < high {
		middle := (low + high) / 2
		if calm(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	e.Seats = low
	return e, float64(low) / float64(today), true
}

// cacheable returns how many tokens of r's prompt a cache could hold and does not: those that nearly all prompts are
// stated to begin with, but for the last of a prompt, which is always computed.
func (h *Hardware) cacheable(r *Record) int64 {
	if h == nil || r.InputTokens <= 0 {
		return 0
	}
	cached := max(float64(r.CachedTokens), h.cachedPrefix, 0)
	return int64(math.Max(0, min(h.sharedPrefix, float64(r.InputTokens-1))-cached))
}
