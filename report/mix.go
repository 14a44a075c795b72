package report

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A SizeMix is how many tokens requests have, over those that say.
type SizeMix struct {
	What string  `json:"what"` // "prompt", "cached prompt" or "answer"
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	P5   int64   `json:"p5"`
	P50  int64   `json:"p50"`
	P95  int64   `json:"p95"`
	Max  int64   `json:"max"`
}

// sizeMix sums up the sizes of requests.
func sizeMix(ok []*population.Record) []SizeMix {
	list := []SizeMix{}
	for _, m := range []struct {
		what string
		of   func(*population.Record) int64
	}{
		{"prompt", func(r *population.Record) int64 { return r.InputTokens }},
		{"cached prompt", func(r *population.Record) int64 { return r.CachedTokens }},
		{"answer", func(r *population.Record) int64 { return r.OutputTokens }},
	} {
		var values []int64
		sum := 0.0
		for _, r := range ok {
			if n := m.of(r); n >= 0 {
				values = append(values, n)
				sum += float64(n)
			}
		}
		n := len(values)
		if n == 0 {
			continue
		}
		slices.SortFunc(values, cmp.Compare[int64])
		at := func(p float64) int64 { return values[population.NearestRank(n, p)] }
		list = append(list, SizeMix{m.what, n, sum / float64(n), at(.05), at(.5), at(.95), values[n-1]})
	}
	return list
}
