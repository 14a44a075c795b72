package rules

import (
	"math"
	"strconv"
	"strings"
)

// formatMeasure prints a value for people.
func formatMeasure(m Measure, kind Kind, unit string) string {
	switch kind {
	case Bool:
		return strconv.FormatBool(m.Bool)
	case Text:
		return m.Text
	case Duration:
		return formatDuration(m.Number)
	}
	if unit == UnitShare {
		return formatShare(m.Number)
	}
	return formatNumber(m.Number)
}

// formatDuration prints nanoseconds with three significant digits in the unit that people would choose.
func formatDuration(ns float64) string {
	for _, u := range []struct {
		least, size float64
		name        string
	}{{2 * 3600e9, 3600e9, " h"}, {120e9, 60e9, " min"}, {0.9995e9, 1e9, " s"}, {0.9995e6, 1e6, " ms"}, {0.9995e3, 1e3, " us"}} {
		if math.Abs(ns) >= u.least {
			return formatNumber(ns/u.size) + u.name
		}
	}
	return formatNumber(ns) + " ns"
}

// formatShare prints a share as a percentage; one that is not zero never prints as zero.
func formatShare(share float64) string {
	if share > 0 && share < 0.0005 {
		return "<0.1 %"
	}
	return formatNumber(100*share) + " %"
}

// formatNumber prints three significant digits, and whole numbers in full.
func formatNumber(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 || math.Abs(x) >= 99.95 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	s := strconv.FormatFloat(x, 'g', 3, 64)
	if strings.Contains(s, "e") {
		return s
	}
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
