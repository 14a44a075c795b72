package synth

import (
	"iter"
	"slices"
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
type Call struct {
	Queued         int64 // when the request reaches the engine's queue
	Prompt, Output int   // tokens; Output is at least 1

	// The engine fills in these.
	Scheduled  int64 // when its prefill begins
	FirstToken int64 // when its prefill ends
	LastToken  int64
	Waiting    int // requests that waited ahead of it when the engine took it in
	Running    int // requests that ran when its prefill began

	left int // tokens still to decode
}

// Serve takes calls in the order of their Queued times and yields each one, filled in, when its last token is out.
func (e Engine) Serve(calls iter.Seq[*Call]) iter.Seq[*Call] {
	return func(yield func(*Call) bool) {
		next, stop := iter.Pull(calls)
		defer stop()
		var now int64
		var waiting, running []*Call
		coming, more := next()
		for {
			for more && coming.Queued <= now {
				coming.Waiting = len(waiting)
				waiting = append(waiting, coming)
				coming, more = next()
			}
			switch {
			case len(waiting) > 0 && len(running) < max(1, e.Slots):
				call := waiting[0]
				waiting = waiting[1:]
				call.Scheduled, call.Running = now, len(running)
				now += e.PrefillBase + e.PrefillPerToken*int64(call.Prompt)
				call.FirstToken, call.left = now, call.Output-1
				if call.left > 0 {
					running = append(running, call)
					continue
				}
				call.LastToken = now
				if !yield(call) {
					return
				}
			case len(running) > 0:
				now += e.StepBase + e.StepPerSequence*int64(len(running))
				for _, call := range running {
					call.left--
					if call.left > 0 {
						continue
					}
					call.LastToken = now
					if !yield(call) {
						return
					}
				}
				running = slices.DeleteFunc(running, func(c *Call) bool { return c.left == 0 })
			case more:
				now = coming.Queued
			default:
				return
			}
		}
	}
}
