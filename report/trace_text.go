package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// TraceText says how a trace is printed for a terminal.
type TraceText struct {
	Width    int  // columns; 0 stands for 100, and fewer than 60 are not used
	Colour   bool // phases have colours, beside their letters
	MaxSpans int  // spans to show; 0 for all
}

// WriteTraceText prints v for a terminal: a waterfall of its spans, then its turns and requests with their ledgers, then
// every kind of doubt. Names from the telemetry are cut and stripped of what could steer a terminal.
func WriteTraceText(w io.Writer, v *TraceView, o TraceText) error {
	if o.Width == 0 {
		o.Width = 100
	}
	o.Width = max(o.Width, 60)
	p := tracePrinter{v: v, o: o}
	p.header()
	p.waterfall()
	for i := range v.Turns {
		p.turn(&v.Turns[i])
	}
	for i := range v.Requests {
		p.request(&v.Requests[i])
	}
	if len(v.Requests) == 0 {
		p.b.WriteByte('\n')
		p.prose("", "no request: no span speaks a known inference dialect (slowtoken doctor lists the names seen)")
	}
	p.doubts()
	_, err := w.Write(p.b.Bytes())
	return err
}

type tracePrinter struct {
	b bytes.Buffer
	v *TraceView
	o TraceText
}

// line prints a line, which fits.
func (p *tracePrinter) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// prose prints text in as many lines as it takes; all but the first start with indent.
func (p *tracePrinter) prose(indent, format string, args ...any) {
	p.line("%s", wrapped(fmt.Sprintf(format, args...), p.o.Width, indent))
}

func (p *tracePrinter) header() {
	v := p.v
	p.line("trace %s", v.TraceID)
	p.prose("", "%s, %s, %s, %s; %s from %s UTC",
		plural(v.Spans, "span"), plural(v.Roots, "root"), plural(len(v.Requests), "request"), plural(len(v.Turns), "turn"),
		Duration(float64(length(v.Start, v.End))), time.Unix(0, v.Start).UTC().Format("2006-01-02 15:04:05.000000000"))
}

// after prints how long after the start of the trace a time is.
func (p *tracePrinter) after(ns int64) string {
	return "+" + Duration(float64(length(p.v.Start, ns)))
}

func (p *tracePrinter) turn(u *TurnView) {
	p.b.WriteByte('\n')
	p.line("turn %s  %s", u.ID, fitted(label(u.Service, u.Name), p.o.Width-23))
	p.line("  extent       %s from %s", Duration(float64(u.Ledger.Total)), p.after(u.Extent.Start))
	p.line("  requests     %s: %s", Count(len(u.Requests)), listed(u.Requests, 3))
	p.ledger("ledger", "the turn", &u.Ledger)
}

func (p *tracePrinter) request(r *RequestView) {
	p.b.WriteByte('\n')
	title := label(r.Operation, r.Model)
	if title == "" {
		title = "model not stated"
	}
	p.line("request %s  %s", r.ID, fitted(title+", "+r.Outcome+attempts(r), p.o.Width-26))
	p.field("extent", r.Where+", from "+p.after(r.Extent.Start))
	engine := r.ServerSpan + "  " + r.ServerWhere
	if r.ServerSpan == r.ID {
		engine = "the same span"
	}
	if r.Instance != "" {
		engine += ", instance " + r.Instance
	}
	p.field("server span", engine)
	read := r.Dialect + ", verified against recordings of the stack"
	if !r.Verified {
		read = r.Dialect + ", experimental: never checked against recordings of the stack"
	}
	p.field("dialect", read)
	if r.ErrorType != "" {
		p.field("error", r.ErrorType)
	}
	p.field("tokens", tokens(&r.Tokens))
	p.field("measures", measured(&r.Measures))
	if len(r.Warnings) > 0 {
		p.field("warnings", namesAndCounts(warnings(r.Warnings)))
	}
	if r.FirstToken == nil {
		p.line("  ledger to the first token: none, its time is not known")
	} else {
		p.ledger("ledger to the first token", "TTFT", &r.TTFT)
	}
	p.ledger("ledger to the end", "E2E", &r.E2E)
}

func (p *tracePrinter) field(name, text string) {
	p.line("  %-12s %s", name, fitted(text, p.o.Width-15))
}

func attempts(r *RequestView) string {
	if r.Attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" at attempt %d", r.Attempts)
}

func tokens(t *TokenView) string {
	var list []string
	for _, c := range []struct {
		name  string
		count *int64
	}{{"in", t.Input}, {"out", t.Output}, {"cached", t.Cached}, {"reasoning", t.Reasoning}} {
		if c.count == nil {
			list = append(list, c.name+" not stated")
		} else {
			list = append(list, Count(int(*c.count))+" "+c.name)
		}
	}
	if t.Sequences != nil && *t.Sequences != 1 {
		list = append(list, Count(int(*t.Sequences))+" answers asked for at once")
	}
	return strings.Join(list, ", ")
}

func measured(m *MeasureView) string {
	ttft, tpot, ntpot := "undefined", "undefined", "undefined"
	if m.TTFT != nil {
		ttft = Duration(float64(*m.TTFT))
	}
	if m.TPOT != nil {
		tpot = Duration(*m.TPOT) + "/token"
	}
	if m.NTPOT != nil {
		ntpot = Duration(*m.NTPOT) + "/token"
	}
	return fmt.Sprintf("TTFT %s, TPOT %s, E2E %s, NTPOT %s", ttft, tpot, Duration(float64(m.E2E)), ntpot)
}

// narrow is the width below which bars would leave no room for words.
const narrow = 80

// ledger prints exact nanoseconds, so that the lines add up to the last one.
func (p *tracePrinter) ledger(title, total string, l *LedgerView) {
	p.line("  %s", title)
	digits := len(Count(int(l.Total)))
	for _, line := range l.Lines {
		lead := fmt.Sprintf(" %*s ns  %8s  ", digits, Count(int(line.NS)), Percent(line.Share))
		if p.o.Width >= narrow {
			lead += bar(line.Share) + "  "
		}
		margin := 5 + len([]rune(lead))
		name := phaseName(line.Phase, line.Detail, line.Covers) + "; " + line.Source.String()
		if line.Parts > 1 {
			name += fmt.Sprintf(", %s parts", Count(line.Parts))
		}
		for i, part := range strings.Split(wrapped(name, p.o.Width-margin, ""), "\n") {
			part = fitted(part, p.o.Width-margin)
			if i == 0 {
				p.line("    %s%s%s", p.mark(line.Phase), lead, part)
			} else {
				p.line("%*s%s", margin, "", part)
			}
		}
	}
	p.line("    = %*s ns  %s", digits, Count(int(l.Total)), total)
}

func (p *tracePrinter) doubts() {
	if len(p.v.AllWarnings) == 0 {
		p.line("\nno warnings")
		return
	}
	p.line("\nwarnings")
	for _, w := range p.v.AllWarnings {
		p.prose("    ", "  %s %s: %s", w.Name, Count(w.Count), w.Meaning)
	}
}

func namesAndCounts(list []Warning) string {
	var names []string
	for _, w := range list {
		names = append(names, fmt.Sprintf("%s %s", w.Name, Count(w.Count)))
	}
	return strings.Join(names, ", ")
}

// listed joins the first of many.
func listed(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(list[:most], ", "), Count(len(list)-most))
}
