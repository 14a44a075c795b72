package replay

import (
	"cmp"
	"slices"
)

// byArrival returns the indices of jobs in the order in which they arrive.
func byArrival(jobs []Job) []int32 {
	order := make([]int32, len(jobs))
	for i := range order {
		order[i] = int32(i)
	}
	byTime := func(a, b int32) int { return cmp.Compare(jobs[a].Arrive, jobs[b].Arrive) }
	if !slices.IsSortedFunc(order, byTime) {
		slices.SortStableFunc(order, byTime)
	}
	return order
}

// A moment is when a job changes, in whatever unit a server counts.
type moment struct {
	at  int64
	job int32
}

// moments are those to come, as a heap with the earliest first.
type moments []moment

func (m *moments) add(x moment) {
	h := append(*m, x)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].at <= x.at {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = x
	*m = h
}

// passTo drops all moments up to now.
func (m *moments) passTo(now int64) {
	for len(*m) > 0 && (*m)[0].at <= now {
		m.drop()
	}
}

func (m *moments) drop() {
	h := *m
	last := len(h) - 1
	x := h[last]
	h = h[:last]
	*m = h
	if last == 0 {
		return
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].at < h[down].at {
			down++
		}
		if h[down].at >= x.at {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = x
}
