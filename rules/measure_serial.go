package rules

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// measureSerial fills in whether requests pass the server's front end one by one.
func (v *view) measureSerial() {
	s := population.SerialOf(v.members)
	v.way = s
	if s == nil {
		return
	}
	v.m["approach_excess_mean"], v.m["frontend_hold"] = span(s.Excess, s.N), span(s.Hold, s.N)
	if s.Spread > 0 {
		v.m["frontend_hold_spread"] = number(s.Spread, s.N)
	}
	if s.PromptShare != nil {
		v.m["hold_prompt_share"] = number(*s.PromptShare, s.N)
	}
	if s.EngineShare != nil {
		v.m["hold_engine_share"] = number(*s.EngineShare, s.N)
	}
	if s.Leaving != nil {
		v.m["hold_leaving_share"] = number(*s.Leaving, s.N)
	}
	held := 0.0
	for _, r := range v.latency {
		held += float64(v.held(r))
	}
	v.m["answer_held_mean"] = span(held/float64(max(1, len(v.latency))), len(v.latency))
	v.serial("frontend_serial", s.Frontend)
	v.serial("call_serial", s.Calls)
}

// measureInner fills in whether requests pass the front end within the engine's span one by one.
func (v *view) measureInner() {
	in := population.InnerOf(v.members)
	if in == nil {
		return
	}
	v.m["inner_mean"] = span(in.Mean, in.N)
	v.serial("inner_serial", in.Turns)
	if in.Leaving != nil {
		v.m["inner_leaving_share"] = number(*in.Leaving, in.N)
	}
}

// held returns how much of the time from a request's last token to its end the server's front end is held by other
// requests, as far as that is the server's.
func (v *view) held(r *population.Record) int64 {
	if v.way == nil {
		return 0
	}
	server := int64(0)
	for _, t := range r.Phases() {
		if t.Phase == analyzer.Stream || t.Phase == analyzer.Detokenize || t.Phase == analyzer.Frontend {
			server += t.E2E - t.TTFT
		}
	}
	if done := r.Done(); done != 0 {
		return min(server, v.way.Held(done, r.End))
	}
	return 0
}

func (v *view) serial(name string, q *population.Quantile) {
	if q == nil {
		return
	}
	v.m[name] = number(q.Value, q.N).within(q.Low, q.High)
	v.m[name+"_low"] = number(q.Low, q.N)
}
