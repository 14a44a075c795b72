package sim

import "slices"

// EngineConfig are the settings of an engine.
type EngineConfig struct {
	Slots int // sequences that can be in service at once (vLLM: max_num_seqs); at least 1

	// TokenBudget is how many tokens a step computes at most, one for each sequence that decodes and the rest for chunks of
	// prompts (vLLM: max_num_batched_tokens). Without one, a prompt is computed whole in a step of its own, while nobody
	// decodes.
	TokenBudget int

	Blocks      int  // of KV cache; 0 is without limit
	PrefixCache bool // computed prefixes are kept for others
	Swap        bool // a preempted sequence's KV is copied to the host and back; else it is computed anew

	// StaticBatch and StaticWait make batches that start and end together: of so many sequences, or of those that are there
	// when the first one has waited so long.
	StaticBatch int
	StaticWait  int64

	// AdmitEvery is how many steps must have been made since the queue was last emptied before others are taken up, while
	// anybody is in service (TGI: max_waiting_tokens); 0 is none.
	AdmitEvery int

	// Reserve is how many tokens of an answer get their blocks when a sequence is taken up, whether it needs them or not:
	// the most that its client lets it have (TGI). 0: blocks are given as they are needed.
	Reserve int

	LimitedSlots int // limited sequences that can be in service at once; 0 is all

	// Keep is for how long the blocks of a sequence that is done are kept, as for a next turn that may come; 0 is not.
	Keep int64

	// CopyPerToken is bytes of input that go over the bus for each prompt token before its prefill: 4 for a token's id,
	// thousands for embeddings that were computed on the host.
	CopyPerToken float64
	// KVBytes is bytes of KV cache for a token: what swapping copies.
	KVBytes float64
}

// A Sequence is a request in an engine.
type Sequence struct {
	ID             int // the caller's
	Prompt, Output int // tokens; both at least 1
	// Prefix names a beginning of the prompt that other prompts share; 0 for none. PrefixTokens is how long it is.
	Prefix, PrefixTokens int
	HeldUntil            int64 // it is not scheduled before; 0 is at once
	Limited              bool  // of those of which only so many are in service at once
	Masked               bool  // the host says at each step which tokens it may go on with
	Uncached             bool  // what is cached of its prompt is computed all the same

	// The engine fills in these.
	Queued      int64 // when it was submitted
	Scheduled   int64 // when its first step began
	Copied      int64 // when its input was on the device
	FirstToken  int64 // end of the step that gave its first token
	LastToken   int64
	Waiting     int     // sequences that waited when it was submitted
	Running     int     // others in service when it was scheduled
	Cached      int     // prompt tokens that were not computed, because they were cached
	Preemptions int     // times that it lost its KV cache
	LostAt      []int64 // when
	Preempted   int64   // from losing it until it was computed or copied back
	Stalled     int64   // time of its decoding that steps took longer for prompts of others

	computed  int // tokens whose keys and values are there
	swapped   int // tokens whose keys and values are on the host
	padding   int // tokens of the longer ones of its static batch
	generated int
	chunk     int // prompt tokens in the step at hand
	decoding  bool
	inStep    bool
	blocks    int
	shared    int // tokens that are held by prefix
	prefix    *prefix
	lostAt    int64 // since when it has been preempted; 0 if it is not
	stallMark int64
}

// target returns how many tokens must be there for the next token to come out.
func (s *Sequence) target() int { return s.Prompt + s.generated }

// An Engine works in steps. It has no clock: whoever drives it says when a step begins and comes back at its end, in
// virtual or in real time.
type Engine struct {
	config  EngineConfig
	timing  Timing
	kv      *kvCache
	waiting []*Sequence
	running []*Sequence

	stepEnd    int64
	stalls     int64 // sum over steps of what decoding took longer for prompts
	stepStall  int64
	busy       int64 // time of steps in which the device works
	preempted  int
	staticOpen bool // a static batch is running
	sinceAdmit int  // steps since the queue was emptied
	kept       []kept
}

// NewEngine returns an idle engine.
func NewEngine(config EngineConfig, timing Timing) *Engine {
	config.Slots = max(1, config.Slots)
	blocks := config.Blocks
	if blocks <= 0 {
		blocks = 1 << 40
	}
	return &Engine{config: config, timing: timing, kv: newKVCache(blocks, config.PrefixCache)}
}

// Fits reports whether a sequence can ever be served: its tokens fit the KV cache when nothing else is there.
func (e *Engine) Fits(s *Sequence) bool {
	return blocksFor(s.Prompt+max(s.Output, e.config.Reserve)) <= e.kv.blocks
}

// Submit adds a sequence to the queue.
func (e *Engine) Submit(s *Sequence, now int64) {
	s.Queued, s.Waiting = now, len(e.waiting)
	e.waiting = append(e.waiting, s)
}

