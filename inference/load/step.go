package load

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A stepRun is one step while it goes on.
type stepRun struct {
	*Test
	index          int
	rate           float64
	warmup, window time.Duration
	epoch          time.Time // time 0 of outcomes

	calls   sync.WaitGroup
	running atomic.Int64

	mu       sync.Mutex
	sent     int
	outcomes []*outcome // that have ended
}

// run sends what the step sends and waits for the answers.
func (s *stepRun) run(ctx context.Context) {
	calls, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { cut(errInterrupted) })()
	defer cut(nil)
	plan := &s.config.Plan
	if plan.Loop == Closed {
		s.users(ctx, calls)
	} else {
		s.fire(ctx, calls, plan.shots(s.index, s.rate, s.warmup+s.window))
	}
	if ctx.Err() != nil { // only what was due before counts
		s.window = max(0, min(s.window, time.Since(s.epoch)-s.warmup))
	}
	answered := make(chan struct{})
	go func() { s.calls.Wait(); close(answered) }()
	select {
	case <-answered:
	case <-time.After(plan.Drain):
		cut(errDrained)
		<-answered
	}
}

// lookAhead is how many questions are written before they are due, so that writing makes none late.
const lookAhead = 256

// A loaded shot has its question written.
type loaded struct {
	shot
	body []byte
}

// fire sends each shot at its time. Nothing that the server does holds it up.
func (s *stepRun) fire(ctx, calls context.Context, shots iter.Seq[shot]) {
	ready := make(chan loaded, lookAhead)
	go func() {
		defer close(ready)
		random := s.config.Plan.random(s.index, promptStream)
		for shot := range shots {
			l := loaded{shot, s.body(newPrompt(s.Test.run, s.index, shot.index, shot.prompt, random), shot.limit)}
			select {
			case ready <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	for l := range ready {
		if !sleepUntil(ctx, s.epoch.Add(time.Duration(l.at))) {
			return // the writer sees the same
		}
		o := &outcome{shot: l.shot, planned: true}
		if s.running.Load() >= int64(s.config.MaxInFlight) {
			o.input, o.output = -1, -1
			o.failed, o.example = errorDropped, "so many requests were running already"
			s.note(o)
			continue
		}
		s.begin()
		s.calls.Go(func() { s.finish(calls, l.body, o) })
	}
	sleepUntil(ctx, s.epoch.Add(s.warmup+s.window))
}

// afterFailure is the least time that a user waits after a request that failed: a server that refuses at once would be
// asked as fast as this machine can, which no user does.
const afterFailure = 100 * time.Millisecond

// users sends one request a user at a time. Users begin evenly over the warm-up.
func (s *stepRun) users(ctx, calls context.Context) {
	plan := &s.config.Plan
	end := s.epoch.Add(s.warmup + s.window)
	var next atomic.Int64
	for user := range plan.Users {
		s.calls.Go(func() {
			random := plan.random(s.index, uint64(userStream+user))
			if !sleepUntil(ctx, s.epoch.Add(time.Duration(float64(s.warmup)*float64(user)/float64(plan.Users)))) {
				return
			}
			for time.Now().Before(end) && ctx.Err() == nil {
				size, index := pick(plan.Sizes, random.Float64()), int(next.Add(1)-1)
				body := s.body(newPrompt(s.Test.run, s.index, index, size.Prompt, random), size.Output)
				o := &outcome{shot: shot{index: index, prompt: size.Prompt, limit: size.Output}}
				s.begin()
				s.finish(calls, body, o)
				pause := plan.Think
				if o.failed != "" {
					pause = max(pause, afterFailure)
				}
				sleepUntil(ctx, time.Now().Add(min(pause, time.Until(end))))
			}
		})
	}
	sleepUntil(ctx, end)
}

func (s *stepRun) begin() {
	s.running.Add(1)
	s.mu.Lock()
	s.sent++
	s.mu.Unlock()
}

func (s *stepRun) finish(calls context.Context, body []byte, o *outcome) {
	s.caller.call(calls, body, s.epoch, o)
	s.running.Add(-1)
	s.note(o)
}

func (s *stepRun) note(o *outcome) {
	s.mu.Lock()
	s.outcomes = append(s.outcomes, o)
	s.mu.Unlock()
}

// sleepUntil reports whether the time came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *stepRun) progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Progress{
		Step: s.index, Rate: s.rate, Elapsed: time.Since(s.epoch), Length: s.warmup + s.window,
		Sent: s.sent, Done: len(s.outcomes), InFlight: int(s.running.Load()),
	}
	var ttft, lag []int64
	for _, o := range s.outcomes {
		if o.failed != "" {
			p.Failed++
		} else if o.streamed && len(o.chunks) > 0 {
			ttft = append(ttft, o.chunks[0]-o.sent)
		}
		if o.planned && o.sent > 0 {
			lag = append(lag, o.sent-o.at)
		}
	}
	if s.config.Plan.Loop == Closed {
		p.Users = s.config.Plan.Users
	}
	p.TTFT, p.LagP99 = time.Duration(quantile(ttft, 0.5)), time.Duration(quantile(lag, 0.99))
	return p
}

// quantile returns a nearest-rank quantile, 0 of nothing. It sorts the list.
func quantile(list []int64, p float64) int64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[population.NearestRank(len(list), p)]
}
