package sim

// planStatic fills a step of a static batch. A batch starts when it is full or its first sequence has waited
// StaticWait; until then, the time when it starts at the latest is returned. Its prompts are computed in one step, and
// all of its sequences decode until the longest is done: the shorter ones are padded and answer with it.
func (e *Engine) planStatic(batch *Batch) (wait int64) {
	if !e.staticOpen {
		if len(e.waiting) == 0 {
			return 0
		}
		size := min(e.config.StaticBatch, e.config.Slots)
		if start := e.waiting[0].Queued + e.config.StaticWait; len(e.waiting) < size && start > batch.At {
			return start
		}
		e.staticOpen = true
		e.admit(int(^uint(0)>>1), size, batch)
		longest := 0
		for _, s := range e.running {
			longest = max(longest, s.Output)
		}
		for _, s := range e.running {
			s.padding = longest - s.Output
		}
		return 0
	}
	for _, s := range e.running {
		e.include(s, 1, batch)
	}
	return 0
}
