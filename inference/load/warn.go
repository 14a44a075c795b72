package load

import (
	"fmt"
	"math"
	"time"
)

const (
	lateLag    = 5 * time.Millisecond // of p99, from which the load generator's own lateness is in what it measures
	promptMiss = 0.2                  // share by which the server may count prompts otherwise than they were asked for
)

// warnings says what a reader must know before the numbers are used.
func warnings(r *Result) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	var lag float64
	var censored, whole, uncounted, dropped int
	var asked, input float64
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Lag != nil {
			lag = max(lag, s.Lag.P99)
		}
		if s.censored() && r.Plan.Loop != Sweep {
			censored += s.Unfinished
		}
		whole += s.NotStreamed
		uncounted += s.Uncounted
		dropped += s.Dropped
		if s.Input > 0 {
			asked, input = asked+s.Asked, input+s.Input
		}
	}
	if r.Target.Simulated {
		add("SIMULATED: no model computed; these are the times that a device should take")
	}
	if r.Interrupted {
		add("the test was interrupted: this is what was measured until then")
	}
	if lag > float64(lateLag) {
		add("the schedule was kept badly: 1 %% of requests were sent over %s late; this machine is too busy, and its own delay is in what clients waited", time.Duration(lag).Round(100*time.Microsecond))
	}
	if dropped > 0 {
		add("%d requests were not sent, because too many were running: raise the number that may be in flight, or lower the rate", dropped)
	}
	if censored > 0 {
		add("%d requests were still running when waiting for answers ended: quantiles are lower bounds", censored)
	}
	if whole > 0 {
		add("%d answers were not streamed although a stream was asked for: they have no TTFT", whole)
	}
	if uncounted > 0 {
		add("%d answers did not state their tokens: each chunk counts as one", uncounted)
	}
	if asked > 0 && math.Abs(input/asked-1) > promptMiss {
		add("the server counts %.2f prompt tokens for each one that was planned: its vocabulary cuts words otherwise, or it adds a template", input/asked)
	}
	return list
}
