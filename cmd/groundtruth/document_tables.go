package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

func (b *board) missTable(p *page) {
	p.line("## Misses\n")
	all := misses(slices.Concat(b.scoring(partHeldOut), b.of(partHealthyHeldOut, foreign)))
	if len(all) == 0 {
		p.line("None.\n")
		return
	}
	p.line("Held-out faults and healthy runs, most frequent first.\n")
	var rows [][]string
	for _, m := range all {
		r := m.runs[0]
		rows = append(rows, []string{m.fault, orNothing(m.named), fmt.Sprint(len(m.runs)), strings.Join(dialectsOf(m.runs), ", "),
			fmt.Sprintf("%s, %s on %s, seed %d", r.workload, shortName(r.shape.Model), shortName(r.shape.Device), r.seed), explain(m.fault, m.named)})
	}
	p.table("fault | named | runs | dialects | for example | why", rows...)
}

func dialectsOf(list []*result) (names []string) {
	for _, r := range list {
		if !slices.Contains(names, r.dialect) {
			names = append(names, r.dialect)
		}
	}
	slices.Sort(names)
	return names
}

func (b *board) healthyTable(p *page) {
	p.line("## Healthy systems\n")
	p.line("Each under every workload that is held out on every model and device, and under the others on those that are held out. To name anything is a false alarm; so is to call telemetry damaged that is not. These are held out; %d runs (%d of them for tuning) miss a target of their owner by the simulation's own clocks: they are no healthy ones, and count nowhere.\n", countRuns(b.unfit, ""), countRuns(b.unfit, partHealthy))
	var rows [][]string
	for _, name := range b.split.Healthy.all() {
		list := b.of(partHealthyHeldOut, foreign, func(r *result) bool { return r.injections[0].Fault.Name == name })
		var telemetry share
		verdicts := map[string]int{}
		for _, r := range list {
			telemetry.count(slices.ContainsFunc(r.answer.telemetry, func(rule string) bool {
				// That SDK drops events of longer answers, and says so.
				return rule != "dropped-events" || r.dialect != "openllmetry-python"
			}))
			verdicts[r.answer.verdict]++
		}
		rows = append(rows, []string{name, alarms(list).String(), telemetry.short(), fmt.Sprint(verdicts["healthy"]), fmt.Sprint(verdicts["untold"])})
	}
	p.table("system | something is named | telemetry is called damaged | verdict healthy | verdict untold", rows...)
}

func (b *board) abstentions(p *page) {
	p.line("## Where a dialect cannot carry the phase\n")
	p.line("There it is right to name nothing. To name the injected cause all the same is right too; to name another is wrong.\n")
	var rows [][]string
	for _, c := range carriers {
		list := b.of(partHeldOut, foreign, lost, b.large, func(r *result) bool { return r.dialect == c.dialect })
		if len(list) == 0 {
			continue
		}
		var ok, rightly, healthy share
		for _, r := range list {
			j := r.judge()
			ok.count(j == abstained || j == right)
			rightly.count(j == right)
			healthy.count(j == abstained && r.answer.verdict == "healthy")
		}
		rows = append(rows, []string{c.dialect, ok.String(), rightly.short(), healthy.short()})
	}
	p.table("dialect | right, held out | of them named | nothing named, and called healthy", rows...)
}

func (b *board) damage(p *page) {
	p.line("## Damaged telemetry of healthy systems\n")
	p.line("The right answer names the damage and no bottleneck.\n")
	var rows [][]string
	for _, f := range b.split.Damage {
		list := b.of(partDamage, func(r *result) bool { return r.injections[0].Fault.Name == f.Name })
		if len(list) == 0 {
			continue
		}
		var named, quiet share
		said := map[string]int{}
		for _, r := range list {
			named.count(slices.ContainsFunc(r.answer.telemetry, func(rule string) bool { return slices.Contains(r.labels(), rule) }))
			quiet.count(r.answer.first() == "")
			for _, rule := range r.answer.telemetry {
				said[rule]++
			}
		}
		rows = append(rows, []string{f.Name, strings.Join(list[0].labels(), ", "), strings.Join(dialectsOf(list), ", "), named.short(), quiet.short(), counts(said)})
	}
	p.table("damage | label | dialect | damage named | no bottleneck named | telemetry findings", rows...)
}

