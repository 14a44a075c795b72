package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/rules"
)

// MaxTextLines is how many lines the terminal answer has at most.
const MaxTextLines = 25

// maxTextWidth is how many characters a line of it has at most, as far as names from outside go.
const maxTextWidth = 140

// maxTextOperations is how many operations the terminal answer shows, if there is room; the JSON form has them all.
const maxTextOperations = 3

// WriteText prints r for a terminal, in at most [MaxTextLines] lines: why, what it costs and what to do; then what was read,
// the measures, the phases, requests to look at, and what could not be seen. Names from the telemetry are cut and stripped
// of control characters, since they are not ours.
func WriteText(w io.Writer, r *Report) error {
	var p answer
	textCause(&p, r)
	p.addLine(rankKept, incidentLine(r))
	p.add(rankKept, textOf(r, textHeader))
	if r.Requests.Total > 0 {
		if r.Verdict == "" {
			p.add(rankBlank, "\n")
		}
		textMeasures(&p, r)
		p.add(rankKept, textOf(r, textTargets)+textOf(r, textSLO))
		p.add(rankBlank, "\n")
		textPhases(&p, r)
		p.addLine(rankHeadroom, headroomLine(r))
		p.addLine(rankTail, tailLine(r))
	}
	textOperations(&p, r)
	textExemplars(&p, r)
	p.addLine(rankKept, abstainedLine(r))
	textDoubts(&p, r)
	p.fit(MaxTextLines)
	return p.writeTo(w)
}

// textOf returns what print prints.
func textOf(r *Report, print func(*bytes.Buffer, *Report)) string {
	var b bytes.Buffer
	print(&b, r)
	return b.String()
}

func textHeader(b *bytes.Buffer, r *Report) {
	asked := "all data"
	switch {
	case r.Window.Since != nil && r.Window.Until != nil:
		asked = "asked: " + stamp(*r.Window.Since) + " to " + stamp(*r.Window.Until)
	case r.Window.Since != nil:
		asked = "asked: since " + stamp(*r.Window.Since)
	case r.Window.Until != nil:
		asked = "asked: until " + stamp(*r.Window.Until)
	}
	if r.Traces > 0 {
		fmt.Fprintf(b, "window     %s to %s UTC (%s); %s\n", stamp(r.Window.First), stamp(r.Window.Last),
			Duration(float64(r.Window.Last.Sub(r.Window.First))), asked)
	} else {
		fmt.Fprintf(b, "window     no traces; %s\n", asked)
	}
	traces := plural(r.Traces, "trace")
	if r.Plain > 0 && r.Plain < r.Traces {
		traces += fmt.Sprintf(" (%s without a request)", Count(r.Plain))
	}
	fmt.Fprintf(b, "read       %s, %s from %s%s\n", traces, plural(r.Spans, "span"), printable(r.Source, 60), assumption(r))
	c := r.Requests
	if c.Total == 0 {
		fmt.Fprintf(b, "requests   none: no span speaks a known inference dialect (slowtoken doctor lists the names seen)\n")
		return
	}
	fmt.Fprintf(b, "requests   %s: %s ok, %s failed, %s cancelled", Count(c.Total), Count(c.Succeeded), Count(c.Failed), Count(c.Cancelled))
	if c.Running > 0 {
		fmt.Fprintf(b, ", %s still running at the window's end", Count(c.Running))
	}
	if c.Before > 0 {
		fmt.Fprintf(b, "; %s more reach into the window", Count(c.Before))
	}
	if r.Turns > 0 {
		fmt.Fprintf(b, "; %s", plural(r.Turns, "turn"))
	}
	fmt.Fprintf(b, "; %s\n", dialectList(r.Dialects))
	if assumption(r) == "" {
		fmt.Fprintf(b, "sampling   %s\n", samplingText(&r.Sampling))
	}
}

// assumption says that the traces are taken for complete where nothing says otherwise.
func assumption(r *Report) string {
	if s := &r.Sampling; r.Requests.Total > 0 && s.Basis == SamplingAssumed && !s.Suspected {
		return "; sampling: " + s.Basis
	}
	return ""
}

func dialectList(list []Dialect) string {
	var parts []string
	for _, d := range list {
		s := d.Name
		if !d.Verified {
			s += " (experimental)"
		}
		parts = append(parts, s)
	}
	return "dialect " + strings.Join(parts, ", ")
}

