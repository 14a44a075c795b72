package report

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// columns returns how many columns of a terminal r takes.
func columns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fitted makes s safe for a terminal and cuts it to max columns.
func fitted(s string, max int) string {
	s = printable(s, len(s)+1)
	n, cut := 0, 0 // columns so far, and where to cut if it gets too long
	for i, r := range s {
		if n += columns(r); n > max {
			return s[:cut] + "…"
		}
		if n < max {
			cut = i + len(string(r))
		}
	}
	return s
}

// squeezed makes s safe for a terminal and cuts it to max columns in the middle, since the end of a name often says more
// than its beginning.
func squeezed(s string, max int) string {
	s = printable(s, len(s)+1)
	runes := []rune(s)
	used := 0
	for _, r := range runes {
		used += columns(r)
	}
	if used <= max {
		return s
	}
	head, tail := 0, len(runes)
	for n := 1; ; {
		takeTail := head > len(runes)-tail
		next := head
		if takeTail {
			next = tail - 1
		}
		if n += columns(runes[next]); n > max {
			return string(runes[:head]) + "…" + string(runes[tail:])
		}
		if takeTail {
			tail--
		} else {
			head++
		}
	}
}

// fit makes s safe for a terminal and exactly n columns long.
func fit(s string, n int) string {
	s = fitted(s, n)
	used := 0
	for _, r := range s {
		used += columns(r)
	}
	return s + strings.Repeat(" ", max(n-used, 0))
}

// wrapped breaks s at spaces into lines of at most n columns; all but the first start with indent.
func wrapped(s string, n int, indent string) string {
	var lines []string
	line := ""
	for i, word := range strings.Split(s, " ") {
		switch {
		case i == 0:
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = indent + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}