// counts lists names with their counts, by name.
func counts(m map[string]int) string {
	var list []string
	for name, n := range m {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (b *board) pairs(p *page) {
	p.line("## Two faults at once\n")
	p.line("Sets are compared by Jaccard's index: the rules that are named, symptoms included, against both labels.\n")
	var rows [][]string
	var sum float64
	list := b.of(partPairs)
	for _, r := range list {
		j := jaccard(r.labels(), r.answer.all)
		sum += j
		half := "for tuning"
		if r.heldOut {
			half = "held out"
		}
		rows = append(rows, []string{r.fault(), half, strings.Join(r.labels(), ", "), orNothing(strings.Join(r.answer.all, ", ")), fmt.Sprintf("%.2f", j)})
	}
	if len(list) > 0 {
		rows = append(rows, []string{"mean", "", "", "", fmt.Sprintf("%.2f", sum/float64(len(list)))})
	}
	p.table("faults | half | labels | named | index", rows...)
}

func (b *board) phaseErrors(p *page) {
	p.line("## How far phases are off\n")
	p.line("%s\n", errorsText)
	for _, kind := range []struct {
		title string
		keep  func(*errorCell) bool
	}{
		{"Read from what the dialect does not state as such", func(c *errorCell) bool { return !c.row.stated && c.dialect != ownDialect }},
		{"Round trips, which count nowhere: the dialect states the very length", func(c *errorCell) bool { return c.row.stated && c.dialect != ownDialect }},
		{"The own dialect, which counts nowhere", func(c *errorCell) bool { return c.dialect == ownDialect }},
	} {
		var rows [][]string
		cells := b.errorCells()
		for i := range cells {
			c := &cells[i]
			if !kind.keep(c) {
				continue
			}
			rows = append(rows, []string{c.dialect, c.row.name, c.row.source, fmt.Sprint(len(c.off)), fmt.Sprintf("%.2f", c.meanTruth()/1e6), fmt.Sprintf("%.3f", c.mean()/1e6),
				fmt.Sprintf("%.3f", c.p95()/1e6), metPlain(c.withinTarget())})
		}
		p.line("### %s\n", kind.title)
		p.table("dialect | phase | source of what is read | requests | true mean, ms | off by, mean, ms | off by, p95, ms | within 2 ms or 2 %", rows...)
	}
}

// savingRuns are those whose score can be held against what mending saves.
func (b *board) savingRuns(p part) []*result {
	return b.of(p, func(r *result) bool { return r.dialect == mainDialect }, carried, b.large)
}

// savingKinds are the ways in which a saving is foreseen.
var savingKinds = []struct {
	title    string
	scores   func(*result) map[analyzer.Phase]scored
	recovery func(*result) *recovery
}{
	{"without a baseline", func(r *result) map[analyzer.Phase]scored { return r.scores }, func(r *result) *recovery { return r.recovery }},
	{"with a measured baseline", func(r *result) map[analyzer.Phase]scored { return r.baselined }, func(r *result) *recovery { return r.baselinedRecovery }},
}

func (b *board) savingTable(p *page) {
	p.line("## Scores against what mending saves\n")
	p.line("%s\n", savingText)
	runs := append(b.savingRuns(partHeldOut), b.savingRuns(partDevelop)...)
	for _, kind := range savingKinds {
		byFault, absolute, correlation, n, unscored := savings(runs, kind.scores)
		var rows [][]string
		for _, f := range byFault {
			rows = append(rows, []string{f.fault, fmt.Sprint(f.runs), fmt.Sprintf("%.1f", f.score), fmt.Sprintf("%.1f", f.saved), fmt.Sprintf("%.1f", f.absolute), fmt.Sprintf("%+.1f", f.bias), f.source})
		}
		p.line("### Scores %s\n", kind.title)
		p.table("fault | runs | score | saved, % of E2E | off by, points | bias | floor", rows...)
		p.line("Over %d runs the score is off by %.1f points on average, rank correlation %.2f; %d more runs have no score for the phase.\n", n, absolute, correlation, unscored)
	}
}

func (b *board) recoveryTable(p *page) {
	p.line("## What can be won back against what mending saves\n")
	p.line("%s\n", recoveryText)
	runs := append(b.savingRuns(partHeldOut), b.savingRuns(partDevelop)...)
	for _, kind := range savingKinds {
		byFault, all, unnamed := recoveries(runs, kind.recovery)
		var rows [][]string
		for _, f := range byFault {
			rows = append(rows, []string{f.fault, f.near.short(), fmt.Sprint(f.near.n - f.sized), fmt.Sprintf("%.0f", f.stated/1e6), fmt.Sprintf("%.0f", f.saved/1e6)})
		}
		p.line("### Recoverable %s\n", kind.title)
		p.table("fault | within 25 % | without a size | stated, ms a request | saved, ms a request", rows...)
		p.line("Over all runs %s. In %d more the right cause is not named.\n", all.String(), unnamed)
	}
}

func (b *board) curveTable(p *page) {
	p.line("## From which intensity on\n")
	p.line("%s\n", curveText)
	var rows [][]string
	for _, d := range b.curves() {
		var list []string
		for _, q := range d.points {
			list = append(list, fmt.Sprintf("%g: %s (%.0f %%)", q.intensity, q.detected.short(), 100*q.cost))
		}
		at, costs := "not reached", ""
		if x, c, ok := half(d.points); ok {
			at, costs = fmt.Sprintf("%.3g %s", x, d.unit), fmt.Sprintf("%.0f %%", 100*c)
		}
		rows = append(rows, []string{d.fault, strings.Join(list, "; "), at, costs})
	}
	p.table("fault | intensity: named first (what it costs) | 50 % point | what it costs there", rows...)
}

func (b *board) baselineTable(p *page) {
	p.line("## Simpler methods on the same ledgers\n")
	p.line("%s\n", baselineText)
	heldOut := b.scoring(partHeldOut)
	healthy := b.of(partHealthyHeldOut, foreign)
	vllm := slices.DeleteFunc(slices.Clone(healthy), func(r *result) bool { return r.naive == nil })
	rows := [][]string{{"slowtoken, the phase", phaseTop(heldOut).String(), alarms(vllm).String()}}
	for _, name := range baselines {
		rows = append(rows, []string{name, naiveTop(heldOut, name).String(), naiveAlarms(vllm, name).String()})
	}
	p.table("method | phase of the fault first, held out | false alarms on healthy runs", rows...)
}

// countRuns counts simulations, those of a part or all.
func countRuns(list []*result, p part) int {
	names := map[string]bool{}
	for _, r := range list {
		if p == "" || r.part == p {
			names[r.name()] = true
		}
	}
	return len(names)
}
