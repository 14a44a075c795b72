package rules

import "github.com/slowtoken/slowtoken/analyzer/population"

// measureSerial fills in whether requests pass the server's front end one by one.
func (v *view) measureSerial() {
	s := population.SerialOf(v.members)
	if s == nil {
		return
	}
	v.m["approach_excess_mean"], v.m["frontend_hold"] = span(s.Excess, s.N), span(s.Hold, s.N)
	if s.Spread > 0 {
		v.m["frontend_hold_spread"] = number(s.Spread, s.N)
	}
	v.serial("frontend_serial", s.Frontend)
	v.serial("call_serial", s.Calls)
}

func (v *view) serial(name string, q *population.Quantile) {
	if q == nil {
		return
	}
	v.m[name] = number(q.Value, q.N).within(q.Low, q.High)
	v.m[name+"_low"] = number(q.Low, q.N)
}
