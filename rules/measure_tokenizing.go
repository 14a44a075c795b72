package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// frontTime returns the nanoseconds of frontend and tokenize before the first token.
func frontTime(r *population.Record) int64 {
	return phaseTime(r, analyzer.Frontend, population.PathTTFT) + phaseTime(r, analyzer.Tokenize, population.PathTTFT)
}

// measureTokenizing fits the time of the front end on prompt length. Requests that come while others are in the front end
// may wait for them, and that depends on the others' prompts: as long as there are enough that met nobody, they alone are
// fitted; else, where that shows it better, what each takes from when the one before is done.
func (v *view) measureTokenizing() {
	m := v.m
	var list []*population.Record
	for _, r := range v.latency {
		if frontTime(r) > 0 {
			list = append(list, r)
		}
	}
	var x, front, xAlone, alone []float64
	stated := 0.0
	for r, met := range inFrontEnd(list) {
		stated += float64(phaseTime(r, analyzer.Tokenize, population.PathTTFT)) / float64(len(list))
		if r.InputTokens <= 0 {
			continue
		}
		tokens, ns := float64(r.InputTokens), float64(frontTime(r))
		x, front = append(x, tokens), append(front, ns)
		if !met {
			xAlone, alone = append(xAlone, tokens), append(alone, ns)
		}
	}
	if stated > 0 {
		m["tokenizing_mean"] = span(stated, len(list))
	}
	if len(alone) < minLine {
		xAlone, alone = x, front
		// Of the two, what prompt length explains better: times by themselves, which are meaningless where several threads
		// serve, or whole ones, in which waits hide it where one does.
		tokens, own := inTurn(list)
		_, _, ofWhole, _ := line(x, front)
		if _, _, ofOwn, ok := line(tokens, own); ok && ofOwn > ofWhole {
			xAlone, alone = tokens, own
		}
	}
	slope, half, r2, ok := line(xAlone, alone)
	if !ok {
		return
	}
	n := len(alone)
	m["frontend_slope"] = span(slope, n).within(slope-half, slope+half)
	m["frontend_slope_low"], m["frontend_r2"] = span(slope-half, n), number(r2, n)
	m["frontend_prompt_share"] = number(max(0, slope)*meanOf(xAlone)/meanOf(alone), n)
	if stated == 0 && slope > 0 {
		base := max(0, meanOf(alone)-slope*meanOf(xAlone))
		m["tokenizing_mean"] = span(max(0, meanOf(front)-base), len(front))
	}
}

// inTurn returns the prompt tokens of requests, and the nanoseconds that the front end takes for each by itself if one
// thread serves all: from when it came or the one before was done, whichever is later.
func inTurn(list []*population.Record) (tokens, own []float64) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *population.Record) int { return cmp.Compare(a.Joined, b.Joined) })
	var passed int64
	for _, r := range sorted {
		if r.InputTokens > 0 {
			tokens, own = append(tokens, float64(r.InputTokens)), append(own, float64(r.Joined-max(passed, r.Joined-frontTime(r))))
		}
		passed = r.Joined
	}
	return tokens, own
}

// inFrontEnd yields the records, and whether an earlier one was still on its way to the engine's queue when each came.
func inFrontEnd(list []*population.Record) func(yield func(r *population.Record, met bool) bool) {
	came := func(r *population.Record) int64 { return r.Joined - frontTime(r) }
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *population.Record) int { return cmp.Compare(came(a), came(b)) })
	return func(yield func(r *population.Record, met bool) bool) {
		var passed int64
		for _, r := range sorted {
			if !yield(r, r.Joined == 0 || passed > came(r)) {
				return
			}
			passed = max(passed, r.Joined)
		}
	}
}
