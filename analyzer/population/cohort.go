package population

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Cohort is requests that have something in common, over all domains.
type Cohort struct {
	Name      string  `json:"name"`                // as [Score.Cohort]
	Attribute string  `json:"attribute,omitempty"` // "" for all, body and tail
	Value     string  `json:"value,omitempty"`
	N         int     `json:"n"`
	Members   []int32 `json:"-"` // of the regimes' Latency, ascending

	// Typical is closest to the median of every phase, Worst has the longest E2E; nil without members.
	Typical *Exemplar `json:"typical,omitempty"`
	Worst   *Exemplar `json:"worst,omitempty"`
}

// The cohorts that are always there.
const (
	CohortAll  = "all"
	CohortBody = "body" // of each regime
	CohortTail = "tail"
)

// A cohort by attribute has at least minCohort requests, and the most frequent maxCohortValues of an attribute have one.
const (
	minCohort       = 30
	maxCohortValues = 8
)

// The attributes by size; they are no [Dimensions].
const (
	attributeInput  = "input_tokens"
	attributeOutput = "output_tokens"
)

// cohorts returns all, body and tail, then those by attribute whose value not every request has, in a fixed order of
// attributes, and of each the largest first.
func (p *Population) cohorts(domains []*DomainStudy) []*Cohort {
	all, body, tail := &Cohort{Name: CohortAll}, &Cohort{Name: CohortBody}, &Cohort{Name: CohortTail}
	for _, d := range domains {
		for _, r := range d.Regimes {
			all.Members = append(all.Members, r.Latency...)
			body.Members = append(body.Members, r.Body...)
			tail.Members = append(tail.Members, r.Tail...)
		}
	}
	list := []*Cohort{all, body, tail}
	for _, c := range list {
		slices.Sort(c.Members)
	}
	text := func(code func(*Record) uint32) func(*Record) string {
		return func(r *Record) string { return p.Text(code(r)) }
	}
	list = append(list, p.cohortsBy("model", all.Members, text(func(r *Record) uint32 { return r.Model }))...)
	list = append(list, p.cohortsBy("service", all.Members, text(func(r *Record) uint32 { return r.Service }))...)
	list = append(list, p.cohortsBy("instance", all.Members, text(func(r *Record) uint32 { return r.Instance }))...)
	list = append(list, p.cohortsBy(attributeInput, all.Members, func(r *Record) string { return sizeBucket(r.InputTokens) })...)
	list = append(list, p.cohortsBy(attributeOutput, all.Members, func(r *Record) string { return sizeBucket(r.OutputTokens) })...)
	list = append(list, p.cohortsBy("cached", all.Members, cachedShare)...)
	list = append(list, p.cohortsBy("streaming", all.Members, streamingText)...)
	list = append(list, p.cohortsBy("retried", all.Members, func(r *Record) string { return fmt.Sprint(r.Retried) })...)
	for d := range Dimensions {
		list = append(list, p.cohortsBy(Dimensions[d].Name, all.Members, func(r *Record) string {
			value, _ := p.Attribute(r, d)
			return value
		})...)
	}
	for _, c := range list {
		if c.N = len(c.Members); c.N > 0 {
			typical, worst := p.typical(c.Members), p.worst(c.Members)
			c.Typical, c.Worst = &typical, &worst
		}
	}
	return list
}

// cohortsBy returns the cohorts by one attribute; requests without a value are in none.
func (p *Population) cohortsBy(attribute string, members []int32, value func(*Record) string) []*Cohort {
	byValue := map[string]*Cohort{}
	for _, m := range members {
		v := value(&p.Records[m])
		if v == "" {
			continue
		}
		c := byValue[v]
		if c == nil {
			c = &Cohort{Name: attribute + "=" + v, Attribute: attribute, Value: v}
			byValue[v] = c
		}
		c.Members = append(c.Members, m)
	}
	var list []*Cohort
	for _, c := range byValue {
		if len(c.Members) >= minCohort && len(c.Members) < len(members) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Cohort) int {
		return cmp.Or(cmp.Compare(len(b.Members), len(a.Members)), cmp.Compare(a.Value, b.Value))
	})
	return list[:min(len(list), maxCohortValues)]
}

// sizeBucket returns the range between powers of two that n tokens are in; "" while unknown.
func sizeBucket(n int64) string {
	switch {
	case n < 0:
		return ""
	case n < 2:
		return fmt.Sprint(n)
	}
	low := int64(1) << (bits.Len64(uint64(n)) - 1)
	return fmt.Sprintf("%d-%d", low, 2*low-1)
}

func cachedShare(r *Record) string {
	switch {
	case r.CachedTokens < 0 || r.InputTokens <= 0:
		return ""
	case r.CachedTokens == 0:
		return "none"
	case 2*r.CachedTokens < r.InputTokens:
		return "under half"
	}
	return "half or more"
}

func streamingText(r *Record) string {
	return map[analyzer.Tristate]string{analyzer.Yes: "true", analyzer.No: "false"}[r.Streaming]
}

// worst returns the member with the longest E2E, the first of several.
func (p *Population) worst(members []int32) Exemplar {
	most := members[0]
	for _, m := range members {
		if p.Records[m].E2E() > p.Records[most].E2E() {
			most = m
		}
	}
	return exemplarOf(&p.Records[most])
}

// maxTypical is among how many members the most typical is looked for: from more, every k-th is taken.
const maxTypical = 2000

// typical returns the member whose phases are closest to the median of each phase, by the sum of differences.
func (p *Population) typical(members []int32) Exemplar {
	step := (len(members) + maxTypical - 1) / maxTypical
	var sample []int32
	for i := 0; i < len(members); i += step {
		sample = append(sample, members[i])
	}
	times := make([][analyzer.NumPhases]int64, len(sample))
	for i, m := range sample {
		for _, t := range p.Records[m].Phases() {
			times[i][t.Phase] += t.E2E
		}
	}
	var median [analyzer.NumPhases]int64
	one := make([]int64, len(sample))
	for ph := range median {
		for i := range times {
			one[i] = times[i][ph]
		}
		slices.Sort(one)
		median[ph] = one[NearestRank(len(one), 0.5)]
	}
	best, least := 0, int64(-1)
	for i := range times {
		distance := int64(0)
		for ph, ns := range times[i] {
			distance += max(ns-median[ph], median[ph]-ns)
		}
		if least < 0 || distance < least {
			best, least = i, distance
		}
	}
	return exemplarOf(&p.Records[sample[best]])
}
