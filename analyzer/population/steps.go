package population

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Steps say what a step of decode takes in one domain: fitted on all of its requests, since in a busy engine hardly any
// decodes without somebody's prefill. Times are nanoseconds.
//
// The time of a decode is that of its steps and of the prompt tokens of others that were computed in them:
//
//	decode = (steps x (Alone + Sequence x (batch - 1)) + PromptToken x tokens) x (1 + Drift x t)
//
// It is fitted per step, with instruments (two-stage least squares): a decode that is slow for another reason meets more
// prompts of others in each of its steps and shares them with more sequences, which does not make them the reason. In
// place of tokens a step stand tokens a second; in place of the batch stands what it would be if all steps took the same.
// Where requests do not state their prompts, nanoseconds of prefill stand for tokens.
type Steps struct {
	Alone       float64  // a step of one sequence, without foreign prefill, in the middle of the time
	AloneLow    float64  // lower end of its 95 % interval
	Sequence    float64  // what each further sequence adds
	PromptToken float64  // what each prompt token of others adds
	Drift       Estimate // growth of a step in 10 minutes at the same load, as a share; its ends are the 95 % interval
	N           int      // requests
	R2          float64  // of the variance of time per step that load and drift explain

	decoding *occupancy
	prompts  *occupancy // prompt tokens a nanosecond
	prefills *occupancy
	middle   float64 // of all decodes, since the Unix epoch
	replicas float64
	cached   float64 // tokens of every prompt in a cache that nobody reports
	several  bool    // a step can make several tokens
	slope    float64 // of prefill on prompt tokens; 0 while unknown
	byTime   bool    // prompts are not stated: nanoseconds of prefill stand for their tokens
}

// A StepLoad is what one request's steps of decode had to carry.
type StepLoad struct {
	Steps        float64
	Time         float64 // of all of them, nanoseconds
	Batch        float64 // sequences that decoded in a step, itself included
	PromptTokens float64 // of others, computed during its decode
	Foreign      float64 // nanoseconds of its decode in which others were prefilled
}

const (
	minSteps     = 40  // requests that a fit needs
	mostSteps    = 500 // steps from which on a longer answer tells no more
	tenMinutes   = 600e9
	minDriftTime = 120e9 // nanoseconds that say something of a drift
)

// Steps fits the steps of those members of d; nil where too little is known of them.
func (p *Population) Steps(d *Domain, members []int32, sizes *Sizes, f Facts) *Steps {
	if d.PrefillOnly || !d.SlotsKnown() {
		return nil
	}
	s := &Steps{replicas: float64(max(1, d.Replicas)), decoding: p.occupied(d.together(), (*Record).decodeInterval)}
	if sizes.CachedTokens != nil {
		s.cached = sizes.CachedTokens.Value
	}
	if sizes.Prefill != nil {
		s.slope = max(0, sizes.Prefill.Slope.Value)
	}
	if s.byTime = !p.statePrompts(members); s.byTime {
		s.slope = 1 // others lose no more by a prefill than it takes
	}
	_, s.several = f.Number("num_speculative_tokens")
	s.prefills = p.occupied(d.together(), (*Record).prefillInterval)
	s.prompts = p.weighed(d.together(), func(r *Record) (from, to int64, weight float64, ok bool) {
		from, to, ok = r.prefillInterval()
		return from, to, s.PromptTokens(r) / float64(to-from), ok && to > from
	})
	if s.prefills.intervals*10 < 9*s.decoding.intervals {
		return nil // the prefill of most requests is not observable
	}
	var rows []stepRow
	var since, until int64
	for _, m := range members {
		r := &p.Records[m]
		load, ok := s.Load(r)
		if !ok || r.Outcome != analyzer.Succeeded {
			continue
		}
		if since == 0 || r.FirstToken < since {
			since = r.FirstToken
		}
		until = max(until, r.LastToken)
		rows = append(rows, stepRow{at: float64(r.FirstToken + (r.LastToken-r.FirstToken)/2), first: r.FirstToken, StepLoad: load})
	}
	if len(rows) < minSteps {
		return nil
	}
	s.middle = float64(since + (until-since)/2)
	for i := range rows {
		rows[i].at -= s.middle
	}
	evenBatches(rows)
	if !s.fit(rows, float64(until-since) >= minDriftTime) {
		return nil
	}
	s.N = len(rows)
	return s
}

// Load returns what r's steps had to carry; ok is false where that is not known.
func (s *Steps) Load(r *Record) (load StepLoad, ok bool) {
	from, to, ok := r.decodeInterval()
	if !ok {
		return load, false
	}
	load.Steps = float64(r.OutputTokens - 1)
	switch {
	case r.chunksAreSteps && len(r.gaps) > 0:
		load.Steps = float64(len(r.gaps))
	case s.several || r.OutputTokens < 2 || r.Sequences > 1:
		return load, false
	}
	load.Time, load.Batch = float64(to-from), r.BatchSize
	if load.Batch <= 0 {
		load.Batch = 1 + max(0, s.decoding.mean(from, to)-1)/s.replicas
	}
	load.PromptTokens = s.prompts.mean(from, to) * load.Time / s.replicas
	load.Foreign = s.prefills.covered(from, to)
	return load, true
}

