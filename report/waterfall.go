package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A phaseLook is how a phase appears in a picture: a letter, and a background of the 256 colours.
type phaseLook struct {
	letter rune
	colour int
}

// phaseLooks has no two letters alike. Time on the path that no phase explains is a solid block.
var phaseLooks = [analyzer.NumPhases]phaseLook{
	analyzer.Unattributed: {'█', 0},
	analyzer.Queue:        {'Q', 209},
	analyzer.Tokenize:     {'T', 151},
	analyzer.GPUTransfer:  {'G', 183},
	analyzer.Prefill:      {'P', 117},
	analyzer.Decode:       {'D', 114},
	analyzer.Frontend:     {'F', 187},
	analyzer.Network:      {'N', 222},
	analyzer.Gateway:      {'W', 180},
	analyzer.ModelLoad:    {'M', 177},
	analyzer.Detokenize:   {'K', 152},
	analyzer.Stream:       {'S', 159},
	analyzer.Client:       {'C', 250},
	analyzer.Retry:        {'R', 203},
	analyzer.Tool:         {'L', 216},
	analyzer.Other:        {'O', 146},
}

// offPath is a cell of a span's time that is not its own on the critical path.
const offPath = '░'

// mark is the sign of a phase, in its colour.
func (p *tracePrinter) mark(phase analyzer.Phase) string {
	look := phaseLooks[phase]
	if !p.o.Colour || look.colour == 0 {
		return string(look.letter)
	}
	return fmt.Sprintf("\x1b[38;5;16;48;5;%dm%c\x1b[0m", look.colour, look.letter)
}

// phaseName spells a part's meaning for people.
func phaseName(phase analyzer.Phase, detail string, covers []analyzer.Phase) string {
	name := phase.String()
	switch {
	case len(covers) > 0 && phase == analyzer.Unattributed:
		return joinPhases(covers, " + ") + ", not separable"
	case len(covers) > 0:
		var others []analyzer.Phase
		for _, c := range covers {
			if c != phase {
				others = append(others, c)
			}
		}
		return fmt.Sprintf("%s (with %s, not separable)", name, joinPhases(others, " + "))
	case detail != "":
		return name + "/" + detail
	}
	return name
}

// waterfall draws one line a span: its name below what it belongs to, how long it took, how much of the trace is its own
// time on the critical path, and where in the trace it is.
func (p *tracePrinter) waterfall() {
	const duration, path, status = 8, 7, 5
	v := p.v
	total := length(v.Start, v.End)
	rows, leftOut := v.Rows(p.o.MaxSpans)
	names := min(max(p.o.Width*9/25, 20), 80)
	cells := p.o.Width - names - duration - path - status - 4
	p.line("\n%s %*s %*s %-*s 0%*s", fit("service: name", names), duration, "duration", path, "path", status, "", cells-1, Duration(float64(total)))
	c := newCanvas(v.Start, v.End, cells)
	used := make(map[analyzer.Phase]bool)
	for i := range rows {
		r := &rows[i]
		failed, onPath := "", ""
		if r.Span.Status != "unset" {
			failed = r.Span.Status
		}
		if r.Span.Critical > 0 {
			onPath = Percent(share(r.Span.Critical, total))
		}
		c.draw(r.Span)
		line := fmt.Sprintf("%s %*s %*s %-*s %s", fit(rowName(r, names), names), duration, Duration(float64(length(r.Span.Start, r.Span.End))),
			path, onPath, status, failed, p.cells(c, used))
		p.line("%s", strings.TrimRight(line, " "))
	}
	p.b.WriteByte('\n')
	p.legend(used)
	if leftOut > 0 {
		p.prose("  ", "%s left out, those on the critical path last; (+n) counts them below the span above; --max-spans 0 shows all", plural(leftOut, "span"))
	}
}

// maxIndent is how far a line is indented; deeper ones say how deep they are.
const maxIndent = 12

func rowName(r *TraceRow, width int) string {
	s := r.Span
	lead := strings.Repeat(" ", min(r.Indent, maxIndent))
	if r.Indent > maxIndent {
		lead += fmt.Sprintf("%d:", s.Depth)
	}
	if r.Gap {
		lead += "… "
	}
	name := s.Name
	if !r.SameService {
		name = label(s.Service, s.Name)
	}
	tail := ""
	switch {
	case s.Repaired == analyzer.WarnOrphan:
		tail = " (parent missing)"
	case s.Repaired == analyzer.WarnSelfParent:
		tail = " (its own parent)"
	case s.Repaired == analyzer.WarnCycleBroken:
		tail = " (loop cut here)"
	case s.Async:
		tail = " (not waited for)"
	}
	if r.Below > 0 {
		tail += fmt.Sprintf(" (+%s)", Count(r.Below))
	}
	room := width - len([]rune(lead)) - len([]rune(tail))
	return lead + squeezed(name, max(room, 8)) + tail
}

// legend explains the signs in use.
func (p *tracePrinter) legend(used map[analyzer.Phase]bool) {
	const indent = "  "
	lead := "critical path: "
	room := p.o.Width - len(lead)
	p.b.WriteString(lead)
	item := func(sign, meaning string) {
		if room -= len(indent) + 2 + len(meaning); room < 0 {
			p.b.WriteString("\n" + indent)
			room = p.o.Width - 2*len(indent) - 2 - len(meaning)
		}
		p.b.WriteString(sign + " " + meaning + indent)
	}
	for _, phase := range analyzer.Phases {
		if used[phase] && phase != analyzer.Unattributed {
			item(p.mark(phase), phase.String())
		}
	}
	if used[analyzer.Unattributed] {
		item(p.mark(analyzer.Unattributed), "no phase known, or several not separable")
	}
	item(string(offPath), "off it")
	p.b.Truncate(p.b.Len() - len(indent))
	p.b.WriteByte('\n')
}

// cells turns the canvas into text.
func (p *tracePrinter) cells(c *canvas, used map[analyzer.Phase]bool) string {
	var b strings.Builder
	last := 0
	for _, cell := range c.cells {
		colour := 0
		sign := ' '
		switch cell {
		case empty:
		case off:
			sign = offPath
		default:
			used[analyzer.Phase(cell)] = true
			sign = phaseLooks[cell].letter
			colour = phaseLooks[cell].colour
		}
		if p.o.Colour && colour != last {
			b.WriteString("\x1b[0m")
			if colour != 0 {
				fmt.Fprintf(&b, "\x1b[38;5;16;48;5;%dm", colour)
			}
			last = colour
		}
		b.WriteRune(sign)
	}
	if last != 0 {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}
