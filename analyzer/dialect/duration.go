package dialect

import (
	"math"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/slowtoken/slowtoken/analyzer"
)

// unknown stands for a duration that is not stated or was refused.
const unknown = -1

// Units of stated durations, in nanoseconds.
const (
	second      = 1e9
	millisecond = 1e6
	microsecond = 1e3
	nanosecond  = 1
)

// A durations reads durations that a span states, and counts those that cannot be.
type durations struct {
	length   int64 // of the span, in nanoseconds
	negative bool  // a negative number is this stack's way to say "not measured"
	warnings analyzer.Warnings
	limit    int // characters, at which an SDK has cut the span's texts; 0 where nothing tells so
}

// textLimit returns the length at which the texts of a span look cut: several are as long, and none is longer.
func textLimit(s *analyzer.Span) (limit int) {
	several := false
	for i := range s.Attributes {
		text, _ := s.Attributes[i].Value.AsString()
		switch n := utf8.RuneCountInString(text); {
		case n > limit:
			limit, several = n, false
		case n == limit:
			several = true
		}
	}
	if !several {
		return 0
	}
	return limit
}

// read returns v in nanoseconds, or unknown. Values that are no number, negative or over 1.05 x the span are refused and
// counted; those between are cut to the span and counted, as they are often taken on another clock.
func (d *durations) read(v analyzer.Value, unit float64) int64 {
	number, ok := v.Number()
	if ok && d.negative && number < 0 {
		return unknown
	}
	return d.check(number*unit, ok)
}

// readText is read for durations that are spelled with their unit, as in "1.5ms".
func (d *durations) readText(v analyzer.Value) int64 {
	text, _ := v.AsString()
	duration, err := time.ParseDuration(text)
	fits := err == nil && duration >= 0 && int64(duration) <= d.length+d.length/20
	if !fits && d.limit > 0 && utf8.RuneCountInString(text) == d.limit {
		d.warnings.Add(analyzer.WarnTextCut, 1)
		return unknown
	}
	return d.check(float64(duration), err == nil)
}

// readDotnet is read for durations as .NET prints a TimeSpan: "00:00:01.5000000", with "1." before it for a day.
func (d *durations) readDotnet(v analyzer.Value) int64 {
	text, _ := v.AsString()
	m := timeSpan.FindStringSubmatch(text)
	if m == nil {
		return d.check(0, false)
	}
	var ns float64
	for i, unit := range [...]float64{24 * 3600 * second, 3600 * second, 60 * second, second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return d.check(0, false)
		}
		ns += n * unit
	}
	return d.check(ns, true)
}

var timeSpan = regexp.MustCompile(`^(?:(\d{1,8})\.)?(\d\d):(\d\d):(\d\d(?:\.\d{1,7})?)$`)

// readUnit reads v as unit says.
func (d *durations) readUnit(v analyzer.Value, unit Unit) int64 {
	switch unit {
	case "go", "rust":
		return d.readText(v)
	case "dotnet":
		return d.readDotnet(v)
	}
	return d.read(v, unitNanoseconds[unit])
}

func (d *durations) check(ns float64, ok bool) int64 {
	ns = math.Round(ns)
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