// Idle reports whether there is nothing to do.
func (e *Engine) Idle() bool { return len(e.waiting)+len(e.running) == 0 }

// Begin plans a step that begins now and returns when it ends; ok is false if nothing can run. A static batch that is
// still filling up, and a queue of which all are held, cannot run before end, which is then not zero.
func (e *Engine) Begin(now int64) (end int64, ok bool) {
	batch := Batch{At: now}
	e.releaseKept(now)
	switch {
	case e.config.StaticBatch > 0:
		if wait := e.planStatic(&batch); wait > now {
			return wait, false
		}
	case e.config.TokenBudget > 0:
		e.planChunked(&batch)
	default:
		e.planWhole(&batch)
	}
	if batch.Prompt == 0 && batch.Decodes == 0 {
		return e.released(now), false
	}
	length := e.timing.Step(batch)
	e.stepStall = 0
	if batch.Prompt > 0 {
		alone := batch
		alone.Prompt, alone.Squares, alone.Copied = 0, 0, 0
		e.stepStall = length - e.timing.Step(alone)
	}
	if batch.Copied > 0 {
		copied := now + e.timing.Step(Batch{At: now, Copied: batch.Copied})
		for _, s := range e.running {
			if s.inStep && s.Copied == now && s.Scheduled == now {
				s.Copied = copied
			}
		}
	}
	e.busy += length - e.timing.Host(batch)
	return now + length, true
}

// planChunked fills a step as vLLM does: those in service first, then as many of the queue as slots, blocks and budget
// allow.
func (e *Engine) planChunked(batch *Batch) {
	budget := e.config.TokenBudget
	preempting := false
	for i := 0; i < len(e.running) && budget > 0; i++ {
		s := e.running[i]
		if !e.room(s, &preempting, batch) {
			break // it was the last one, and gave way itself
		}
		budget -= e.include(s, budget, batch)
	}
	e.sinceAdmit++
	if preempting || len(e.running) > 0 && e.sinceAdmit < e.config.AdmitEvery {
		return
	}
	// What the step has no room for comes with the next ones.
	if e.admit(budget, len(e.waiting), batch) > 0 && len(e.waiting) == 0 {
		e.sinceAdmit = 0
	}
}

// planWhole prefills the first of the queue if it can be admitted, and else decodes.
func (e *Engine) planWhole(batch *Batch) {
	if e.admit(int(^uint(0)>>1), 1, batch) > 0 {
		return
	}
	preempting := false
	for i := 0; i < len(e.running); i++ {
		if !e.room(e.running[i], &preempting, batch) {
			break
		}
		e.include(e.running[i], 1, batch)
	}
}

// admit takes up to most sequences from the queue, first come, first served, and returns how many.
func (e *Engine) admit(budget, most int, batch *Batch) (admitted int) {
	for admitted < most && len(e.waiting) > 0 && len(e.running) < e.config.Slots && budget > 0 {
		at := e.ready(batch.At)
		if at < 0 {
			break
		}
		s := e.waiting[at]
		e.kv.match(s)
		if !e.kv.grow(s, max(s.target(), s.Prompt+e.config.Reserve)) {
			e.kv.release(s)
			s.computed = 0
			break
		}
		if at == 0 { // without moving a long queue
			e.waiting[0], e.waiting = nil, e.waiting[1:]
		} else {
			e.waiting = slices.Delete(e.waiting, at, at+1)
		}
		if s.Scheduled == 0 {
			s.Scheduled, s.Copied, s.Running = batch.At, batch.At, len(e.running)
			s.Cached = s.computed
			batch.Copied += e.config.CopyPerToken * float64(s.Prompt-s.Cached)
		} else if e.config.Swap {
			batch.Copied += e.config.KVBytes * float64(s.swapped)
			s.computed = max(s.computed, s.swapped)
		}
		e.running = append(e.running, s)
		budget -= e.include(s, budget, batch)
		admitted++
	}
	return admitted
}

// ready returns the place of the first of the queue that is not held; -1 if all are.
func (e *Engine) ready(now int64) int {
	limited := 0
	if e.config.LimitedSlots > 0 {
		for _, s := range e.running {
			if s.Limited {
				limited++
			}
		}
	}
	full := e.config.LimitedSlots > 0 && limited >= e.config.LimitedSlots
	return slices.IndexFunc(e.waiting, func(s *Sequence) bool { return s.HeldUntil <= now && !(full && s.Limited) })
}