func textPhases(a *answer, r *Report) {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%-14s %-22s %-22s %s\n", "critical path", "share of TTFT", "share of E2E", "score: % of E2E to be won back (95 % interval"+starLegend(r)+")")
	var rest restLine
	for _, p := range r.Phases {
		core := false
		for _, c := range analyzer.CorePhases {
			core = core || c == p.Phase
		}
		if !core {
			mark := ""
			if p.NotTrusted {
				mark = "!"
			}
			rest.add(mark+p.Phase.String(), p.TTFTShare, p.E2EShare)
			continue
		}
		if p.Requests == 0 {
			fmt.Fprintf(b, "  %-12s %s\n", p.Phase, notObservable(p.Phase, r.NotApart))
			continue
		}
		mark := " "
		if p.NotTrusted {
			mark = "!"
		}
		fmt.Fprintf(b, "%s %-12s %7s  %s %7s  %s %s\n", mark, p.Phase, Percent(p.TTFTShare), bar(p.TTFTShare), Percent(p.E2EShare), bar(p.E2EShare),
			scoreText(r, p.Phase))
	}
	for _, n := range r.NotApart {
		rest.add(joinPhases(n.Phases, " + ")+" (not separable)", n.TTFTShare, n.E2EShare)
	}
	a.add(rankKept, b.String())
	a.addLine(rankRest, rest.text())
}

// A restLine collects what is none of the core phases, for one line: several small shares are only counted.
type restLine struct{ parts, small []string }

// smallShare is what prints as less than 0.1 %.
const smallShare = 0.0005

func (l *restLine) add(name string, ttft, e2e float64) {
	var shares []string
	if ttft > 0 {
		shares = append(shares, Percent(ttft)+" of TTFT")
	}
	if e2e > 0 {
		shares = append(shares, Percent(e2e)+" of E2E")
	}
	part := strings.TrimRight(name+" "+strings.Join(shares, ", "), " ")
	if ttft < smallShare && e2e < smallShare {
		l.small = append(l.small, part)
		return
	}
	l.parts = append(l.parts, part)
}

// text returns the line; "" where there is no rest.
func (l *restLine) text() string {
	parts := l.parts
	if len(l.small) > 1 {
		parts = append(parts, fmt.Sprintf("%d more under 0.1 %% each", len(l.small)))
	} else {
		parts = append(parts, l.small...)
	}
	if len(parts) == 0 {
		return ""
	}
	return "  the rest     " + printable(strings.Join(parts, "; "), maxTextWidth-15)
}

// notObservable says where a phase that no telemetry shows may hide.
func notObservable(p analyzer.Phase, apart []NotApart) string {
	for _, n := range apart {
		for _, q := range n.Phases {
			if p == q {
				return fmt.Sprintf("not observable here: somewhere in %s of E2E that is not separable", Percent(n.E2EShare))
			}
		}
	}
	return "not observable here"
}

func joinPhases(phases []analyzer.Phase, sep string) string {
	names := make([]string, len(phases))
	for i, p := range phases {
		names[i] = p.String()
	}
	return strings.Join(names, sep)
}

func textOperations(p *answer, r *Report) {
	if len(r.Operations) > 0 {
		p.add(rankBlank, "\n")
	}
	for i := range r.Operations[:min(len(r.Operations), maxTextOperations)] {
		op := &r.Operations[i]
		p.addLine(rankOperation, fmt.Sprintf("operation  %7s of %s on critical paths: %s (%s)", Percent(op.Share), Duration(float64(r.PathTime)),
			printable(op.Service+" "+op.Name, 60), plural(op.Spans, "span")))
	}
}

// textExemplars prints requests to look at: those that the first cause rests on, else the median, the 95th percentile and
// the slowest.
func textExemplars(p *answer, r *Report) {
	if r.Verdict == rules.VerdictBottleneck && len(r.Findings[0].Who.Exemplars) > 0 {
		head := "look at"
		for _, e := range r.Findings[0].Who.Exemplars {
			text := Duration(float64(e.E2E))
			if e.TTFT > 0 {
				text += ", first token after " + Duration(float64(e.TTFT))
			}
			p.addLine(rankKept, fmt.Sprintf("%-10s %s: %s", head, linkOr(e.Link, "trace "+e.TraceID.String(), len(text)), text))
			head = ""
		}
		return
	}
	link := ""
	for _, e := range r.Exemplars {
		if e.What == "p99" {
			continue
		}
		text := fmt.Sprintf("%s, of that %s %s", Duration(float64(e.E2E)), joinPhases(e.Largest, " + "), Percent(e.Share))
		p.addLine(rankKept, fmt.Sprintf("%-10s trace %s: %s", e.What, e.TraceID, text))
		link = e.Link
	}
	if line := "           " + printable(link, len(link)); link != "" && len(line) <= maxTextWidth {
		p.addLine(rankLink, line)
	}
}

// linkOr returns the link if it fits on a line beside so much text, else the other name.
func linkOr(link, name string, beside int) string {
	if link == "" || 13+len(link)+beside > maxTextWidth {
		return name
	}
	return printable(link, len(link))
}