// Clean is how long a step takes with so many sequences while nobody is prefilled.
func (s *Steps) Clean(batch float64) float64 { return s.Alone + s.Sequence*max(0, batch-1) }

// PromptTime is how long the prompt tokens take at most that were computed in [from, to), nanoseconds: as prefills take
// for them, or as those who decode lose by them.
func (s *Steps) PromptTime(from, to int64) float64 {
	slower := max(1, 1+s.Drift.Value*(float64(from)-s.middle)/tenMinutes)
	return slower * max(s.PromptToken, s.slope) * s.prompts.mean(from, to) * float64(to-from) / s.replicas
}

// statePrompts reports whether nine of ten members state the length of their prompts.
func (p *Population) statePrompts(members []int32) bool {
	n := 0
	for _, m := range members {
		if p.Records[m].InputTokens > 0 {
			n++
		}
	}
	return 10*n >= 9*len(members)
}

// ByTime reports whether nanoseconds of prefill stand for prompt tokens, which requests do not state.
func (s *Steps) ByTime() bool { return s.byTime }

// PromptTokens is how many tokens of r's prompt were computed, as far as is known.
func (s *Steps) PromptTokens(r *Record) float64 {
	if s.byTime {
		from, to, _ := r.prefillInterval()
		return float64(to - from)
	}
	if r.CachedTokens >= 0 {
		return float64(r.uncached())
	}
	return max(0, float64(r.InputTokens)-s.cached)
}

// A stepRow is one request of the fit.
type stepRow struct {
	at    float64 // the middle of its decode, nanoseconds from the middle of all
	first int64
	even  float64 // the batch if all steps took the same
	StepLoad
}

// The terms of the fit.
const (
	termAlone = iota
	termSequence
	termPrompt
	termDrift
	numTerms
)

// fit finds the terms. One that comes out below zero, which none can be but the drift, is left out.
func (s *Steps) fit(rows []stepRow, drifts bool) bool {
	terms := []int{termAlone, termSequence, termPrompt}
	if drifts {
		terms = append(terms, termDrift)
	}
	given := 0.0 // for a prompt token, where it is not fitted
	for {
		beta, half, r2, ok := fitSteps(rows, terms, given)
		// Others lose no more by a prompt token than its own prefill does. In an engine that always prefills somebody, a fit
		// can say anything of the two.
		if at := slices.Index(terms, termPrompt); ok && at > 0 && s.slope > 0 && (beta[at] > s.slope || beta[0] <= 0) {
			given, terms = s.slope, slices.Delete(terms, at, at+1)
			continue
		}
		if !ok {
			if len(terms) == 1 {
				return false
			}
			// A column that says nothing beside the others: foreign prefill that is always there, or a batch that never changes.
			terms = slices.Delete(terms, 1, 2)
			continue
		}
		if i := slices.IndexFunc(terms, func(t int) bool {
			return (t == termSequence || t == termPrompt) && beta[slices.Index(terms, t)] < 0
		}); i >= 0 {
			terms = slices.Delete(terms, i, i+1)
			continue
		}
		if beta[0] <= 0 {
			if given = given / 2; given > s.slope/10 { // no more than leaves a step any time of its own
				continue
			}
			return false
		}
		s.R2, s.PromptToken = r2, given
		for i, t := range terms {
			switch t {
			case termAlone:
				s.Alone, s.AloneLow = beta[i], beta[i]-half[i]
			case termSequence:
				s.Sequence = beta[i]
			case termPrompt:
				s.PromptToken = beta[i]
			case termDrift:
				s.Drift = Estimate{beta[i] * tenMinutes, (beta[i] - half[i]) * tenMinutes, (beta[i] + half[i]) * tenMinutes}
			}
		}
		return true
	}
}

// meanStep is the mean time of all steps.
func meanStep(rows []stepRow) float64 {
	var time, steps float64
	for i := range rows {
		time, steps = time+rows[i].Time, steps+rows[i].Steps
	}
	return time / steps
}

// evenBatches says how many would decode with each if every step took as long as the mean of all.
func evenBatches(rows []stepRow) {
	mean := meanStep(rows)
	until := func(r *stepRow) int64 { return r.first + int64(max(1, r.Steps*mean)) }
	even := occupancyOf(len(rows), func(i int) (from, to int64, weight float64, ok bool) {
		return rows[i].first, until(&rows[i]), 1, true
	})
	for i := range rows {
		rows[i].even = even.mean(rows[i].first, until(&rows[i]))
	}
}

