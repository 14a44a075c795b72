package load

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	precision   = 1.1  // the broken rate over the sustained one, at which a sweep ends
	growthShare = 0.05 // of arriving requests that must stay for the server to count as overrun
	lateShare   = 0.05 // of the window that half of the requests may be sent late
	errorShare  = 0.01 // of requests that may fail or be left unfinished
)

// sweep doubles the rate until a step breaks, and then halves the distance between the highest sustained rate and the
// lowest broken one, on a logarithmic scale, until they are within a tenth.
func (t *Test) sweep(ctx context.Context) (steps []Step, b *Breaking) {
	plan := &t.config.Plan
	b, steps = &Breaking{}, []Step{}
	try := func(rate float64) {
		window := max(plan.Duration, time.Duration(float64(plan.Requests)/rate*1e9))
		s := t.one(ctx, len(steps), rate, window)
		if ctx.Err() != nil { // half a step shows nothing
			return
		}
		if s.Why = broken(&s, t.config.Thresholds); len(s.Why) == 0 {
			s.Verdict, b.Sustained = Sustained, max(b.Sustained, rate)
		} else {
			s.Verdict, b.Broken, b.Why = Broken, rate, s.Why[0]
			b.Capacity = max(b.Capacity, s.Throughput.Requests)
		}
		steps = append(steps, s)
	}
	for rate := plan.RateFrom; ctx.Err() == nil; rate = min(2*rate, plan.RateTo) {
		if try(rate); b.Broken > 0 || rate >= plan.RateTo {
			break
		}
	}
	for ctx.Err() == nil && b.Sustained > 0 && b.Broken > precision*b.Sustained {
		try(math.Sqrt(b.Sustained * b.Broken))
	}
	return steps, b
}

// broken says why a step is more than the server can do; nothing if it is not.
//
// Both the requests in flight and TTFT must grow through the step, by the t-based margin of error of their slopes: the
// rule of guidellm (vllm-project/guidellm, its over-saturation constraint). Queues of random arrivals wander, and such
// slopes are then significant too easily; so that what stays must also be a twentieth of what arrives.
func broken(s *Step, thresholds []Threshold) (why []string) {
	if s.Lag != nil && s.Lag.P50 > lateShare*float64(s.Window) {
		why = append(why, "the load generator itself cannot send so fast, or its machine is too busy")
	}
	f, l := s.InFlight.Slope, s.TTFTSlope
	if f != nil && l != nil && f.Low > 0 && l.Low > 0 && f.Value > growthShare*s.Rate {
		why = append(why, fmt.Sprintf("requests in flight grow by %.3g a second and latency by %.3g ms a second", f.Value, l.Value/1e6))
	}
	if lost := s.Failed + s.Unfinished; float64(lost) > errorShare*float64(s.Planned) {
		what := "were still running at the end"
		if s.Failed > 0 {
			what = "failed (" + s.Errors[0].Kind + ") or were still running at the end"
		}
		why = append(why, fmt.Sprintf("%d of %d requests %s", lost, s.Planned, what))
	}
	for _, t := range thresholds {
		if t.ofSteps() {
			if r := t.judge(s); r.Verdict == Fail {
				why = append(why, "it misses "+t.Text)
			}
		}
	}
	return why
}
