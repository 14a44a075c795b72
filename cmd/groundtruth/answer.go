package main

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/rules"
)

// An answer is what a report names.
type answer struct {
	verdict   string
	named     []string       // rules of findings that matter, in the report's order
	phase     analyzer.Phase // of the first of them
	all       []string       // those and their symptoms, each once
	ranked    bool           // the first of named takes part in the ranking
	telemetry []string       // what is wrong with the telemetry, by rule
	minor     []string       // rules that hold and are not worth anybody's time
}

// answerOf reads the answer from a report. What a report calls minor it does not advise to do anything about, so it is
// named by nobody.
func answerOf(r *report.Report) (a answer) {
	a.verdict = r.Verdict
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Severity == rules.SeverityMinor {
			a.minor = append(a.minor, f.Rule)
			continue
		}
		if len(a.named) == 0 {
			a.phase, a.ranked = f.Phase, f.Rank > 0
		}
		a.named = append(a.named, f.Rule)
		a.all = append(a.all, f.Rule)
		for k := range f.Beneath {
			a.all = append(a.all, f.Beneath[k].Rule)
		}
	}
	slices.Sort(a.all)
	a.all = slices.Compact(a.all)
	for i := range r.Telemetry {
		a.telemetry = append(a.telemetry, r.Telemetry[i].Rule)
	}
	return a
}

// first is the rule that is named first; "" for none.
func (a *answer) first() string {
	if len(a.named) == 0 {
		return ""
	}
	return a.named[0]
}

func (a *answer) String() string {
	text := a.verdict + ": " + strings.Join(a.named, ", ")
	if len(a.minor) > 0 {
		text += " (minor: " + strings.Join(a.minor, ", ") + ")"
	}
	if len(a.telemetry) > 0 {
		text += " [" + strings.Join(a.telemetry, ", ") + "]"
	}
	return text
}

// labels are the rules that are right for the scenario.
func (s *scenario) labels() (list []string) {
	for _, i := range s.injections {
		list = append(list, i.Fault.Label.Rules...)
	}
	return list
}

// A judgement of an answer.
type judgement string

const (
	right     judgement = "right"
	wrong     judgement = "wrong"     // another cause is named
	silent    judgement = "silent"    // none is named
	abstained judgement = "abstained" // none is named, where the dialect cannot carry the phase
)

// judge holds the answer against the label of a single fault.
func (r *result) judge() judgement {
	first := r.answer.first()
	switch {
	case slices.Contains(r.labels(), first):
		return right
	case first != "":
		return wrong
	case !r.observable():
		return abstained
	}
	return silent
}

// withinTop reports whether a right rule is among the first n that are named.
func (r *result) withinTop(n int) bool {
	named := r.answer.named
	return slices.ContainsFunc(named[:min(n, len(named))], func(rule string) bool { return slices.Contains(r.labels(), rule) })
}

// observable reports whether the dialect can carry the phase of the fault's label.
func (r *result) observable() bool {
	return len(r.injections) == 1 && carries(r.dialect, r.injections[0].Fault.Label)
}

// material reports whether the fault costs enough that it must be named: of E2E, or of what its dialect can state of TTFT.
func (r *result) material(least float64) bool {
	return r.cost.e2e >= least || r.cost.ofTTFT(r.dialect) >= least
}

// scored is what a report scores a phase, on the paths to the last and to the first token; nil where it has no score.
type scored struct {
	e2e, ttft   *float64
	floorSource string
}

func scoresOf(r *report.Report) map[analyzer.Phase]scored {
	scores := map[analyzer.Phase]scored{}
	for i := range r.Scores {
		s := &r.Scores[i]
		if s.Cohort != "all" {
			continue
		}
		one := scores[s.Phase]
		if s.Path == population.PathTTFT {
			one.ttft = s.Value
		} else {
			one.e2e, one.floorSource = s.Value, s.FloorSource
		}
		scores[s.Phase] = one
	}
	return scores
}
