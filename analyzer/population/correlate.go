package population

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Correlation is an attribute value that is over-represented where a phase is slow. Where the phase has a floor that
// grows with size, slow is what takes long for its size, but for the sizes themselves.
type Correlation struct {
	Phase     analyzer.Phase `json:"phase"`
	Attribute string         `json:"attribute"`
	Value     string         `json:"value"`
	N         int            `json:"n"`    // requests with the value
	Of        int            `json:"of"`   // requests compared
	Lift      float64        `json:"lift"` // share of the value in the slowest tenth over its share in all
	// Delta is Cliff's delta: how much more often a request with the value is slower than one without, from -1 to 1.
	Delta float64  `json:"delta"`
	Mean  float64  `json:"mean_difference_ns"` // mean E2E time in the phase with the value minus that without
	P     float64  `json:"p"`                  // adjusted for all tests of the study (Benjamini and Hochberg)
	Worst Exemplar `json:"worst"`
}

// What a correlation needs.
const (
	minCorrelationBlocks = 10    // blocks, since requests of one block are not independent
	minDelta             = 0.147 // a small effect (Romano and others, 2006)
	maxFalse             = 0.05  // share of false correlations among those reported
)

// slowness ranks requests by one measure of a phase.
type slowness struct {
	rank   []float64 // by record, minus the mean rank; ties share theirs
	tenth  []bool    // by record: in the slowest tenth
	groups []float64 // sum of rank
	n, top int
}

func (p *Population) slowness(members []int32, value func(int32) float64, b *bootstrap) *slowness {
	type valued struct {
		value  float64
		member int32
	}
	order := make([]valued, len(members))
	for i, m := range members {
		order[i] = valued{value(m), m}
	}
	slices.SortFunc(order, func(x, y valued) int {
		switch {
		case x.value < y.value:
			return -1
		case x.value > y.value:
			return 1
		}
		return int(x.member - y.member)
	})
	s := &slowness{rank: make([]float64, len(p.Records)), tenth: make([]bool, len(p.Records)), groups: make([]float64, b.groups), n: len(order)}
	mean := float64(len(order)+1) / 2
	for i := 0; i < len(order); {
		end := i + 1
		for end < len(order) && order[end].value == order[i].value {
			end++
		}
		for k := i; k < end; k++ {
			m := order[k].member
			s.rank[m] = float64(i+1+end)/2 - mean
			if b.of[m] >= 0 {
				s.groups[b.of[m]] += s.rank[m]
			}
		}
		i = end
	}
	s.top = (len(order) + 9) / 10
	for _, o := range order[len(order)-s.top:] {
		s.tenth[o.member] = true
	}
	return s
}

// correlate tests every cohort by attribute in one phase. The test is that of Mann, Whitney and Wilcoxon with a variance
// that takes blocks as independent, not requests: the sum over blocks of the squared sums of ranks.
func (p *Population) correlate(g *gains, cohorts []*Cohort, b *bootstrap) []Correlation {
	var members []int32
	for _, m := range cohorts[0].Members {
		if g.known[m] && b.of[m] >= 0 {
			members = append(members, m)
		}
	}
	if len(members) < 2*minCohort || b.groups < minCorrelationBlocks {
		return nil
	}
	var bySize, forSize *slowness
	var list []Correlation
	observed := g.observed[PathE2E]
	var total float64
	for _, m := range members {
		total += float64(observed[m])
	}
	for _, c := range cohorts {
		if c.Attribute == "" {
			continue
		}
		var s *slowness
		if c.Attribute == attributeInput || c.Attribute == attributeOutput {
			if bySize == nil {
				bySize = p.slowness(members, func(m int32) float64 { return float64(observed[m]) }, b)
			}
			s = bySize
		} else {
			if forSize == nil {
				forSize = p.slowness(members, func(m int32) float64 { return g.excess[m] }, b)
			}
			s = forSize
		}
		if r, ok := p.test(g, c, s, b, total); ok {
			list = append(list, r)
		}
	}
	return list
}

func (p *Population) test(g *gains, c *Cohort, s *slowness, b *bootstrap, total float64) (Correlation, bool) {
	r := Correlation{Phase: g.phase, Attribute: c.Attribute, Value: c.Value, Of: s.n}
	observed := g.observed[PathE2E]
	byGroup := make([]float64, b.groups)
	var sum, time float64
	top := 0
	worst := int32(-1)
	for _, m := range c.Members {
		if !g.known[m] || b.of[m] < 0 {
			continue
		}
		r.N++
		sum += s.rank[m]
		byGroup[b.of[m]] += s.rank[m]
		time += float64(observed[m])
		if s.tenth[m] {
			top++
		}
		if worst < 0 || observed[m] > observed[worst] {
			worst = m
		}
	}
	rest := s.n - r.N
	if r.N < minCohort || rest < minCohort {
		return r, false
	}
	n := float64(r.N)
	share := n / float64(s.n)
	var variance float64
	for group, own := range byGroup {
		u := own - share*s.groups[group]
		variance += u * u
	}
	r.P = 1
	if variance > 0 {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(b.groups - 1)}
		r.P = 2 * t.Survival(math.Abs(sum)/math.Sqrt(variance))
	}
	// The mean rank of those with the value says how many of the rest each exceeds.
	r.Delta = 2 * sum / (n * float64(rest))
	r.Lift = float64(top) / float64(s.top) / share
	r.Mean = time/n - (total-time)/float64(rest)
	r.Worst = exemplarOf(&p.Records[worst])
	return r, true
}

// significant keeps the correlations with more slowness and a share of false ones of at most 5 %, and adjusts their P
// (Benjamini and Hochberg, Controlling the False Discovery Rate, 1995). The strongest effect comes first.
func significant(list []Correlation) []Correlation {
	slices.SortStableFunc(list, func(a, b Correlation) int { return cmp.Compare(a.P, b.P) })
	least := 1.0
	for i := len(list) - 1; i >= 0; i-- {
		least = min(least, list[i].P*float64(len(list))/float64(i+1))
		list[i].P = least
	}
	list = slices.DeleteFunc(list, func(r Correlation) bool { return r.P > maxFalse || r.Delta < minDelta })
	slices.SortStableFunc(list, func(a, b Correlation) int { return cmp.Compare(b.Delta, a.Delta) })
	return list
}
