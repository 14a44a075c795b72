package report

import (
	"io"
	"strings"
)

// An answer is the lines of the terminal answer, in order. Where there are too many, those of the highest rank are left out,
// the last ones first; those of rank 0 stay.
type answer struct{ lines []answerLine }

type answerLine struct {
	text string
	rank int
}

// The ranks of lines, those that go first last.
const (
	rankKept  = iota
	rankCause // the second line of a long one
	rankDefinition
	rankMeaning
	rankRest
	rankThen
	rankHeadroom
	rankTail
	rankLink
	rankBlank
	rankOperation
)

// add appends the lines of text, each of which ends in a line feed.
func (p *answer) add(rank int, text string) {
	for line := range strings.Lines(text) {
		p.lines = append(p.lines, answerLine{line, rank})
	}
}

// addLine appends a line without its line feed; none if it is empty.
func (p *answer) addLine(rank int, text string) {
	if text != "" {
		p.add(rank, text+"\n")
	}
}

// fit leaves lines out until there are at most so many, or only those that stay.
func (p *answer) fit(most int) {
	for len(p.lines) > most {
		worst := 0
		for i := range p.lines {
			if p.lines[i].rank >= p.lines[worst].rank {
				worst = i
			}
		}
		if p.lines[worst].rank == rankKept {
			return
		}
		p.lines = append(p.lines[:worst], p.lines[worst+1:]...)
	}
}

func (p *answer) writeTo(w io.Writer) error {
	var b strings.Builder
	for i := range p.lines {
		b.WriteString(p.lines[i].text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
