package main

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/emit"
)

// ownDialect has a span for every stretch of the truth, so that nothing read from it proves anything but that.
const ownDialect = "slowtoken"

// A board is what all results come to.
type board struct {
	split     *split
	rulesHash string
	commit    string // of the tree that was run
	results   []*result
	unfit     []*result // healthy runs that miss a target of their owner, and count nowhere
}

func newBoard(s *split, rulesHash string, results []*result) *board {
	b := &board{split: s, rulesHash: rulesHash}
	for _, r := range results {
		if r.unfit {
			b.unfit = append(b.unfit, r)
		} else {
			b.results = append(b.results, r)
		}
	}
	return b
}

// of returns the results of a part.
func (b *board) of(p part, keep ...func(*result) bool) (list []*result) {
	for _, r := range b.results {
		ok := r.part == p
		for _, k := range keep {
			ok = ok && k(r)
		}
		if ok {
			list = append(list, r)
		}
	}
	return list
}

func foreign(r *result) bool { return r.dialect != ownDialect }
func carried(r *result) bool { return r.observable() }
func lost(r *result) bool    { return !r.observable() }

// large keeps what costs enough that it must be named.
func (b *board) large(r *result) bool { return r.material(b.split.LeastCost) }
func (b *board) small(r *result) bool { return !b.large(r) }

// unseenDialect keeps dialects that are in no scenario for tuning.
func (b *board) unseenDialect(r *result) bool {
	return slices.Contains(b.split.Dialects.HeldOut, r.dialect)
}

// scoring are the results that accuracy is of: single faults that cost enough, in foreign dialects that can carry them.
func (b *board) scoring(p part, keep ...func(*result) bool) []*result {
	return b.of(p, append([]func(*result) bool{foreign, carried, b.large}, keep...)...)
}

func top(list []*result, n int) (s share) {
	for _, r := range list {
		s.count(r.withinTop(n))
	}
	return s
}

// alarms are healthy runs in which something is named.
func alarms(list []*result) (s share) {
	for _, r := range list {
		s.count(r.answer.first() != "")
	}
	return s
}

// confusions counts by rule, over faults and healthy runs.
func confusions(faults, healthy []*result) map[string]*confusion {
	all := map[string]*confusion{}
	at := func(rule string) *confusion {
		if all[rule] == nil {
			all[rule] = &confusion{}
		}
		return all[rule]
	}
	for _, r := range faults {
		first := r.answer.first()
		if r.withinTop(1) {
			at(first).hit++
			continue
		}
		at(r.labels()[0]).miss++
		if first != "" {
			at(first).falseAlarm++
		}
	}
	for _, r := range healthy {
		if first := r.answer.first(); first != "" {
			at(first).falseAlarm++
		}
	}
	return all
}

