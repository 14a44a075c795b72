package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A page is Markdown in the making.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes rows of cells under a header.
func (p *page) table(header string, rows ...[]string) {
	names := strings.Split(header, " | ")
	p.line("| %s |", header)
	p.line("|%s", strings.Repeat(" --- |", len(names)))
	for _, cells := range rows {
		p.line("| %s |", strings.Join(cells, " | "))
	}
	p.line("")
}

// summary is the scoreboard alone.
func (b *board) summary() string {
	var p page
	b.headline(&p)
	return p.String()
}

// document is docs/ground_truth.md.
func (b *board) document() string {
	var p page
	p.line("# How often the answer is right\n")
	p.line("<!-- Written by `make ground-truth`. -->\n")
	p.line("%s\n", introduction)
	p.line("```sh\nmake ground-truth      # writes this page: %d answers about %d simulated runs\ngo run ./cmd/groundtruth --only develop --list   # while rules are tuned\n```\n", len(b.results), b.runs())
	p.table("what | value",
		[]string{"SHA-256 of the rules", "`" + b.rulesHash + "`"},
		[]string{"SHA-256 of `cmd/groundtruth/split.json`", "`" + splitHash() + "`"},
		[]string{"rules frozen before the run", frozen(b.rulesHash)},
		[]string{"commit that was run, the analyzer's code included", b.commit},
		[]string{"held-out models and devices, workloads", heldOutText(b.split)},
		[]string{"seeds", fmt.Sprintf("tuning %v, held out %v, healthy for tuning %v, healthy held out %v, curves %v, owners %d", b.split.Seeds.tuning(), b.split.Seeds.HeldOut, b.split.Seeds.Healthy.tuning(), b.split.Seeds.Healthy.HeldOut, b.split.Seeds.Curve, b.split.Seeds.Calibration)},
	)
	p.line("## Scoreboard\n")
	b.headline(&p)
	p.line("%s\n", reading)
	b.byDialect(&p)
	b.byFault(&p)
	b.byRule(&p)
	b.missTable(&p)
	b.healthyTable(&p)
	b.abstentions(&p)
	b.damage(&p)
	b.pairs(&p)
	b.phaseErrors(&p)
	b.savingTable(&p)
	b.recoveryTable(&p)
	b.curveTable(&p)
	b.baselineTable(&p)
	p.line("%s", limits)
	return p.String()
}

// heldOutText lists what is in no scenario for tuning beside faults and dialects.
func heldOutText(s *split) string {
	var list []string
	for _, h := range s.Shapes.HeldOut {
		list = append(list, shortName(h.Model)+" on "+shortName(h.Device))
	}
	return strings.Join(append(list, s.Workloads.HeldOut...), "; ")
}

// runs counts the simulations behind the results.
func (b *board) runs() int {
	return countRuns(b.results, "") + countRuns(b.unfit, "")
}

func (b *board) headline(p *page) {
	heldOut, developed, healthy := b.scoring(partHeldOut), b.scoring(partDevelop), b.of(partHealthyHeldOut, foreign)
	var rows [][]string
	atLeast := func(what string, s share, limit float64) {
		low, _ := s.wilson()
		rows = append(rows, []string{what, s.String(), fmt.Sprintf("lower bound from %.0f %%", 100*limit), met(s.n > 0 && low >= limit, 100*(limit-low))})
	}
	plain := func(what, value string) { rows = append(rows, []string{what, value, "", ""}) }
	if len(heldOut) > 0 {
		atLeast("top-1, held out", top(heldOut, 1), 0.95)
		atLeast("top-1, held-out dialects alone", top(b.scoring(partHeldOut, b.unseenDialect), 1), 0.8)
		plain("top-1, held-out fault types alone", top(b.scoring(partHeldOut, func(r *result) bool { return r.unseen }), 1).String())
		plain("top-3, held out", top(heldOut, 3).String())
		precision, recall, f1, n := macro(confusions(heldOut, healthy))
		plain("macro precision, recall, F1, held out and healthy", fmt.Sprintf("%.2f, %.2f, %.2f over %d rules", precision, recall, f1, n))
	}
	if len(developed) > 0 {
		plain("top-1, for tuning", top(developed, 1).String())
		plain("top-3, for tuning", top(developed, 3).String())
	}
	inMain := func(r *result) bool { return r.dialect == mainDialect }
	inOthers := func(r *result) bool { return r.dialect != mainDialect }
	if s := alarms(b.of(partHealthyHeldOut, inMain)); s.n > 0 {
		_, high := s.wilson()
		rows = append(rows, []string{"false alarms on healthy runs, held out", s.String(), "upper bound to 2 %", met(s.n >= 189 && high <= 0.02, 100*(high-0.02))})
		plain("the same, in other dialects", alarms(b.of(partHealthyHeldOut, foreign, inOthers)).String())
	}
	if s := alarms(b.of(partHealthy, inMain)); s.n > 0 {
		plain("false alarms on healthy runs, for tuning", s.String())
		plain("the same, in other dialects", alarms(b.of(partHealthy, foreign, inOthers)).String())
	}
	if cells := b.errorCells(); len(cells) > 0 {
		var derivedCells share
		for i := range cells {
			if !cells[i].row.stated && cells[i].dialect != ownDialect {
				derivedCells.count(cells[i].withinTarget())
			}
		}
		rows = append(rows, []string{"phases read within 2 ms or 2 %, round trips left out", derivedCells.short() + " cells", "all", metPlain(derivedCells.k == derivedCells.n)})
	}
	rows = append(rows, b.savingRows()...)
	p.table("measure | value (Wilson's 95 % interval) | target | met", rows...)
}