// fitSteps solves for the terms by weighted least squares with instruments; half is half of the 95 % interval, widened
// for the correlation of neighbours. What prompt tokens take is fitted, or else given. Requests that lie far off the
// others count less (Huber's weights).
func fitSteps(rows []stepRow, terms []int, given float64) (beta, half []float64, r2 float64, ok bool) {
	n, k, mean, drift := len(rows), len(terms), meanStep(rows), slices.Index(terms, termDrift)
	x, z := mat.NewDense(n, k, nil), mat.NewDense(n, k, nil)
	y, weight := make([]float64, n), make([]float64, n)
	for i := range rows {
		r := &rows[i]
		y[i], weight[i] = (r.Time-given*r.PromptTokens)/r.Steps, min(r.Steps, mostSteps)
		for c, t := range terms {
			with, instead := 1.0, 1.0
			switch t {
			case termSequence:
				with, instead = r.Batch-1, r.even-1
			case termPrompt:
				with, instead = r.PromptTokens/r.Steps, r.PromptTokens/r.Time
			case termDrift: // of what the other terms come to: of the mean, before the first fit
				with, instead = r.at*mean, r.at
			}
			x.Set(i, c, with)
			z.Set(i, c, instead)
		}
	}
	// Columns of like size, or the matrix is singular in floating point.
	scaleX, scaleZ := columnScales(x), columnScales(z)
	for c := range terms {
		if scaleX[c] == 0 || scaleZ[c] == 0 {
			return nil, nil, 0, false
		}
	}
	base := slices.Clone(weight)
	var inverse mat.Dense
	residual := make([]float64, n)
	for range 4 {
		var zx mat.Dense
		zy := mat.NewVecDense(k, nil)
		cross := mat.NewDense(k, k, nil)
		for i := range rows {
			for a := range k {
				w := weight[i] * z.At(i, a) / scaleZ[a]
				zy.SetVec(a, zy.AtVec(a)+w*y[i])
				for b := range k {
					cross.Set(a, b, cross.At(a, b)+w*x.At(i, b)/scaleX[b])
				}
			}
		}
		zx.CloneFrom(cross)
		if inverse.Inverse(&zx) != nil || mat.Cond(&zx, 2) > 1e8 {
			return nil, nil, 0, false
		}
		var b mat.VecDense
		b.MulVec(&inverse, zy)
		beta = make([]float64, k)
		for c := range beta {
			beta[c] = b.AtVec(c) / scaleX[c]
		}
		reweigh(x, y, beta, base, weight, residual)
		if drift >= 0 {
			for i := range rows {
				level := given * rows[i].PromptTokens / rows[i].Steps
				for c, b := range beta {
					if c != drift {
						level += b * x.At(i, c)
					}
				}
				x.Set(i, drift, rows[i].at*max(level, mean/5))
			}
		}
	}
	return beta, halves(z, scaleX, scaleZ, &inverse, weight, residual), explained(y, weight, residual), true
}

func columnScales(m *mat.Dense) []float64 {
	n, k := m.Dims()
	scales := make([]float64, k)
	for c := range k {
		for i := range n {
			scales[c] = max(scales[c], math.Abs(m.At(i, c)))
		}
	}
	return scales
}

// reweigh computes what the fit leaves, and lets what lies over 2.5 standard deviations off count less.
func reweigh(x *mat.Dense, y, beta, base, weight, residual []float64) {
	spread := make([]float64, len(y))
	for i := range y {
		residual[i] = y[i]
		for c, b := range beta {
			residual[i] -= b * x.At(i, c)
		}
		spread[i] = math.Abs(residual[i]) * math.Sqrt(base[i])
	}
	sorted := slices.Clone(spread)
	slices.Sort(sorted)
	limit := 2.5 * 1.4826 * sorted[NearestRank(len(sorted), 0.5)]
	for i := range weight {
		weight[i] = base[i]
		if spread[i] > limit && limit > 0 {
			weight[i] *= limit / spread[i]
		}
	}
}

// halves returns half of the 95 % intervals. Neighbours depend on each other: as if there were as many fewer.
func halves(z *mat.Dense, scaleX, scaleZ []float64, inverse *mat.Dense, weight, residual []float64) []float64 {
	n, k := z.Dims()
	meat := mat.NewDense(k, k, nil)
	var lag, sum, before float64
	for i := range n {
		e := residual[i] * math.Sqrt(weight[i])
		lag, sum, before = lag+e*before, sum+e*e, e
		for a := range k {
			for b := range k {
				meat.Set(a, b, meat.At(a, b)+e*e*weight[i]*z.At(i, a)*z.At(i, b)/scaleZ[a]/scaleZ[b])
			}
		}
	}
	rho := 0.0
	if sum > 0 {
		rho = min(max(lag/sum, 0), 0.95)
	}
	var half, cov mat.Dense
	half.Mul(inverse, meat)
	cov.Mul(&half, inverse.T())
	list := make([]float64, k)
	for c := range list {
		list[c] = 2 * math.Sqrt(max(0, cov.At(c, c))*(1+rho)/(1-rho)) / scaleX[c]
	}
	return list
}

// explained returns which share of the weighted variance of y the fit explains.
func explained(y, weight, residual []float64) float64 {
	var sum, total, rest, all float64
	for i := range y {
		sum, total = sum+weight[i]*y[i], total+weight[i]
	}
	for i := range y {
		d := y[i] - sum/total
		rest, all = rest+weight[i]*residual[i]*residual[i], all+weight[i]*d*d
	}
	if all == 0 {
		return 0
	}
	return 1 - rest/all
}
