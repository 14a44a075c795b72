package population

import (
	"math"
	"slices"
)

// Strata are groups of requests that are alike in what was asked for: the model, and the sizes of prompt and answer, cut
// where the requests of both sides together have their quantiles.
type strata struct {
	count, models int
	names         []string // of models, of both sides
	model         [2][]int // by side: place in names
	of            [2][]int // by side: stratum of each request
}

func newStrata(before, after *Sample) *strata {
	t := &strata{}
	for i, s := range []*Sample{before, after} {
		for _, name := range s.Names {
			at := slices.Index(t.names, name)
			if at < 0 {
				at = len(t.names)
				t.names = append(t.names, name)
			}
			t.model[i] = append(t.model[i], at)
		}
	}
	t.models = len(t.names)
	cuts := sizeCuts(before, after)
	inputs := cuts(func(r *SampledRequest) int64 { return r.Input - max(r.Cached, 0) })
	outputs := cuts(func(r *SampledRequest) int64 { return r.Output })
	places := map[[3]int]int{}
	for i, s := range []*Sample{before, after} {
		t.of[i] = make([]int, len(s.Requests))
		for k := range s.Requests {
			r := &s.Requests[k]
			key := [3]int{t.model[i][r.Model], bucket(inputs, r.Input-max(r.Cached, 0)), bucket(outputs, r.Output)}
			at, ok := places[key]
			if !ok {
				at = len(places)
				places[key] = at
			}
			t.of[i][k] = at
		}
	}
	t.count = len(places)
	return t
}

// is returns 1 for a request of the model, else 0.
func (t *strata) is(side int, r *SampledRequest, model int) int64 {
	if t.model[side][r.Model] == model {
		return 1
	}
	return 0
}

// sizeCuts returns a function that cuts sizes into as many groups as leave about ten requests of the smaller side in
// each pair of groups, ten groups at most.
func sizeCuts(before, after *Sample) func(func(*SampledRequest) int64) []int64 {
	groups := int(math.Sqrt(float64(min(len(before.Requests), len(after.Requests))) / 10))
	groups = min(max(groups, 1), 10)
	return func(of func(*SampledRequest) int64) []int64 {
		var sizes []int64
		for _, s := range []*Sample{before, after} {
			for k := range s.Requests {
				sizes = append(sizes, of(&s.Requests[k]))
			}
		}
		slices.Sort(sizes)
		var cuts []int64
		for g := 1; g < groups; g++ {
			cut := sizes[len(sizes)*g/groups]
			if len(cuts) == 0 || cut > cuts[len(cuts)-1] {
				cuts = append(cuts, cut)
			}
		}
		return cuts
	}
}

func bucket(cuts []int64, size int64) int {
	at, found := slices.BinarySearch(cuts, size)
	if found {
		at++
	}
	return at
}
