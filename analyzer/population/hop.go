package population

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// lastHop returns when the last hop to a request's server began and when the server's span did: the network before whatever
// is neither on the way to the server nor before it. Both are zero where no hop shows, or where the clocks of both sides
// differ.
func lastHop(r *analyzer.Request) (sent, accepted int64) {
	ok := false
	if r.Warnings[analyzer.WarnClockSkew] > 0 || r.Warnings[analyzer.WarnClockDrift] > 0 {
		return 0, 0
	}
	for i := range r.E2ELedger.Parts {
		switch p := &r.E2ELedger.Parts[i]; p.Phase {
		case analyzer.Network:
			if !ok {
				sent = p.Start
			}
			accepted, ok = p.End, true // stretches of it may follow each other
		case analyzer.Client, analyzer.Retry, analyzer.Gateway:
			ok = false // a hop ends at the server only if the server comes next
		default:
			if !ok {
				return 0, 0
			}
			return sent, accepted
		}
	}
	return 0, 0
}

// wayBack returns when the span of a request's server ended: when the network, and what else lies on the way back to the
// caller, began after all that is the server's. It is zero where no way back shows, or where the clocks of both sides differ.
func wayBack(r *analyzer.Request) int64 {
	if r.Warnings[analyzer.WarnClockSkew] > 0 || r.Warnings[analyzer.WarnClockDrift] > 0 {
		return 0
	}
	back := false
	for _, p := range slices.Backward(r.E2ELedger.Parts) {
		switch p.Phase {
		case analyzer.Network:
			back = true
		case analyzer.Client, analyzer.Gateway:
		default:
			if !back {
				return 0
			}
			return p.End
		}
	}
	return 0
}
