package sim

// kept is blocks of a sequence that is done, which nobody else gets until a time.
type kept struct {
	until  int64
	blocks int
}

// release frees what a sequence holds that is done, at once or after a while.
func (e *Engine) release(s *Sequence) {
	if e.config.Keep > 0 {
		e.kept = append(e.kept, kept{e.stepEnd + e.config.Keep, s.blocks})
		s.blocks = 0
	}
	e.kv.release(s)
}

// releaseKept frees blocks whose time is over.
func (e *Engine) releaseKept(now int64) {
	for len(e.kept) > 0 && e.kept[0].until <= now {
		e.kv.free += e.kept[0].blocks
		e.kept = e.kept[1:]
	}
}
