package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/slowtoken/slowtoken/analyzer"
)

// MaxTextLines is how many lines the terminal answer has at most.
const MaxTextLines = 25

// textOperations is how many operations the terminal answer shows; the JSON form has them all.
const textOperations = 3

// WriteText prints r for a terminal, in at most [MaxTextLines] lines. Names from the telemetry are cut and stripped of
// control characters, since they are not ours.
func WriteText(w io.Writer, r *Report) error {
	var b bytes.Buffer
	textHeader(&b, r)
	if r.Requests.Total > 0 {
		textMeasures(&b, r)
		textPhases(&b, r)
	}
	textOperationsTable(&b, r)
	textExemplars(&b, r)
	textDoubts(&b, r)
	_, err := w.Write(b.Bytes())
	return err
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
	fmt.Fprintf(b, "read       %s, %s from %s\n", traces, plural(r.Spans, "span"), printable(r.Source, 90))
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

func textMeasures(b *bytes.Buffer, r *Report) {
	fmt.Fprintf(b, "\n%-10s %7s   %-26s %-26s %s\n", "latency", "n", "p50 (95 % interval)", "p95", "p99")
	for _, m := range r.Measures {
		var row strings.Builder
		fmt.Fprintf(&row, "  %-8s %7s  ", m.Name, Count(m.N))
		if m.N == 0 {
			row.WriteString(" not observable here")
		}
		for _, q := range m.Quantiles {
			fmt.Fprintf(&row, " %-26s", quantile(q, r.Requests.Censored))
		}
		fmt.Fprintln(b, strings.TrimRight(row.String(), " "))
	}
}

// quantile prints a value and its interval; "at least" stands where the sample is too small for an upper end.
func quantile(q Quantile, censored bool) string {
	value := Duration(q.Value)
	if censored {
		value = ">= " + value
	}
	switch {
	case q.Low == nil:
		return value + " (n too small)"
	case q.High == nil:
		return fmt.Sprintf("%s (%s to ?)", value, Duration(*q.Low))
	}
	low, high := Duration(*q.Low), Duration(*q.High)
	lowNumber, lowUnit, _ := strings.Cut(low, " ")
	if _, highUnit, _ := strings.Cut(high, " "); lowUnit == highUnit {
		low = lowNumber
	}
	return fmt.Sprintf("%s (%s to %s)", value, low, high)
}

func textPhases(b *bytes.Buffer, r *Report) {
	fmt.Fprintf(b, "\n%-16s %-24s %s\n", "critical path", "share of TTFT", "share of E2E")
	var rest []string
	for _, p := range r.Phases {
		core := false
		for _, c := range analyzer.CorePhases {
			core = core || c == p.Phase
		}
		if !core {
			rest = append(rest, fmt.Sprintf("%s %s", p.Phase, Percent(p.E2EShare)))
			continue
		}
		if p.Requests == 0 {
			fmt.Fprintf(b, "  %-12s %s\n", p.Phase, notObservable(p.Phase, r.NotApart))
			continue
		}
		fmt.Fprintf(b, "  %-12s %7s  %-16s %7s  %s\n", p.Phase, Percent(p.TTFTShare), bar(p.TTFTShare), Percent(p.E2EShare), strings.TrimRight(bar(p.E2EShare), " "))
	}
	for _, n := range r.NotApart {
		rest = append(rest, fmt.Sprintf("%s %s, not separable", joinPhases(n.Phases, " + "), Percent(n.E2EShare)))
	}
	if len(rest) > 0 {
		fmt.Fprintf(b, "  rest of E2E  %s\n", strings.Join(rest, "; "))
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

func textOperationsTable(b *bytes.Buffer, r *Report) {
	if len(r.Operations) == 0 {
		return
	}
	b.WriteByte('\n')
	for i, op := range r.Operations {
		if i == textOperations {
			break
		}
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

// textDoubts names every kind of warning with its count, and says what the first one means.
func textDoubts(b *bytes.Buffer, r *Report) {
	doubts := append(append([]Warning(nil), r.LeftOut...), r.Warnings...)
	if len(doubts) == 0 {
		return
	}
	var names []string
	for _, w := range doubts {
		names = append(names, fmt.Sprintf("%s %s", w.Name, Count(w.Count)))
	}
	fmt.Fprintf(b, "warnings   %s\n", printable(strings.Join(names, ", "), 120))
	fmt.Fprintf(b, "           %s: %s\n", doubts[0].Name, doubts[0].Meaning)
}

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
	if share > 0 && share < 0.0005 {
		return "<0.1 %"
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
