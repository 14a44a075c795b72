package main

import "github.com/slowtoken/slowtoken/inference/sim"

// A cost is what a fault costs: the share of the mean that is gone when it is mended, from the clocks of the simulation.
type cost struct {
	e2e, ttft float64 // share of the broken run's mean
	served    float64 // of the time to when the server had the first token's text
	paired    bool    // the mended run has the very same requests
}

// costOf compares the broken run with the mended one.
func costOf(broken, mended *sim.Run) (c cost) {
	before, after := means(broken), means(mended)
	c.e2e, c.ttft, c.served = 1-after.e2e/before.e2e, 1-after.ttft/before.ttft, 1-after.served/before.served
	c.paired = len(broken.Requests) == len(mended.Requests)
	for i := range broken.Requests {
		if !c.paired {
			break
		}
		a, b := &broken.Requests[i], &mended.Requests[i]
		c.paired = a.Due == b.Due && a.Prompt == b.Prompt && a.Output == b.Output
	}
	return c
}

// ofTTFT is what a fault costs of the time to the first token that a dialect can state: of its own server's, where nobody
// says when the caller had it, and nothing where nobody says when the server had.
func (c *cost) ofTTFT(dialect string) float64 {
	switch {
	case withoutFirstToken[dialect]:
		return 0
	case serverFirstToken[dialect]:
		return c.served
	}
	return c.ttft
}

// latencies are means, in nanoseconds.
type latencies struct{ e2e, ttft, served float64 }

func means(run *sim.Run) (m latencies) {
	n := float64(len(run.Requests))
	for i := range run.Requests {
		r := &run.Requests[i]
		m.e2e, m.ttft = m.e2e+float64(r.E2E())/n, m.ttft+float64(r.TTFT())/n
		if !r.Refused {
			m.served += float64(r.First.Detokenized-r.Due) / n
		}
	}
	return m
}