// macro is the mean over the rules that should have been named at least once.
func macro(all map[string]*confusion) (precision, recall, f1 float64, n int) {
	for _, c := range all {
		if c.hit+c.miss > 0 {
			n++
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(all)) { // in one order, so that sums are the same each time
		if c := all[rule]; c.hit+c.miss > 0 {
			precision, recall, f1 = precision+c.precision()/float64(n), recall+c.recall()/float64(n), f1+c.f1()/float64(n)
		}
	}
	return precision, recall, f1, n
}

// A saving is the score of a phase against what mending the fault saved.
type saving struct {
	fault          string
	runs           int
	score, saved   float64 // means, in points
	absolute, bias float64 // means of the difference
	source         string  // of the floor, of the first run
}

// savings compare, for runs whose mended pair has the very same requests, the score of the label's phase on E2E with the
// share of E2E that mending saved. The scores are those that are picked of a result.
func savings(list []*result, pick func(*result) map[analyzer.Phase]scored) (byFault []saving, absolute, correlation float64, n, unscored int) {
	var scores, saved []float64
	at := map[string]int{}
	for _, r := range list {
		if !r.cost.paired {
			continue
		}
		s := pick(r)[r.injections[0].Fault.Label.Phase]
		if s.e2e == nil {
			unscored++
			continue
		}
		name := r.injections[0].Fault.Name
		if _, known := at[name]; !known {
			at[name] = len(byFault)
			byFault = append(byFault, saving{fault: name, source: s.floorSource})
		}
		f := &byFault[at[name]]
		f.runs++
		f.score += *s.e2e
		f.saved += 100 * r.cost.e2e
		f.absolute += math.Abs(*s.e2e - 100*r.cost.e2e)
		f.bias += *s.e2e - 100*r.cost.e2e
		absolute += math.Abs(*s.e2e - 100*r.cost.e2e)
		scores, saved = append(scores, *s.e2e), append(saved, 100*r.cost.e2e)
	}
	for i := range byFault {
		f, n := &byFault[i], float64(byFault[i].runs)
		f.score, f.saved, f.absolute, f.bias = f.score/n, f.saved/n, f.absolute/n, f.bias/n
	}
	n = len(scores)
	return byFault, absolute / float64(max(1, n)), spearman(scores, saved), n, unscored
}

// An errorCell is the error of one row of a dialect.
type errorCell struct {
	dialect string
	row     row
	phaseError
}

// errorCells pool the errors of all runs, by dialect and row, in the order of carriers.
func (b *board) errorCells() (cells []errorCell) {
	for _, c := range carriers {
		for _, w := range c.rows {
			cell := errorCell{dialect: c.dialect, row: w}
			for _, r := range b.results {
				if e := r.errors[w.name]; e != nil && r.dialect == c.dialect && r.part != partDamage && r.part != partPairs {
					cell.add(e)
				}
			}
			if len(cell.off) > 0 {
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

// A curve is how detection grows with intensity.
type detection struct {
	fault, unit string
	points      []point // weakest first
}

func (b *board) curves() (list []detection) {
	for _, f := range b.split.Faults {
		d := detection{fault: f.Name}
		for _, x := range f.Curve {
			p := point{intensity: x}
			runs := b.of(partCurve, func(r *result) bool { return r.injections[0].Fault.Name == f.Name && r.injections[0].Intensity == x })
			for _, r := range runs {
				d.unit = r.injections[0].Fault.Unit
				p.detected.count(r.withinTop(1))
				p.cost += max(r.cost.e2e, r.cost.ttft) / float64(len(runs))
			}
			if len(runs) > 0 {
				d.points = append(d.points, p)
			}
		}
		if len(d.points) > 0 {
			list = append(list, d)
		}
	}
	return list
}

// A miss is a wrong answer, and in how many runs it was given.
type miss struct {
	fault, named string
	runs         []*result
}

// misses of single faults and healthy runs, most frequent first.
func misses(list []*result) (all []miss) {
	for _, r := range list {
		named := r.answer.first()
		if r.isHealthy() && named == "" || !r.isHealthy() && r.judge() == right {
			continue
		}
		name := r.injections[0].Fault.Name
		i := slices.IndexFunc(all, func(m miss) bool { return m.fault == name && m.named == named })
		if i < 0 {
			i = len(all)
			all = append(all, miss{fault: name, named: named})
		}
		all[i].runs = append(all[i].runs, r)
	}
	slices.SortStableFunc(all, func(a, b miss) int {
		return cmp.Or(cmp.Compare(len(b.runs), len(a.runs)), cmp.Compare(a.fault, b.fault), cmp.Compare(a.named, b.named))
	})
	return all
}

// naiveTop counts how often a baseline names the phase of the label.
func naiveTop(list []*result, baseline string) (s share) {
	for _, r := range list {
		if r.naive != nil {
			s.count(r.naive[baseline] == r.injections[0].Fault.Label.Phase.String())
		}
	}
	return s
}

// phaseTop counts how often the first that is named is about the phase of the label, over the runs that baselines have.
func phaseTop(list []*result) (s share) {
	for _, r := range list {
		if r.naive != nil {
			s.count(r.answer.first() != "" && (r.answer.phase == r.injections[0].Fault.Label.Phase || r.withinTop(1)))
		}
	}
	return s
}

func naiveAlarms(list []*result, baseline string) (s share) {
	for _, r := range list {
		if r.naive != nil {
			s.count(r.naive[baseline] != "")
		}
	}
	return s
}

// recorded reports whether a dialect's emitter agrees with a recording of the real thing.
func recorded(name string) bool {
	d, err := emit.ByName(name)
	return err == nil && d.Recorded != ""
}
