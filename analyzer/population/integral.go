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
	type edge struct {
		at   int64
		step float64
	}
	edges := make([]edge, 0, 2*len(l.Jobs))
	for i := range l.Jobs {
		if from, to := l.firstToken(i), l.end(i); from < to {
			edges = append(edges, edge{from, 1}, edge{to, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var n integral
	level := 0.0
	for _, e := range edges {
		level += e.step
		n.bend(e.at, level)
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
