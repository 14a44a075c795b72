package main

import (
	"fmt"
	"io"
)

// printResult writes a line about one answer.
func printResult(w io.Writer, r *result) {
	verdict := ""
	switch r.part {
	case partHealthy, partHealthyHeldOut:
		verdict = "right"
		switch {
		case r.unfit:
			verdict = "LEFT OUT: it misses its owner's targets"
		case r.answer.first() != "":
			verdict = "FALSE ALARM"
		}
	case partDamage, partPairs:
	default:
		verdict = string(r.judge())
	}
	fmt.Fprintf(w, "%-70s %-20s n %5d cost %3.0f %% E2E %3.0f %% TTFT  want %v: %s  got %s\n", r.name(), r.dialect, r.requests, 100*r.cost.e2e, 100*r.cost.ttft,
		r.labels(), verdict, r.answer.String())
}
