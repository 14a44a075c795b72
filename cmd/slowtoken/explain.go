package main

import (
	"fmt"
	"io"

	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// writeExplanation says why a rule fires or does not, in each place that it was evaluated in.
func writeExplanation(w io.Writer, set *rules.Set, r *report.Report, id, format string) error {
	list := set.Explain(id, r.Cases)
	if format == "json" {
		return writeJSON(w, list)
	}
	rule := set.Rule(id)
	fmt.Fprintf(w, "%s: %s\n", rule.ID, rule.Title)
	if len(list) == 0 {
		fmt.Fprintln(w, "nothing to evaluate it on: no requests")
	}
	for i := range list {
		explainPlace(w, r, &list[i])
	}
	return nil
}

func explainPlace(w io.Writer, r *report.Report, x *rules.Explanation) {
	verdict := "does not fire"
	switch {
	case x.Fires:
		verdict = "fires"
	case !x.Decided:
		verdict = "cannot be decided"
	}
	place := x.Domain
	if x.Regime > 0 {
		place += fmt.Sprintf(", stretch %d of steady load", x.Regime)
	}
	for _, withheld := range r.Withheld {
		if withheld.Rule == x.Rule && withheld.Place == x.Place {
			verdict += ", but is not named: " + withheld.Why
		}
	}
	fmt.Fprintf(w, "\n%s: %s\n", place, verdict)
	for _, c := range x.Conditions {
		fmt.Fprintf(w, "  %-10s %s\n", c.Value, c.Text)
		if c.Sides != "" {
			fmt.Fprintf(w, "             %s\n", c.Sides)
		}
	}
	for _, v := range x.Variables {
		value := v.Value
		if v.Low != "" {
			value += fmt.Sprintf(" (%s to %s)", v.Low, v.High)
		}
		if v.N > 0 {
			value += fmt.Sprintf(", n %s", report.Count(v.N))
		}
		fmt.Fprintf(w, "  %-26s %s: %s\n", v.Name, value, v.Doc)
	}
	for _, p := range x.Params {
		origin := p.Source
		if p.Changed != "" {
			origin = "set by " + p.Changed
		}
		fmt.Fprintf(w, "  %-26s %s: %s (%s)\n", p.Name, p.Text(), p.Doc, origin)
	}
	for _, e := range x.Evidence {
		mark := "not seen"
		switch {
		case e.Holds:
			mark = "holds"
		case e.Observed:
			mark = "fails"
		}
		fmt.Fprintf(w, "  evidence %-8s %s\n", mark, e.Text)
	}
	for _, n := range x.Missing {
		fmt.Fprintf(w, "  to know %s: %s\n", n.Variable, n.Remedy)
	}
}
