package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// MaxTextLines is how many lines the terminal answer has at most.
const MaxTextLines = 25

// maxTextWidth is how many characters a line of it has at most, as far as names from outside go.
const maxTextWidth = 140

// maxTextOperations is how many operations the terminal answer shows, if there is room; the JSON form has them all.
const maxTextOperations = 3

// WriteText prints r for a terminal, in at most [MaxTextLines] lines. Names from the telemetry are cut and stripped of
// control characters, since they are not ours.
func WriteText(w io.Writer, r *Report) error {
	var top, end, doubts bytes.Buffer
	textCause(&top, r)
	textHeader(&top, r)
	if r.Requests.Total > 0 {
		textMeasures(&top, r)
		textTargets(&top, r)
		textSLO(&top, r)
		textPhases(&top, r)
	}
	textExemplars(&end, r)
	textDoubts(&doubts, r)
	room := func() int { return MaxTextLines - lines(&top) - lines(&end) - lines(&doubts) }
	textLink(&end, r, room())
	for _, line := range []string{incidentLine(r), headroomLine(r), tailLine(r)} {
		if line != "" && room() > 0 {
			top.WriteString(line + "\n")
		}
	}
	if line := abstainedLine(r); line != "" {
		if n := bytes.IndexByte(doubts.Bytes(), '\n') + 1; room() == 0 && n > 0 {
			doubts.Truncate(n) // what to do comes before what a warning means
		}
		if room() > 0 {
			end.WriteString(line + "\n")
		}
	}
	textOperations(&top, r, room())
	end.Write(doubts.Bytes())
	_, err := w.Write(append(top.Bytes(), end.Bytes()...))
	return err
}

func lines(b *bytes.Buffer) int { return bytes.Count(b.Bytes(), []byte{'\n'}) }

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

func textPhases(b *bytes.Buffer, r *Report) {
	fmt.Fprintf(b, "\n%-14s %-22s %-22s %s\n", "critical path", "share of TTFT", "share of E2E", "score: % of E2E to be won back (95 % interval)")
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
	rest.print(b)
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

func (l *restLine) print(b *bytes.Buffer) {
	parts := l.parts
	if len(l.small) > 1 {
		parts = append(parts, fmt.Sprintf("%d more under 0.1 %% each", len(l.small)))
	} else {
		parts = append(parts, l.small...)
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "  the rest     %s\n", strings.Join(parts, "; "))
	}
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

// textOperations prints operations into so many lines; the first is left empty if there is room.
func textOperations(b *bytes.Buffer, r *Report, room int) {
	n := min(len(r.Operations), maxTextOperations, room)
	if n > 0 && room > 1 {
		b.WriteByte('\n')
		n = min(n, room-1)
	}
	for i := range max(n, 0) {
		op := &r.Operations[i]
		fmt.Fprintf(b, "operation  %7s of %s on critical paths: %s (%s)\n", Percent(op.Share), Duration(float64(r.PathTime)),
			printable(op.Service+" "+op.Name, 60), plural(op.Spans, "span"))
	}
}

func textExemplars(b *bytes.Buffer, r *Report) {
	for _, e := range r.Exemplars {
		if e.What == "p99" {
			continue
		}
		fmt.Fprintf(b, "%-10s trace %s: %s, of that %s %s\n", e.What, e.TraceID, Duration(float64(e.E2E)), joinPhases(e.Largest, " + "), Percent(e.Share))
	}
}
