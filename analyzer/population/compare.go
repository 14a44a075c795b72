package population

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Comparison is what differs between two populations, and whether the difference can be chance.
type Comparison struct {
	Before   Side     `json:"before"`
	After    Side     `json:"after"`
	Measures []Change `json:"measures"` // latencies by measure, then statistic
	Phases   []Change `json:"phases"`   // means; of each path they add up to its measure's mean
	Errors   *Change  `json:"errors"`   // share of requests that failed or were cancelled
	Workload []Change `json:"workload"` // what was asked for, which no change of the server explains

	// Overlap is the least share of either side whose sizes the other side has, too: only those can be compared at the
	// same sizes.
	Overlap float64 `json:"overlap"`
}

// A Side is one of the two populations.
type Side struct {
	Requests int `json:"requests"`
	Sampled  int `json:"sampled"`
	Blocks   int `json:"blocks"`
	// Heaviest is the share of the requests' E2E that falls to the block with most of it: near 1, one incident makes up
	// the window.
	Heaviest float64 `json:"heaviest_block"`
	Since    int64   `json:"since_ns"` // since the Unix epoch
	Until    int64   `json:"until_ns"`
}

// A Change is one figure of both sides.
type Change struct {
	Name string `json:"name"`           // "TTFT", a phase, "prompt tokens"
	Stat string `json:"statistic"`      // "mean", "p50", "p95", "p99", "share", "rate"
	Unit string `json:"unit"`           // "ns", "tokens", "share", "/s"
	Path *Path  `json:"path,omitempty"` // of a phase

	N [2]int `json:"n"` // requests with a value, before and after
	Difference

	// Same is the difference at the same sizes: the requests after are weighted so that models and sizes of prompts and
	// answers are as before. Nil where that means nothing.
	Same *Difference `json:"at_the_same_sizes,omitempty"`
	Why  string      `json:"why,omitempty"` // why it cannot be said; empty otherwise
}

// A Difference is a figure before and after with its relative change. The change is nil where there is nothing before.
type Difference struct {
	Before      float64   `json:"before"`
	After       float64   `json:"after"`
	Change      *Estimate `json:"change,omitempty"` // (after - before) / before, with its 95 % interval
	P           float64   `json:"p"`                // of no difference, corrected for the number of comparisons (Benjamini and Hochberg)
	Significant bool      `json:"significant"`      // P < 0.05

	uncorrected float64
}

// Significance is the level of a comparison.
const Significance = 0.05

// The least sizes of samples for a quantile to be compared: those of its interval (see [Quantile]), on either side.
var leastForQuantile = map[string]int{"mean": 5, "p50": 6, "p95": 72, "p99": 368}

var quantiles = map[string]float64{"p50": 0.5, "p95": 0.95, "p99": 0.99}

// Compare compares two samples. One seed has one result.
func Compare(before, after *Sample, seed uint64) *Comparison {
	c := &Comparison{Before: side(before), After: side(after)}
	x := newContrast(before, after, seed)
	c.Overlap = x.overlap
	for _, m := range []struct {
		name string
		of   func(*SampledRequest) int64
	}{
		{"TTFT", func(r *SampledRequest) int64 { return r.TTFT }},
		{"TPOT", func(r *SampledRequest) int64 { return r.TPOT }},
		{"longest ITL", func(r *SampledRequest) int64 { return r.ITL }},
		{"E2E", func(r *SampledRequest) int64 { return r.E2E }},
	} {
		c.Measures = append(c.Measures, x.latency(m.name, m.of)...)
	}
	for _, st := range bothStretches(before, after) {
		c.Phases = append(c.Phases, x.phase(st))
	}
	errors := x.mean("errors", "share", "share", func(r *SampledRequest) int64 { return r.Failed })
	c.Errors = &errors
	c.Workload = x.workload()
	c.correct()
	return c
}

func side(s *Sample) Side {
	out := Side{Requests: s.Of, Sampled: len(s.Requests), Blocks: s.Blocks, Since: s.Since, Until: s.Until}
	var total float64
	byBlock := make([]float64, s.Blocks)
	for i := range s.Requests {
		if r := &s.Requests[i]; r.E2E > 0 {
			total += float64(r.E2E)
			byBlock[r.Block] += float64(r.E2E)
		}
	}
	if total > 0 {
		out.Heaviest = slices.Max(byBlock) / total
	}
	return out
}

func bothStretches(before, after *Sample) []Stretch {
	both := &Sample{Stretches: slices.Clone(before.Stretches)}
	for _, st := range after.Stretches {
		if !slices.Contains(both.Stretches, st) {
			both.Stretches = append(both.Stretches, st)
		}
	}
	both.order()
	return both.Stretches
}

// latency compares the statistics of a measure. Nothing comes of one that neither side has.
func (x *contrast) latency(name string, of func(*SampledRequest) int64) []Change {
	values := x.values(of)
	if len(values[0].at)+len(values[1].at) == 0 {
		return nil
	}
	var list []Change
	for _, stat := range []string{"mean", "p50", "p95", "p99"} {
		list = append(list, x.change(Change{Name: name, Stat: stat, Unit: "ns"}, values, true))
	}
	return list
}

