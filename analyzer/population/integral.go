package population

import (
	"cmp"
	"slices"
)

// An integral is a piecewise linear function of time, in nanoseconds, that grows by as much as what it sums: requests in
// a stage, or waiting shared among them.
type integral struct {
	at    []int64   // ascending
	value []float64 // at each of them
	slope []float64 // from it to the next; the last is 0
}

// inDecode integrates how many are in decode.
func (l *Load) inDecode() integral {
	return l.integrate(slices.Index(Stages[:], StageDecode), func(inside int) float64 { return float64(inside) })
}

// prefilling integrates whether any is in prefill.
func (l *Load) prefilling() integral {
	return l.integrate(slices.Index(Stages[:], StagePrefill), func(inside int) float64 { return min(1, float64(inside)) })
}

// integrate integrates a function of how many are in the stage.
func (l *Load) integrate(stage int, of func(inside int) float64) (n integral) {
	type step struct {
		at int64
		by int
	}
	steps := make([]step, 0, 2*len(l.Jobs))
	for i := range l.Jobs {
		if from, to := l.within(stage, i); from < to {
			steps = append(steps, step{from, 1}, step{to, -1})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	inside := 0
	for _, s := range steps {
		inside += s.by
		n.bend(s.at, of(inside))
	}
	return n
}

// bend lets the function grow with slope from t on, which is not before any earlier t.
func (n *integral) bend(t int64, slope float64) {
	last := len(n.at) - 1
	if last >= 0 && n.at[last] == t {
		n.slope[last] = slope
		return
	}
	value := 0.0
	if last >= 0 {
		value = n.value[last] + n.slope[last]*float64(t-n.at[last])
	}
	n.at, n.value, n.slope = append(n.at, t), append(n.value, value), append(n.slope, slope)
}

// to returns the value at t.
func (n *integral) to(t int64) float64 {
	i := below(n.at, t+1) - 1
	if i < 0 {
		return 0
	}
	return n.value[i] + n.slope[i]*float64(t-n.at[i])
}

// between returns how much the function grows in [from, to].
func (n *integral) between(from, to int64) float64 { return n.to(to) - n.to(from) }
