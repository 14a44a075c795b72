package population

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A TailAttribution says by which phases the tail of a regime differs from its body: the mean of each phase in the tail
// minus that in the body. The parts sum to the difference exactly.
type TailAttribution struct {
	Path       Path       `json:"path"`
	Body       int        `json:"body"` // requests of the body that the path is known of
	Tail       int        `json:"tail"`
	BodyMean   int64      `json:"body_mean_ns"`
	TailMean   int64      `json:"tail_mean_ns"`
	Difference int64      `json:"difference_ns"` // of the means, rounded once
	Parts      []TailPart `json:"parts"`         // largest first
	TooFew     bool       `json:"too_few"`       // under 30 in the tail, and no incident: nothing may be concluded
}

// A TailPart is one phase's part of the difference.
type TailPart struct {
	Phase  analyzer.Phase   `json:"phase"`
	Covers []analyzer.Phase `json:"covers,omitempty"` // as in [analyzer.Part]
	NS     int64            `json:"ns"`
	// Body and Tail are the means that it is the difference of, each rounded by itself.
	Body  int64   `json:"body_mean_ns"`
	Tail  int64   `json:"tail_mean_ns"`
	Share float64 `json:"share"` // of the difference; 0 where there is none
}

// fewForTail is the fewest requests of a tail that say something where there is no incident.
const fewForTail = 30

// tail attributes the tail of a regime.
func (p *Population) tail(r *RegimeStudy, path Path, incident bool) TailAttribution {
	t := TailAttribution{Path: path, Parts: []TailPart{}}
	type key struct {
		phase  analyzer.Phase
		covers analyzer.PhaseSet
	}
	type sums struct{ body, tail int64 }
	byPhase := map[key]*sums{}
	add := func(members []int32, n *int, total *int64, of func(*sums) *int64) {
		for _, m := range members {
			rec := &p.Records[m]
			whole, ok := rec.On(path)
			if !ok {
				continue
			}
			*n++
			*total += whole
			for i := range rec.Phases() {
				pt := &rec.phases[i]
				k := key{pt.Phase, pt.Covers}
				if byPhase[k] == nil {
					byPhase[k] = &sums{}
				}
				*of(byPhase[k]) += pt.On(path)
			}
		}
	}
	var bodySum, tailSum int64
	add(r.Body, &t.Body, &bodySum, func(s *sums) *int64 { return &s.body })
	add(r.Tail, &t.Tail, &tailSum, func(s *sums) *int64 { return &s.tail })
	t.TooFew = t.Tail < fewForTail && !incident
	if t.Body == 0 || t.Tail == 0 {
		t.TooFew = true
		return t
	}
	mean := func(body, tail int64) float64 { return float64(tail)/float64(t.Tail) - float64(body)/float64(t.Body) }
	t.BodyMean, t.TailMean = roundDiv(bodySum, t.Body), roundDiv(tailSum, t.Tail)
	t.Difference = t.TailMean - t.BodyMean
	// Each part is rounded down, and what is missing goes to the parts that lost most.
	type remainder struct {
		part int
		lost float64
	}
	var lost []remainder
	left := t.Difference
	for _, phase := range analyzer.Phases {
		var covers []analyzer.PhaseSet
		for k := range byPhase {
			if k.phase == phase {
				covers = append(covers, k.covers)
			}
		}
		slices.Sort(covers)
		for _, c := range covers {
			s := byPhase[key{phase, c}]
			exact := mean(s.body, s.tail)
			part := TailPart{Phase: phase, Covers: c.Phases(), NS: int64(math.Floor(exact)), Body: roundDiv(s.body, t.Body), Tail: roundDiv(s.tail, t.Tail)}
			left -= part.NS
			lost = append(lost, remainder{len(t.Parts), exact - math.Floor(exact)})
			t.Parts = append(t.Parts, part)
		}
	}
	slices.SortStableFunc(lost, func(x, y remainder) int { return cmp.Compare(y.lost, x.lost) })
	for i := 0; left != 0 && len(lost) > 0; i++ {
		step := int64(1)
		if left < 0 {
			step = -1
		}
		t.Parts[lost[i%len(lost)].part].NS += step
		left -= step
	}
	for i := range t.Parts {
		if t.Difference != 0 {
			t.Parts[i].Share = float64(t.Parts[i].NS) / float64(t.Difference)
		}
	}
	slices.SortStableFunc(t.Parts, func(x, y TailPart) int { return cmp.Compare(y.NS, x.NS) })
	return t
}

// roundDiv returns sum / n, rounded half up; sum is not negative.
func roundDiv(sum int64, n int) int64 { return (sum + int64(n)/2) / int64(n) }