// phase compares the mean of a phase over the requests of which its path is known.
func (x *contrast) phase(st Stretch) Change {
	places := [2]int{slices.Index(x.sides[0].Stretches, st), slices.Index(x.sides[1].Stretches, st)}
	values := x.valuesBySide(func(side int, r *SampledRequest) int64 {
		switch {
		case r.E2E < 0, st.Path == PathTTFT && r.TTFT < 0:
			return -1
		case places[side] < 0:
			return 0
		}
		return r.Phases[places[side]]
	})
	path := st.Path
	return x.change(Change{Name: st.Name(), Stat: "mean", Unit: "ns", Path: &path}, values, true)
}

func (x *contrast) mean(name, stat, unit string, of func(*SampledRequest) int64) Change {
	return x.change(Change{Name: name, Stat: stat, Unit: unit}, x.values(of), false)
}

// workload compares what was asked for.
func (x *contrast) workload() []Change {
	list := []Change{x.rate()}
	for _, m := range []struct {
		name string
		of   func(*SampledRequest) int64
	}{
		{"prompt tokens", func(r *SampledRequest) int64 { return r.Input }},
		{"output tokens", func(r *SampledRequest) int64 { return r.Output }},
		{"cached tokens", func(r *SampledRequest) int64 { return r.Cached }},
	} {
		values := x.values(m.of)
		if len(values[0].at)+len(values[1].at) > 0 {
			list = append(list, x.change(Change{Name: m.name, Stat: "mean", Unit: "tokens"}, values, false))
		}
	}
	if x.strata.models > 1 {
		for model := range x.strata.models {
			list = append(list, x.change(Change{Name: "model " + x.strata.names[model], Stat: "share", Unit: "share"},
				x.valuesBySide(func(side int, r *SampledRequest) int64 { return x.strata.is(side, r, model) }), false))
		}
	}
	return list
}

// correct turns p into that of Benjamini and Hochberg (1995), within the server's figures, the same at the same sizes,
// and the workload.
func (c *Comparison) correct() {
	var server, same, workload []*Difference
	for _, list := range [][]Change{c.Measures, c.Phases} {
		for i := range list {
			if list[i].Why == "" {
				server = append(server, &list[i].Difference)
			}
			if list[i].Same != nil {
				same = append(same, list[i].Same)
			}
		}
	}
	if c.Errors.Why == "" {
		server = append(server, &c.Errors.Difference)
	}
	for i := range c.Workload {
		if c.Workload[i].Why == "" {
			workload = append(workload, &c.Workload[i].Difference)
		}
	}
	for _, family := range [][]*Difference{server, same, workload} {
		slices.SortStableFunc(family, func(a, b *Difference) int { return compareFloat(b.uncorrected, a.uncorrected) })
		least := 1.0
		for i, d := range family { // the largest first
			least = min(least, d.uncorrected*float64(len(family))/float64(len(family)-i))
			d.P, d.Significant = least, least < Significance
		}
	}
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A spread is the estimate of a figure, or of what two differ by, from all and from each resample.
type spread struct {
	value     float64
	resampled []float64
}

// difference compares two resampled figures that hold blocks[0] and blocks[1] blocks with a value: Welch's test on
// logarithms, or on the figures themselves where one can be zero, with the variances of the resampling. Linked figures
// were resampled together, so that they vary together: weights at the same sizes follow the draws of both sides.
func difference(before, after spread, blocks [2]int, linked bool) Difference {
	d := Difference{Before: before.value, After: after.value, uncorrected: 1}
	logarithms := positive(&before) && positive(&after)
	effect := after.value - before.value
	if logarithms {
		effect = math.Log(after.value / before.value)
		before, after = before.logarithm(), after.logarithm()
	}
	square, freedom := welch(&before, &after, blocks)
	if linked {
		for i := range after.resampled {
			after.resampled[i] -= before.resampled[i]
		}
		square = variance(after.resampled, min(blocks[0], blocks[1]))
	}
	low, high := effect, effect
	if square > 0 {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}
		d.uncorrected = 2 * t.Survival(math.Abs(effect)/math.Sqrt(square))
		reach := t.Quantile(0.975) * math.Sqrt(square)
		low, high = effect-reach, effect+reach
	} else if effect != 0 {
		d.uncorrected = 0
	}
	switch {
	case logarithms:
		d.Change = &Estimate{math.Expm1(effect), math.Expm1(low), math.Expm1(high)}
	case d.Before > 0:
		d.Change = &Estimate{effect / d.Before, low / d.Before, high / d.Before}
	}
	return d
}

// welch returns the variance of the difference and its degrees of freedom (Welch and Satterthwaite).
func welch(before, after *spread, blocks [2]int) (square, freedom float64) {
	a, b := variance(before.resampled, blocks[0]), variance(after.resampled, blocks[1])
	square = a + b
	freedom = square * square / (a*a/float64(blocks[0]-1) + b*b/float64(blocks[1]-1))
	if !(freedom >= 1) { // neither varies
		freedom = 1
	}
	return square, freedom
}

// variance returns that of a figure whose values were resampled from g blocks, of which resampling shows (g-1)/g.
func variance(values []float64, g int) float64 {
	mean, sum := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return sum / float64(len(values)-1) * float64(g) / float64(g-1)
}

func positive(s *spread) bool { return s.value > 0 && slices.Min(s.resampled) > 0 }

func (s *spread) logarithm() spread {
	out := spread{math.Log(s.value), make([]float64, len(s.resampled))}
	for i, v := range s.resampled {
		out.resampled[i] = math.Log(v)
	}
	return out
}
