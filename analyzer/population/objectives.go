package population

import "github.com/slowtoken/slowtoken/analyzer"

// Objectives are the most that one request may take, in nanoseconds; TPOT per output token. Zero stands for no
// objective.
type Objectives struct{ TTFT, TPOT, E2E int64 }

// Any reports whether there is an objective at all.
func (o Objectives) Any() bool { return o != Objectives{} }

// A Verdict says how a request, or one measure of it, stands to its objectives.
type Verdict uint8

// The verdicts.
const (
	NotApplicable Verdict = iota // the objective means nothing for this request
	Attained                     // within the objective
	Missed                       // over it; failed and cancelled requests always are
	NotKnown                     // the objective applies, and the telemetry does not state the measure
	StillRunning                 // not over it yet when the window ended
)

// Judge returns how r stands to all of o in a window that ends at until, which is zero for an open end. A miss outweighs
// what is unknown, and that outweighs still running.
func (o Objectives) Judge(r *Record, until int64) Verdict {
	if !r.Running(until) && r.Outcome != analyzer.Succeeded {
		return Missed
	}
	verdicts := o.Each(r, until)
	verdict := Attained
	if r.Running(until) {
		verdict = StillRunning
	}
	for _, v := range verdicts {
		switch v {
		case Missed:
			return Missed
		case NotKnown:
			verdict = NotKnown
		}
	}
	return verdict
}

// Each returns how r stands to TTFT, TPOT and E2E by themselves; NotApplicable also where there is no objective.
func (o Objectives) Each(r *Record, until int64) [3]Verdict {
	return [3]Verdict{o.ttft(r, until), o.tpot(r, until), o.e2e(r, until)}
}

// ttft applies to what is streamed: nobody sees the first token of another answer.
func (o Objectives) ttft(r *Record, until int64) Verdict {
	if o.TTFT == 0 || r.Streaming == analyzer.No || r.Embedding {
		return NotApplicable
	}
	ns, ok := r.TTFT()
	switch {
	case !ok:
		return NotKnown
	case r.Running(until) && r.FirstToken > until:
		return within(float64(until-r.Start), o.TTFT, StillRunning)
	}
	return within(float64(ns), o.TTFT, Attained)
}

// tpot applies to answers of two tokens and more.
func (o Objectives) tpot(r *Record, until int64) Verdict {
	if o.TPOT == 0 || r.Embedding || r.OutputTokens == 0 || r.OutputTokens == 1 {
		return NotApplicable
	}
	ns, ok := r.TPOT()
	switch {
	case r.Running(until):
		return StillRunning
	case !ok:
		return NotKnown
	}
	return within(ns, o.TPOT, Attained)
}

// e2e of a leg without the other is only the least that the request took.
func (o Objectives) e2e(r *Record, until int64) Verdict {
	switch {
	case o.E2E == 0:
		return NotApplicable
	case r.Running(until):
		return within(float64(until-r.Start), o.E2E, StillRunning)
	case r.Leg != analyzer.LegNone:
		return within(float64(r.E2E()), o.E2E, NotKnown)
	}
	return within(float64(r.E2E()), o.E2E, Attained)
}

func within(ns float64, limit int64, verdict Verdict) Verdict {
	if ns > float64(limit) {
		return Missed
	}
	return verdict
}
