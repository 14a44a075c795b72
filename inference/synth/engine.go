package synth

import (
	"iter"

	"github.com/slowtoken/slowtoken/inference/sim"
)

// An Engine is a model server that serves first come, first served. It works in steps: while a request waits and a slot
// is free the step prefills that one request, otherwise it decodes one token of every running request. A prefill
// therefore stalls all decoding, as it does in servers without chunked prefill.
type Engine struct {
	Slots           int   // requests that can run at once; at least 1
	PrefillBase     int64 // nanoseconds of a prefill, whatever its size
	PrefillPerToken int64 // nanoseconds
	StepBase        int64 // nanoseconds of a decode step, whatever its batch
	StepPerSequence int64 // nanoseconds a decode step takes longer for each running request
}

// A Call is one request on its way through an [Engine]. Times are nanoseconds since the Unix epoch.
type Call = sim.Sequence

// Serve takes calls in the order of their Queued times and yields each one, filled in, when its last token is out.
func (e Engine) Serve(calls iter.Seq[*Call]) iter.Seq[*Call] {
	return func(yield func(*Call) bool) {
		next, stop := iter.Pull(calls)
		defer stop()
		engine := sim.NewEngine(sim.EngineConfig{Slots: e.Slots}, sim.Linear{
			PromptBase: e.PrefillBase, PromptToken: e.PrefillPerToken, StepBase: e.StepBase, StepSequence: e.StepPerSequence,
		})
		var done []*Call
		finished := func(call *Call, last bool) {
			if last {
				done = append(done, call)
			}
		}
		coming, more := next()
		for now := int64(0); ; {
			for more && coming.Queued <= now {
				engine.Submit(coming, coming.Queued)
				coming, more = next()
			}
			end, ok := engine.Begin(now)
			if !ok {
				if !more {
					return
				}
				now = coming.Queued
				continue
			}
			now = end
			engine.Finish(now, finished)
			for _, call := range done {
				if !yield(call) {
					return
				}
			}
			done = done[:0]
		}
	}
}
