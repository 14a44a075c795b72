package main

import "github.com/slowtoken/slowtoken/inference/sim"

// A cost is what a fault costs: the share of the mean that is gone when it is mended, from the clocks of the simulation.
type cost struct {
	e2e, ttft float64 // share of the broken run's mean
	paired    bool    // the mended run has the very same requests
}

// costOf compares the broken run with the mended one.
func costOf(broken, mended *sim.Run) (c cost) {
	beforeE2E, beforeTTFT := means(broken)
	afterE2E, afterTTFT := means(mended)
	c.e2e, c.ttft = 1-afterE2E/beforeE2E, 1-afterTTFT/beforeTTFT
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

// means are those of the time to the last and to the first token, in nanoseconds.
func means(run *sim.Run) (e2e, ttft float64) {
	for i := range run.Requests {
		e2e += float64(run.Requests[i].E2E()) / float64(len(run.Requests))
		ttft += float64(run.Requests[i].TTFT()) / float64(len(run.Requests))
	}
	return e2e, ttft
}
