package population

import (
	"cmp"
	"math"
	"slices"
)

// A StaticBatch is the mark of static batching: requests start together, wait for a timer, and end together. Times are
// nanoseconds.
type StaticBatch struct {
	Together float64 `json:"together"`      // share of requests that start with another, within a millisecond
	Size     float64 `json:"size"`          // mean number that start together
	Wait     float64 `json:"wait_ns"`       // the most common long wait
	AtWait   float64 `json:"at_wait"`       // share of long waits within 10 % of it
	EndAlike float64 `json:"end_together"`  // share of those that start together and end together too
	Idle     float64 `json:"waits_at_idle"` // share of long waits that begin while nobody is in service
	Lockstep float64 `json:"lockstep"`      // share of requests that start when all who started before them have ended
}

const (
	sameMoment  = int64(1e6) // nanoseconds: requests of one batch start within it
	minTogether = 0.5        // share of requests that must start together
	minAtWait   = 0.7        // or share of long waits that must be alike
)

// staticBatches returns the marks of static batching, nil if neither half of the requests start together and end
// together, nor most waits are alike.
func (l *Load) staticBatches() *StaticBatch {
	var b StaticBatch
	var waits []float64
	for _, w := range l.Waits {
		if w > longWait {
			waits = append(waits, float64(w))
		}
	}
	if len(waits) < minLongWaits {
		return nil
	}
	slices.Sort(waits)
	b.Wait, b.AtWait = commonest(waits)
	l.batches(&b)
	b.Idle = l.beginIdle()
	if b.AtWait < minAtWait && (b.Together < minTogether || b.EndAlike < minTogether) {
		return nil
	}
	return &b
}

// commonest returns the value of sorted that most others are within 10 % of, and their share.
func commonest(sorted []float64) (value, share float64) {
	best, from, to := 0, 0, 0
	for _, x := range sorted {
		for sorted[from] < 0.9*x {
			from++
		}
		for to < len(sorted) && sorted[to] <= 1.1*x {
			to++
		}
		if to-from > best {
			best, value = to-from, x
		}
	}
	return value, float64(best) / float64(len(sorted))
}

// batches finds requests that start within a millisecond of the first of them.
func (l *Load) batches(b *StaticBatch) {
	order := make([]int, len(l.Jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, k int) int { return cmp.Compare(l.start(i), l.start(k)) })
	together, alike, batches, lockstep := 0, 0, 0, 0
	ended := int64(math.MinInt64) // of those before
	for from := 0; from < len(order); {
		to := from + 1
		first, last := l.end(order[from]), l.end(order[from])
		for to < len(order) && l.start(order[to])-l.start(order[from]) <= sameMoment {
			first, last = min(first, l.end(order[to])), max(last, l.end(order[to]))
			to++
		}
		if ended <= l.start(order[from])+sameMoment {
			lockstep += to - from
		}
		ended = max(ended, last)
		if n := to - from; n > 1 {
			together += n
			batches++
			if last-first <= sameMoment {
				alike += n
			}
		}
		from = to
	}
	b.Lockstep = float64(lockstep) / float64(len(order))
	if batches > 0 {
		b.Together = float64(together) / float64(len(order))
		b.Size = float64(together) / float64(batches)
		b.EndAlike = float64(alike) / float64(together)
	}
}

// beginIdle returns the share of long waits that begin while nobody is in service.
func (l *Load) beginIdle() float64 {
	both := len(Stages) - 1
	starts, ends := make([]int64, len(l.Jobs)), make([]int64, len(l.Jobs))
	for i := range l.Jobs {
		starts[i], ends[i] = l.within(both, i)
	}
	slices.Sort(starts)
	slices.Sort(ends)
	idle, waits := 0, 0
	for i := range l.Jobs {
		if l.Waits[i] <= longWait {
			continue
		}
		waits++
		if at := l.Jobs[i].Arrive; below(starts, at+1) == below(ends, at+1) {
			idle++
		}
	}
	return float64(idle) / float64(waits)
}

// HeadOfLine says whether requests wait for the work that is ahead of them, rather than for their number: then a few
// long ones hold up many short ones.
type HeadOfLine struct {
	Work       float64 `json:"work"`        // Spearman's correlation of the wait with the work ahead, in service time
	Number     float64 `json:"number"`      // the same with the number of requests ahead
	ServiceCV2 float64 `json:"service_cv2"` // squared coefficient of variation of service
	Behind     float64 `json:"behind"`      // share of the waiting that falls to requests of up to the median service
}

// headOfLine returns the correlations of requests that found others ahead, nil under 30 of them.
func (l *Load) headOfLine(stage int) *HeadOfLine {
	n := len(l.Jobs)
	service := make([]float64, n)
	done := make([]float64, n+1) // service of the jobs before, in order of arrival
	ends := make([]int64, n)
	for i := range l.Jobs {
		from, to := l.within(stage, i)
		service[i], ends[i] = float64(to-from), to
		done[i+1] = done[i] + service[i]
	}
	// Those that have left when i arrives are, with one queue, the first to arrive but for overtaking: the number of
	// departures up to then says how many.
	slices.Sort(ends)
	var waits, work, number []float64
	for i := range l.Jobs {
		left := below(ends, l.Jobs[i].Arrive+1)
		if left >= i {
			continue
		}
		waits = append(waits, float64(l.Waits[i]))
		work = append(work, done[i]-done[left])
		number = append(number, float64(i-left))
	}
	if len(waits) < minLongWaits {
		return nil
	}
	waits, work, number = thinned(waits), thinned(work), thinned(number)
	h := HeadOfLine{Work: spearman(waits, work), Number: spearman(waits, number)}
	_, h.ServiceCV2 = meanAndCV2(service)
	sorted := slices.Clone(service)
	slices.Sort(sorted)
	median, total, behind := medianOf(sorted), 0.0, 0.0
	for i, w := range l.Waits {
		total += float64(w)
		if service[i] <= median {
			behind += float64(w)
		}
	}
	if total > 0 {
		h.Behind = behind / total
	}
	return &h
}

// thinned returns every k-th item of a long list: a correlation of 50,000 is exact to half a percent.
func thinned(list []float64) []float64 {
	const enough = 50_000
	k := len(list) / enough
	if k < 2 {
		return list
	}
	var some []float64
	for i := 0; i < len(list); i += k {
		some = append(some, list[i])
	}
	return some
}

// spearman returns the correlation of the ranks of x and y, ties at their mean; 0 if one of them is constant.
func spearman(x, y []float64) float64 {
	a, b := ranks(x), ranks(y)
	mean := float64(len(x)-1) / 2
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - mean) * (b[i] - mean)
		aa += (a[i] - mean) * (a[i] - mean)
		bb += (b[i] - mean) * (b[i] - mean)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, k int) int { return cmp.Compare(x[i], x[k]) })
	out := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return out
}
