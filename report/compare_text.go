package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// WriteCompareText prints c for a terminal.
func WriteCompareText(w io.Writer, c *Comparison) error {
	var b bytes.Buffer
	for i, side := range []*population.Side{&c.Before, &c.After} {
		sampled := ""
		if side.Sampled < side.Requests {
			sampled = fmt.Sprintf(" (%s of them sampled)", Count(side.Sampled))
		}
		fmt.Fprintf(&b, "%-11s%s: %s%s, %s to %s UTC\n", [2]string{"before", "after"}[i], printable(c.Sources[i], 50), plural(side.Requests, "request"), sampled,
			stamp(time.Unix(0, side.Since)), stamp(time.Unix(0, side.Until)))
	}
	for i, line := range c.verdict() {
		fmt.Fprintf(&b, "%-11s%s\n", [2]string{"verdict", ""}[min(i, 1)], line)
	}
	same := c.SizesChanged
	compareHeader(&b, same)
	for i := range c.Workload {
		compareRow(&b, &c.Workload[i], c.Workload[i].Name, same)
	}
	last := ""
	for i := range c.Measures {
		ch := &c.Measures[i]
		name := ""
		if ch.Name != last {
			name, last = ch.Name, ch.Name
		}
		compareRow(&b, ch, fmt.Sprintf("%-12s %s", name, ch.Stat), same)
	}
	compareRow(&b, c.Errors, c.Errors.Name, same)
	c.phaseRows(&b, population.PathTTFT, "of the mean TTFT", same)
	c.phaseRows(&b, population.PathE2E, "of the mean E2E", same)
	for i := range c.Gates {
		g := &c.Gates[i]
		fmt.Fprintf(&b, "%-11s%s: %s (%s)\n", "fail-on", g.Text, g.Verdict, g.Detail)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func compareHeader(b *bytes.Buffer, same bool) {
	header := fmt.Sprintf("\n%-24s %10s %10s   %-28s %-7s", "", "before", "after", "change (95 % interval)", "p")
	if same {
		header += " at the same sizes"
	}
	fmt.Fprintln(b, strings.TrimRight(header, " "))
}

// phaseRows prints the phases of a path that have any time.
func (c *Comparison) phaseRows(b *bytes.Buffer, path population.Path, title string, same bool) {
	printed := false
	for i := range c.Phases {
		ch := &c.Phases[i]
		if *ch.Path != path || ch.Why == "" && ch.Before == 0 && ch.After == 0 {
			continue
		}
		if !printed {
			fmt.Fprintln(b, title)
			printed = true
		}
		compareRow(b, ch, "  "+ch.Name, same)
	}
}

func compareRow(b *bytes.Buffer, ch *population.Change, name string, same bool) {
	row := fmt.Sprintf("%-24s ", printable(name, 24))
	switch {
	case ch.Why != "" && (ch.N[0] == 0 || ch.N[1] == 0):
		row += ch.Why
	case ch.Why != "":
		row += fmt.Sprintf("%10s %10s   ? %s", figure(ch.Before, ch.Unit), figure(ch.After, ch.Unit), ch.Why)
	default:
		row += fmt.Sprintf("%10s %10s   %-28s %-7s", figure(ch.Before, ch.Unit), figure(ch.After, ch.Unit), changeText(&ch.Difference, ch.Unit), pText(ch.P))
		if same && ch.Same != nil {
			row += " " + changeText(ch.Same, ch.Unit)
		}
	}
	fmt.Fprintln(b, strings.TrimRight(row, " "))
}

func figure(x float64, unit string) string {
	switch unit {
	case "ns":
		return Duration(x)
	case "share":
		return Percent(x)
	case "tokens":
		return significant(x)
	}
	return rate(x) + unit
}

// changeText prints a change, or ~ where it can be chance.
func changeText(d *population.Difference, unit string) string {
	switch {
	case !d.Significant:
		return "~"
	case unit == "share":
		return fmt.Sprintf("%+.1f points", 100*(d.After-d.Before))
	case d.Change == nil:
		return "from nothing"
	}
	return fmt.Sprintf("%s (%s to %s)", signedPercent(d.Change.Value), signedNumber(d.Change.Low), signedNumber(d.Change.High))
}

func signedNumber(share float64) string {
	if math.Abs(share) >= 9.995 {
		return fmt.Sprintf("%+.0f", 100*share)
	}
	return fmt.Sprintf("%+.1f", 100*share)
}

func pText(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// verdict says in words what the table shows.
func (c *Comparison) verdict() (lines []string) {
	at := ""
	if c.SizesChanged {
		at = ", at the same sizes"
	}
	switch {
	case c.Before.Requests == 0 || c.After.Requests == 0:
		return []string{"nothing to compare: one side has no request"}
	case len(c.Slower) > 0 && len(c.Faster) > 0:
		lines = append(lines, "mixed"+at+"; slower: "+nameList(c.Slower)+"; faster: "+nameList(c.Faster))
	case len(c.Slower) > 0:
		lines = append(lines, "slower"+at+": "+nameList(c.Slower))
	case len(c.Faster) > 0:
		lines = append(lines, "faster"+at+": "+nameList(c.Faster))
	case c.comparable() == 0:
		lines = append(lines, "nothing can be said: "+c.Measures[0].Why)
	default:
		lines = append(lines, "no difference beyond chance"+at+c.resolution())
		lines = append(lines, c.incident()...)
	}
	if line := c.mostOf(population.PathTTFT, "TTFT"); line != "" {
		lines = append(lines, line)
	}
	if line := c.mostOf(population.PathE2E, "E2E"); line != "" {
		lines = append(lines, line)
	}
	if c.SizesChanged {
		text := "other requests than before: models or sizes changed"
		if c.Overlap < 1 {
			text += fmt.Sprintf("; %s of them have a like on the other side", Percent(c.Overlap))
		}
		lines = append(lines, text)
	}
	if c.LoadChanged {
		lines = append(lines, "another load than before: waits follow the rate of arrivals, and no size accounts for that")
	}
	return lines
}

// comparable counts the latencies of which something can be said.
func (c *Comparison) comparable() (n int) {
	for i := range c.Measures {
		if c.Measures[i].Why == "" {
			n++
		}
	}
	return n
}

// resolution says how large a difference would have shown.
func (c *Comparison) resolution() string {
	var parts []string
	for i := range c.Measures {
		ch := &c.Measures[i]
		if d := c.judged(ch); ch.Why == "" && ch.Stat == "mean" && d.Change != nil {
			parts = append(parts, fmt.Sprintf("%s %s to %s %%", ch.Name, signedNumber(d.Change.Low), signedNumber(d.Change.High)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; means can have changed by " + strings.Join(parts, ", ")
}

// largeChange is how much a mean must differ for a person to wonder why that can be chance.
const largeChange = 0.2

// incident says why means that look different can be so by chance: few stretches of time make up the difference.
func (c *Comparison) incident() []string {
	heavy, which := c.Before.Heaviest, "before"
	if c.After.Heaviest > heavy {
		heavy, which = c.After.Heaviest, "after"
	}
	for i := range c.Measures {
		ch := &c.Measures[i]
		d := c.judged(ch)
		if ch.Why != "" || ch.Stat != "mean" || d.Change == nil || math.Abs(d.Change.Value) < largeChange {
			continue
		}
		return []string{
			fmt.Sprintf("mean %s went from %s to %s, but few stretches of time make that up: one of %s holds %s of its E2E", ch.Name,
				Duration(d.Before), Duration(d.After), which, Percent(heavy)),
			"one incident tells no level from another; slowtoken analyze shows it, and longer windows would tell",
		}
	}
	return nil
}

// mostOf names the phase that accounts for most of a significant change of a path's mean.
func (c *Comparison) mostOf(path population.Path, measure string) string {
	var total *population.Difference
	for i := range c.Measures {
		if c.Measures[i].Name == measure && c.Measures[i].Stat == "mean" {
			total = c.judged(&c.Measures[i])
		}
	}
	if total == nil || !total.Significant {
		return ""
	}
	var most *population.Change
	for i := range c.Phases {
		ch := &c.Phases[i]
		if *ch.Path != path || ch.Why != "" || !c.judged(ch).Significant {
			continue
		}
		if d := c.judged(ch); most == nil || math.Abs(d.After-d.Before) > math.Abs(c.judged(most).After-c.judged(most).Before) {
			most = ch
		}
	}
	if most == nil {
		return ""
	}
	d := c.judged(most)
	return fmt.Sprintf("mean %s changed by %s, %s by %s", measure, signedDuration(total.After-total.Before), most.Name, signedDuration(d.After-d.Before))
}

func signedDuration(ns float64) string {
	if ns < 0 {
		return Duration(ns)
	}
	return "+" + Duration(ns)
}

// nameList names the first few.
func nameList(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