// released returns when the first of those that are held no longer is, or blocks that are kept are free again; 0 if
// neither is.
func (e *Engine) released(now int64) (at int64) {
	for _, s := range e.waiting {
		if s.HeldUntil > now && (at == 0 || s.HeldUntil < at) {
			at = s.HeldUntil
		}
	}
	if len(e.kept) > 0 && len(e.waiting) > 0 && (at == 0 || e.kept[0].until < at) {
		at = e.kept[0].until
	}
	return at
}

// include adds a sequence to the step, with at most budget tokens, and returns how many it is.
func (e *Engine) include(s *Sequence, budget int, batch *Batch) (tokens int) {
	left := s.target() - s.computed
	s.inStep, s.chunk = true, 0
	s.decoding = s.generated > 0 && left <= 1 && (s.lostAt == 0 || e.config.Swap)
	if s.decoding {
		batch.Decodes++
		batch.Masked = batch.Masked || s.Masked
		batch.Context += s.target()
		return 1
	}
	s.chunk = max(1, min(left, budget))
	batch.Prompt += s.chunk
	batch.Squares += float64(s.chunk) * float64(s.chunk+2*s.computed)
	return s.chunk
}

// room makes room for the next token of a sequence in service, preempting from the end of those in service. It returns
// false if the sequence itself had to go.
func (e *Engine) room(s *Sequence, preempting *bool, batch *Batch) bool {
	for !e.kv.grow(s, s.target()) {
		*preempting = true
		last := e.running[len(e.running)-1]
		e.running = e.running[:len(e.running)-1]
		e.preempt(last, batch)
		if last == s {
			return false
		}
	}
	return true
}

func (e *Engine) preempt(s *Sequence, batch *Batch) {
	if e.config.Swap {
		batch.Copied += e.config.KVBytes * float64(s.computed)
	}
	e.kv.release(s)
	if s.generated > 0 && s.lostAt == 0 {
		s.Stalled += e.stalls - s.stallMark
	}
	if s.lostAt == 0 {
		s.lostAt = batch.At
	}
	s.swapped, s.computed = s.computed, 0
	s.Preemptions++
	s.LostAt = append(s.LostAt, batch.At)
	e.preempted++
	e.waiting = slices.Insert(e.waiting, 0, s)
}

// Finish ends the step that Begin planned, at the time that it gave or later, and calls token for every sequence that got one, in the order of service; last
// is true for the last of a sequence, which has left the engine by then.
func (e *Engine) Finish(now int64, token func(s *Sequence, last bool)) {
	e.stepEnd = now
	e.stalls += e.stepStall
	kept := e.running[:0]
	for _, s := range e.running {
		if !s.inStep {
			kept = append(kept, s)
			continue
		}
		s.inStep = false
		if !e.advance(s) {
			kept = append(kept, s)
			continue
		}
		last := e.generate(s)
		if !last {
			kept = append(kept, s)
		}
		if last || s.generated < s.Output || s.padding == 0 {
			token(s, last)
		}
	}
	for i := len(kept); i < len(e.running); i++ {
		e.running[i] = nil
	}
	e.running = kept
	e.staticOpen = e.staticOpen && len(e.running) > 0
}

// advance counts what the step computed of a sequence and reports whether a token came out.
func (e *Engine) advance(s *Sequence) bool {
	if s.decoding {
		s.computed++
	} else {
		s.computed += s.chunk
	}
	return s.computed >= s.target()
}

// generate counts a token and reports whether it was the last one.
func (e *Engine) generate(s *Sequence) (last bool) {
	s.generated++
	if s.generated == 1 {
		s.FirstToken, s.stallMark = e.stepEnd, e.stalls
		e.kv.keep(s)
	}
	if s.lostAt != 0 {
		s.Preempted += e.stepEnd - s.lostAt
		s.lostAt, s.stallMark = 0, e.stalls
	}
	if s.generated < s.Output+s.padding {
		return false
	}
	s.LastToken = e.stepEnd
	s.Stalled += e.stalls - s.stallMark
	e.release(s)
	return true
}

// State is what an engine's gauges show.
type State struct {
	Running, Waiting int
	KVUsed           float64 // share of blocks
	Preemptions      int     // so far
	Busy             int64   // nanoseconds of steps so far in which the device worked: what it waits for the host is not in it
}

// State returns the gauges.
func (e *Engine) State() State {
	return State{Running: len(e.running), Waiting: len(e.waiting), KVUsed: e.kv.used(), Preemptions: e.preempted, Busy: e.busy}
}

// Cancel takes a sequence out of the engine: at once if it waits (gone is true), else with its next token, which is
// then its last.
func (e *Engine) Cancel(s *Sequence) (gone bool) {
	if i := slices.Index(e.waiting, s); i >= 0 {
		e.waiting = slices.Delete(e.waiting, i, i+1)
		return true
	}
	s.Output = s.generated + 1
	return false
}
