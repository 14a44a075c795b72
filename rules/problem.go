package rules

import (
	"fmt"
	"strings"
)

// A Problem is something wrong in a file of rules or fixtures, at a place.
type Problem struct {
	File         string
	Line, Column int // from 1 on
	Message      string
	Source       string // the line of the file; "" when there is none to show
}

// Error returns the problem on one line.
func (p *Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Caret returns the line of the file with a mark under the column, on two lines; "" when there is nothing to show.
func (p *Problem) Caret() string {
	if strings.TrimSpace(p.Source) == "" {
		return ""
	}
	runes := []rune(p.Source)
	var pad strings.Builder
	for i := range min(p.Column-1, len(runes)) {
		if runes[i] == '\t' {
			pad.WriteByte('\t')
		} else {
			pad.WriteByte(' ')
		}
	}
	return p.Source + "\n" + pad.String() + "^"
}

// Problems are all that is wrong with files, in the order of the files.
type Problems []*Problem

// Error lists the problems, each on one line with its place in the file marked below.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Error())
		if caret := p.Caret(); caret != "" {
			b.WriteString("\n    " + strings.ReplaceAll(caret, "\n", "\n    "))
		}
	}
	return b.String()
}
