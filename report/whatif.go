package report

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// WhatIfSchema names the JSON form of a WhatIf. The number grows with every change that can break a reader.
const WhatIfSchema = "slowtoken.whatif/1"

// A WhatIf says what a change would bring, for each capacity domain. Durations are nanoseconds.
type WhatIf struct {
	Schema   string              `json:"schema"`
	Source   string              `json:"source"`
	Window   Window              `json:"window"`
	Traces   int                 `json:"traces"`
	Requests int                 `json:"requests"`
	Facts    population.Facts    `json:"facts,omitempty"`
	Scenario population.Scenario `json:"scenario"`
	Domains  []population.WhatIf `json:"domains"`
	LeftOut  []Warning           `json:"left_out"` // what was not read, or not in full
}

// BuildWhatIf reads all traces and replays their requests as c has them. It stops at the first error that the traces
// yield; a scenario that makes no sense is an error too.
func BuildWhatIf(traces iter.Seq2[*analyzer.Trace, error], c population.Scenario, o Options) (*WhatIf, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p, err := collect(traces, o)
	if err != nil {
		return nil, err
	}
	s := population.StudyOptions{Window: o.Window, Facts: o.Facts}
	w := &WhatIf{
		Schema: WhatIfSchema, Source: o.Source, Window: whatIfWindow(p, &o), Traces: p.Traces, Requests: len(p.Records),
		Facts: o.Facts, Scenario: c, LeftOut: []Warning{},
	}
	if w.Domains, err = p.WhatIf(population.Examine(p, s), c, s); err != nil {
		return nil, err
	}
	if o.LeftOut != nil {
		w.LeftOut = append(w.LeftOut, o.LeftOut()...)
	}
	return w, nil
}

func whatIfWindow(p *population.Population, o *Options) Window {
	return Window{Since: utc(o.Window.Since), Until: utc(o.Window.Until), First: time.Unix(0, p.First).UTC(), Last: time.Unix(0, p.Last).UTC()}
}

// Refusal returns why nothing was replayed, nil if something was.
func (w *WhatIf) Refusal() *population.Abstention {
	var why *population.Abstention
	for i := range w.Domains {
		if d := &w.Domains[i]; len(d.Effects) > 0 {
			return nil
		} else if why == nil && len(d.Abstained) > 0 {
			why = &d.Abstained[0]
		}
	}
	if why == nil {
		why = &population.Abstention{What: "what-if", Why: "there is no request", Remedy: "slowtoken doctor says why there is nothing to see"}
	}
	return why
}

// WriteWhatIfJSON prints all of w as indented JSON.
func WriteWhatIfJSON(out io.Writer, w *WhatIf) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(w)
}

// WriteWhatIfText prints w for a terminal.
func WriteWhatIfText(out io.Writer, w *WhatIf) error {
	var b strings.Builder
	fmt.Fprintf(&b, "what if    %s\n", scenarioText(&w.Scenario))
	fmt.Fprintf(&b, "source     %s: %s\n", w.Source, plural(w.Requests, "request"))
	for i := range w.Domains {
		d := &w.Domains[i]
		if len(w.Domains) > 1 {
			name := d.Domain
			if name == "" {
				name = "requests that name no engine"
			}
			fmt.Fprintf(&b, "\ndomain     %s: %s\n", name, plural(d.Requests, "request"))
		}
		writeWhatIf(&b, d)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeWhatIf(b *strings.Builder, d *population.WhatIf) {
	if d.LeftOut > 0 {
		fmt.Fprintf(b, "left out   %s whose queue and service are not told apart\n", plural(d.LeftOut, "request"))
	}
	if d.Server != "" {
		fmt.Fprintf(b, "server     %s\n", d.Server)
	}
	for _, path := range []population.Path{population.PathE2E, population.PathTTFT} {
		var parts []string
		for _, f := range d.Fidelity {
			if f.Path == path {
				parts = append(parts, fmt.Sprintf("p%.0f %s (observed %s)", 100*f.P, Duration(f.Replayed), Duration(f.Observed)))
			}
		}
		if parts != nil {
			fmt.Fprintf(b, "replay     of today: %s %s\n", path, strings.Join(parts, ", "))
		}
	}
	if len(d.Effects) > 0 {
		fmt.Fprintf(b, "\n           %9s %9s  %-21s %s\n", "before", "after", "95 % interval", "change")
		writeEffects(b, d.Effects)
	}
	if len(d.Serial) > 0 {
		b.WriteString("\nif nobody were waiting: the same taken off each request alone, and no wait the shorter for it\n")
		writeEffects(b, d.Serial)
	}
	if len(d.Assumptions)+len(d.Abstained) > 0 {
		b.WriteString("\n")
	}
	for _, a := range d.Assumptions {
		fmt.Fprintf(b, "assumes    %s\n", a)
	}
	for _, a := range d.Abstained {
		fmt.Fprintf(b, "not said   %s: %s\n", a.What, a.Why)
		if a.Remedy != "" {
			fmt.Fprintf(b, "           %s\n", a.Remedy)
		}
	}
}

func writeEffects(b *strings.Builder, list []population.Effect) {
	for _, e := range list {
		interval := "-"
		if e.Interval != nil {
			interval = Duration(e.Interval.Low) + " to " + Duration(e.Interval.High)
		}
		change := "none"
		if e.Delta != 0 {
			change = fmt.Sprintf("%s (%+.1f %%)", signed(e.Delta), 100*e.Delta/e.Before)
			if e.DeltaCI != nil {
				change += fmt.Sprintf(", %s to %s", signed(e.DeltaCI.Low), signed(e.DeltaCI.High))
			}
		}
		line := fmt.Sprintf("%-6s p%-2.0f %9s %9s  %-21s %s", e.Path, 100*e.P, Duration(e.Before), Duration(e.After), interval, change)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func signed(ns float64) string {
	if ns > 0 {
		return "+" + Duration(ns)
	}
	return Duration(ns)
}

// scenarioText says what is changed.
func scenarioText(c *population.Scenario) string {
	var parts []string
	for _, phase := range analyzer.Phases {
		if k, ok := c.Scale[phase]; ok {
			parts = append(parts, fmt.Sprintf("%s x %g", phase, k))
		}
	}
	if c.Rate != 0 {
		parts = append(parts, fmt.Sprintf("%g x the rate", c.Rate))
	}
	if c.Slots > 0 {
		parts = append(parts, plural(c.Slots, "slot"))
	}
	if c.ChunkBudget > 0 {
		parts = append(parts, fmt.Sprintf("%d tokens a step", c.ChunkBudget))
	}
	return strings.Join(parts, ", ")
}
