package replay

import "math"

// Batching is an engine with continuous batching and chunked prefill: it computes in steps, each of which gives one
// token to every job in decode and spends what is left of its token budget on prompts, first come first served. A
// request starts when a step has tokens left for it.
//
// A step that computes n tokens, of which d for jobs in decode, takes the longer of Step + PerSequence*(d-1), which is
// what reading the weights and the caches takes, and n * PerToken, which is what computing takes.
//
// Source: the scheduler of vLLM V1 (vllm/v1/core/sched/scheduler.py), without preemption.
type Batching struct {
	Seats       int     // jobs in service at once; 0 is no limit
	Budget      int64   // tokens a step; at least 1
	Step        float64 // nanoseconds
	PerSequence float64 // nanoseconds
	PerToken    float64 // nanoseconds
}

// Run returns when each job is served, from its tokens: Prefill and Decode of jobs are not looked at. Steps that are
// alike are taken at once, so that it takes n log n time in jobs, whatever the number of tokens.
func (b Batching) Run(jobs []Job) []Times {
	e := engine{Batching: b, jobs: jobs, out: make([]Times, len(jobs)), order: byArrival(jobs), partial: -1}
	e.Budget = max(1, e.Budget)
	if len(jobs) > 0 {
		e.base = jobs[e.order[0]].Arrive
	}
	for e.work() {
	}
	return e.out
}

// engine is the state of a run.
type engine struct {
	Batching
	jobs  []Job
	out   []Times
	order []int32 // by arrival
	next  int     // of order: the first that has not started

	base    int64   // the first arrival: floats hold nanoseconds of months, not of decades
	now     float64 // since base
	steps   int64   // that decode has had: what the ends in decode count
	decode  moments // of jobs in decode
	partial int32   // the job whose prompt is computed in part, -1 for none
	left    int64   // tokens of its prompt

	chunks []int32 // scratch: the jobs whose prompts end with the step at hand
}

// work takes the next step, or all like it, and reports whether there was any.
func (e *engine) work() bool {
	if e.partial < 0 && len(e.decode) == 0 {
		if e.next == len(e.order) {
			return false
		}
		e.now = max(e.now, e.arrival())
	}
	decoding := int64(len(e.decode))
	room := max(0, e.Budget-decoding)
	if e.partial >= 0 && room == 0 || e.partial < 0 && !e.couldStart(room) {
		e.take(e.plainSteps(decoding, room), decoding, decoding)
		return true
	}
	if e.partial >= 0 && e.left > room {
		k := (e.left - 1) / room // in as many the prompt takes all that is left, and does not end
		if decoding > 0 {
			k = min(k, e.decode[0].at-e.steps)
		}
		e.left -= k * room
		e.take(k, decoding, decoding+room)
		return true
	}
	e.fill(decoding, room)
	return true
}

// arrival is when the next job arrives, since base.
func (e *engine) arrival() float64 { return float64(e.jobs[e.order[e.next]].Arrive - e.base) }

func (e *engine) clock() int64 { return e.base + int64(e.now) }

// couldStart reports whether the next job may start now.
func (e *engine) couldStart(room int64) bool {
	return room > 0 && e.next < len(e.order) && e.arrival() <= e.now && !e.seated()
}

func (e *engine) seated() bool { return e.Seats > 0 && e.inService() >= e.Seats }

func (e *engine) inService() int {
	n := len(e.decode) + len(e.chunks)
	if e.partial >= 0 {
		n++
	}
	return n
}

// plainSteps is how many steps of nothing but decode come before something changes.
func (e *engine) plainSteps(decoding, room int64) int64 {
	k := e.decode[0].at - e.steps
	if room > 0 && e.partial < 0 && e.next < len(e.order) && !e.seated() {
		wait := e.arrival() - e.now
		k = min(k, max(1, int64(math.Ceil(wait/e.length(decoding, decoding)))))
	}
	return max(1, k)
}

// length is how long a step takes.
func (e *engine) length(decoding, tokens int64) float64 {
	return max(1, e.Step+e.PerSequence*float64(max(0, decoding-1)), e.PerToken*float64(tokens))
}

// take lets k alike steps pass.
func (e *engine) take(k, decoding, tokens int64) {
	e.now += float64(k) * e.length(decoding, tokens)
	e.steps += k
	e.finish()
}

// fill takes one step that ends at least one prompt, or begins one.
func (e *engine) fill(decoding, room int64) {
	e.chunks = e.chunks[:0]
	total := room
	if e.partial >= 0 {
		room -= e.left
		e.chunks = append(e.chunks, e.partial)
		e.partial = -1
	}
	for e.partial < 0 && e.couldStart(room) {
		i := e.order[e.next]
		e.next++
		e.out[i].Start = e.clock()
		if tokens := max(1, e.jobs[i].PromptTokens); tokens <= room {
			room -= tokens
			e.chunks = append(e.chunks, i)
		} else {
			e.partial, e.left = i, tokens-room
			room = 0
		}
	}
	e.now += e.length(decoding, decoding+total-room)
	e.steps++
	for _, i := range e.chunks {
		e.out[i].FirstToken = e.clock()
		e.out[i].End = e.clock()
		if n := e.jobs[i].DecodeTokens; n > 0 {
			e.decode.add(moment{e.steps + n, i})
		}
	}
	e.chunks = e.chunks[:0]
	e.finish()
}

// finish ends the jobs whose last token the latest step made.
func (e *engine) finish() {
	for len(e.decode) > 0 && e.decode[0].at <= e.steps {
		e.out[e.decode[0].job].End = e.clock()
		e.decode.drop()
	}
}
