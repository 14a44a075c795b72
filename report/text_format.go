package report

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// bar draws a share in eighths of a cell, 14 cells wide.
func bar(share float64) string {
	const cells = 14
	eighths := int(math.Round(min(max(share, 0), 1) * cells * 8))
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return s + strings.Repeat(" ", cells-len([]rune(s)))
}

// Duration prints nanoseconds with three significant digits in the unit that people would choose.
func Duration(ns float64) string {
	abs := math.Abs(ns)
	switch {
	case abs >= 2*3600e9:
		return significant(ns/3600e9) + " h"
	case abs >= 120e9:
		return significant(ns/60e9) + " min"
	case abs >= 0.9995e9:
		return significant(ns/1e9) + " s"
	case abs >= 0.9995e6:
		return significant(ns/1e6) + " ms"
	case abs >= 0.9995e3:
		return significant(ns/1e3) + " us"
	}
	return significant(ns) + " ns"
}

func significant(f float64) string {
	switch abs := math.Abs(f); {
	case abs >= 99.95 || abs == 0:
		return fmt.Sprintf("%.0f", f)
	case abs >= 9.995:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// Percent prints a share; one that is not zero never prints as zero.
func Percent(share float64) string {
	switch {
	case share > 0 && share < 0.0005:
		return "<0.1 %"
	case share < 0 && share > -0.0005:
		return ">-0.1 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// Count prints n in groups of three digits.
func Count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// clock prints a time, in nanoseconds since the Unix epoch, without its day.
func clock(ns int64) string { return time.Unix(0, ns).UTC().Format("15:04:05.000") }

// printable makes s safe for a terminal and at most max characters long.
func printable(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > max {
		return string(runes[:max-1]) + "…"
	}
	return s
}
