package dialect

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// unknown stands for a duration that is not stated or was refused.
const unknown = -1

// Units of stated durations, in nanoseconds.
const (
	second      = 1e9
	millisecond = 1e6
)

// A durations reads durations that a span states, and counts those that cannot be.
type durations struct {
	length   int64 // of the span, in nanoseconds
	negative bool  // a negative number is this stack's way to say "not measured"
	warnings analyzer.Warnings
}

// read returns v in nanoseconds, or unknown. Values that are no number, negative or over 1.05 x the span are refused and
// counted; those between are cut to the span and counted, as they are often taken on another clock.
func (d *durations) read(v analyzer.Value, unit float64) int64 {
	number, ok := v.Number()
	if ok && d.negative && number < 0 {
		return unknown
	}
	ns := math.Round(number * unit)
	switch {
	case !ok || !(ns >= 0) || ns > float64(d.length+d.length/20):
		d.warnings.Add(analyzer.WarnDurationRefused, 1)
		return unknown
	case ns > float64(d.length):
		d.warnings.Add(analyzer.WarnOverrun, 1)
		return d.length
	}
	return int64(ns)
}
