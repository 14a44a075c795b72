package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Copies hold up what others compute if that ends during them so much more seldom than at other times, and if by chance so
// much would have ended.
const (
	maxEndsInCopies = 0.2
	fewEnds         = 5
	copyEdge        = 100_000 // nanoseconds: what ends so near to a copy's begin or end may have done so before or after it
)

// A computation is a request in service: from when to when, and for how long its own inputs are copied, with which it begins.
type computation struct{ from, to, own int64 }

func (v *view) computations() (list []computation) {
	for _, r := range v.latency {
		from, to, ok := r.InService()
		if !ok || to <= from {
			continue
		}
		c := computation{from: from, to: to}
		for d := range v.Population.Details(r) {
			if d.Phase == analyzer.GPUTransfer && d.Detail == "h2d" {
				c.own += d.E2E
			}
		}
		list = append(list, c)
	}
	return list
}

// A copying is when inputs are copied to the device, each stretch once.
type copying struct {
	stretches []analyzer.Stretch
	sums      []int64 // of those before each
}

// copiesOf returns the copies of the computations.
func copiesOf(computations []computation) (c copying) {
	var list []analyzer.Stretch
	for _, x := range computations {
		if x.own > 0 {
			list = append(list, analyzer.Stretch{From: x.from, To: min(x.from+x.own, x.to)})
		}
	}
	slices.SortFunc(list, func(a, b analyzer.Stretch) int { return cmp.Compare(a.From, b.From) })
	sum := int64(0)
	for _, s := range list {
		if n := len(c.stretches); n > 0 && s.From < c.stretches[n-1].To {
			last := &c.stretches[n-1]
			sum += max(0, s.To-last.To)
			last.To = max(last.To, s.To)
			continue
		}
		c.stretches, c.sums = append(c.stretches, s), append(c.sums, sum)
		sum += s.To - s.From
	}
	return c
}

// until returns how much is copied before t, and whether something surely is at t.
func (c *copying) until(t int64) (ns int64, within bool) {
	k, _ := slices.BinarySearchFunc(c.stretches, t, func(s analyzer.Stretch, t int64) int { return cmp.Compare(s.From, t) })
	if k == 0 {
		return 0, false
	}
	s := c.stretches[k-1]
	return c.sums[k-1] + min(t, s.To) - s.From, s.From+copyEdge < t && t < s.To-copyEdge
}

// held returns how long there is computing while inputs are copied, their own or those of others. An engine that copies at
// the beginning of a step, and so holds up all that are in it, lets none of them end meanwhile; without that, others' copies may
// go on beside what is computed, and ok is false.
func (c *copying) held(computations []computation) (held float64, ok bool) {
	found, expected := 0, 0.0
	for _, x := range computations {
		before, _ := c.until(x.from)
		after, within := c.until(x.to)
		copied := after - before
		held += float64(copied)
		if rest := x.to - x.from - x.own; rest > 0 {
			expected += max(0, float64(copied-x.own)) / float64(rest)
		}
		if within && copied > x.own {
			found++
		}
	}
	return held, expected >= fewEnds && float64(found) <= maxEndsInCopies*expected
}
