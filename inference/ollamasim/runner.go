package ollamasim

import (
	"time"

	"github.com/slowtoken/slowtoken/inference/sim"
)

// A runner drives the engine in real time: one goroutine owns it and sleeps through its steps.
type runner struct {
	engine *sim.Engine
	pauses []sim.Pause // their times are counted from the runner's start
	begun  time.Time
	stop   chan struct{}

	submits chan *task
	cancels chan *task
	tasks   map[*sim.Sequence]*task
}

// A task is a sequence in the engine and who waits for its tokens.
type task struct {
	sequence  sim.Sequence
	tokens    chan struct{} // one for each token, as long as the answer; closed behind the last
	cancelled bool
}

func newRunner(c *sim.Config) *runner {
	r := &runner{
		engine: sim.NewEngine(c.Engine, c.Timing), pauses: c.Pauses, begun: time.Now(), stop: make(chan struct{}),
		submits: make(chan *task), cancels: make(chan *task), tasks: map[*sim.Sequence]*task{},
	}
	for i := range r.pauses {
		r.pauses[i].At -= c.Start
	}
	return r
}

// now is the engine's clock: nanoseconds since the runner began, and never zero, which means "not yet" to the engine.
func (r *runner) now() int64 { return int64(time.Since(r.begun)) + 1 }

// run steps until it is stopped. Whoever submits or cancels is answered at once, also while a step goes on: what the
// step computes was settled when it began.
func (r *runner) run() {
	for {
		end, ok := r.engine.Begin(r.now())
		var wake <-chan time.Time
		if end > 0 {
			wake = time.After(time.Duration(r.awake(end) - r.now()))
		}
		for waiting := true; waiting; {
			select {
			case <-r.stop:
				return
			case t := <-r.submits:
				r.tasks[&t.sequence] = t
				r.engine.Submit(&t.sequence, r.now())
				waiting = ok // an engine at rest may begin now
			case t := <-r.cancels:
				t.cancelled = true
				if r.engine.Cancel(&t.sequence) {
					r.finish(t)
				}
			case <-wake:
				waiting = false
			}
		}
		if ok && r.now() >= end {
			r.engine.Finish(r.now(), func(s *sim.Sequence, last bool) {
				t := r.tasks[s]
				if !t.cancelled {
					t.tokens <- struct{}{} // there is room for all of them
				}
				if last {
					r.finish(t)
				}
			})
		}
	}
}

func (r *runner) finish(t *task) {
	delete(r.tasks, &t.sequence)
	close(t.tokens)
}

// awake returns the first time from at on when the process is not stopped.
func (r *runner) awake(at int64) int64 {
	for _, p := range r.pauses {
		if at >= p.At && at < p.At+p.Duration {
			at = p.At + p.Duration
		}
	}
	return at
}