// savingRows hold scores, and what findings say can be won back, against what mending saves: of all runs, and of those
// that are held out.
func (b *board) savingRows() (rows [][]string) {
	heldOut := b.savingRuns(partHeldOut)
	all := slices.Concat(heldOut, b.savingRuns(partDevelop))
	for _, kind := range savingKinds {
		if _, absolute, correlation, n, _ := savings(all, kind.scores); n > 1 {
			rows = append(rows,
				[]string{"score against real saving, " + kind.title + ": mean absolute error", fmt.Sprintf("%.1f points, %d runs", absolute, n), "to 5 points", met(absolute <= 5, absolute-5)},
				[]string{"rank correlation", fmt.Sprintf("%.2f", correlation), "from 0.90", metPlain(correlation >= 0.9)})
		}
		if _, absolute, correlation, n, _ := savings(heldOut, kind.scores); n > 1 {
			rows = append(rows, []string{"the same two, held out alone", fmt.Sprintf("%.1f points, %.2f, %d runs", absolute, correlation, n), "", ""})
		}
	}
	for _, kind := range savingKinds {
		if _, s, _ := recoveries(all, kind.recovery); s.n > 0 {
			rows = append(rows, []string{"recoverable within 25 % of the real saving, " + kind.title, s.String(), "from 80 %", met(s.value() >= 0.8, 100*(0.8-s.value()))})
		}
		if _, s, _ := recoveries(heldOut, kind.recovery); s.n > 0 {
			rows = append(rows, []string{"the same, held out alone", s.String(), "", ""})
		}
	}
	return rows
}

func met(yes bool, by float64) string {
	if yes {
		return "yes"
	}
	return fmt.Sprintf("**no, by %.1f points**", by)
}

func metPlain(yes bool) string {
	if yes {
		return "yes"
	}
	return "**no**"
}

func (b *board) byDialect(p *page) {
	p.line("## By dialect\n")
	var rows [][]string
	for _, c := range carriers {
		is := func(r *result) bool { return r.dialect == c.dialect }
		name := c.dialect
		if b.unseenDialect(&result{dialect: name}) {
			name += " (held out)"
		}
		from := "documentation"
		if recorded(c.dialect) {
			from = "a recording"
		}
		half := func(q part) []*result { return b.of(q, is, carried, b.large) }
		if c.dialect == ownDialect {
			name += " (own: counts nowhere)"
			from = "-"
		}
		rows = append(rows, []string{name, from, top(half(partDevelop), 1).String(), top(half(partHeldOut), 1).String(), top(half(partHeldOut), 3).String()})
	}
	p.table("dialect | its emitter agrees with | top-1, for tuning | top-1, held out | top-3, held out", rows...)
}

func (b *board) byFault(p *page) {
	p.line("## By fault\n")
	p.line("Foreign dialects that can carry the phase, faults that cost at least %.0f %%.\n", 100*b.split.LeastCost)
	var rows [][]string
	for _, f := range b.split.Faults {
		is := func(r *result) bool { return r.injections[0].Fault.Name == f.Name }
		heldOut := b.scoring(partHeldOut, is)
		name := f.Name
		if len(f.tuning()) == 0 {
			name += " (held out)"
		}
		label := "-"
		if any := b.of(partHeldOut, is); len(any) > 0 {
			label = strings.Join(any[0].labels(), ", ")
		}
		wrongs := misses(heldOut)
		var instead []string
		for _, m := range wrongs[:min(3, len(wrongs))] {
			instead = append(instead, fmt.Sprintf("%s %d", orNothing(m.named), len(m.runs)))
		}
		rows = append(rows, []string{name, label, top(b.scoring(partDevelop, is), 1).short(), top(heldOut, 1).short(), top(heldOut, 3).short(), strings.Join(instead, ", "),
			share{len(b.of(partHeldOut, is, foreign, b.small)), len(b.of(partHeldOut, is, foreign))}.short()})
	}
	p.table("fault | label | top-1, for tuning | top-1, held out | top-3, held out | instead, held out | too small to count", rows...)
}

func orNothing(rule string) string {
	if rule == "" {
		return "nothing"
	}
	return rule
}

func (b *board) byRule(p *page) {
	p.line("## By rule\n")
	p.line("Held-out faults and all healthy runs. A rule that is named where another is right counts against its precision.\n")
	all := confusions(b.scoring(partHeldOut), b.of(partHealthyHeldOut, foreign))
	var rows [][]string
	for _, rule := range slices.Sorted(maps.Keys(all)) {
		c := all[rule]
		rows = append(rows, []string{rule, fmt.Sprint(c.hit + c.miss), fmt.Sprint(c.hit), fmt.Sprint(c.falseAlarm), fmt.Sprintf("%.2f", c.precision()), fmt.Sprintf("%.2f", c.recall()), fmt.Sprintf("%.2f", c.f1())})
	}
	p.table("rule | should be named | is | is where another is right, or none | precision | recall | F1", rows...)
}
