package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The least that must be known to call a system healthy.
const (
	minSeparable = 0.5 // share of E2E whose phase is told apart
	largeScore   = 20  // of a phase that no finding names, while a target is missed
)

// doubtHealth takes the verdict back where too little is known for it: no rule could be decided, the telemetry of a phase
// cannot be trusted, so that no rule may name it, most of the time cannot be told apart, or a phase could win back much and
// nothing says why.
func (s *Set) doubtHealth(cases []Case, decided map[string]bool, result *Result) {
	bottlenecks := slices.ContainsFunc(s.Rules, func(r *Rule) bool { return r.Class != ClassTelemetry && decided[r.ID] })
	discredited := slices.ContainsFunc(result.Telemetry, func(f Finding) bool {
		r := s.Rule(f.Rule)
		return r != nil && len(r.Discredits.Phases()) > 0
	})
	if !bottlenecks || discredited {
		result.Verdict = VerdictUntold
	}
	for i := range cases {
		m := cases[i].Measures
		if known := m["separable_share"]; known.Known && known.Number < minSeparable {
			result.Verdict = VerdictUntold
		}
		if !m["targets_missed"].Bool || cases[i].Regime == 0 {
			continue
		}
		for _, phase := range analyzer.Phases {
			if score := m[phase.String()+"_score"]; score.Known && score.Number >= largeScore && !result.names(phase) {
				s.unnamed(&cases[i], phase, result)
			}
		}
	}
	if len(result.Unnamed) > 0 {
		result.Verdict = VerdictUntold
	}
}

// names reports whether a finding is about the phase.
func (result *Result) names(phase analyzer.Phase) bool {
	return slices.ContainsFunc(result.Findings, func(f Finding) bool {
		return f.Phase == phase || slices.ContainsFunc(f.Beneath, func(b Finding) bool { return b.Phase == phase })
	})
}

// unnamed notes a phase once, with a rule about it that cannot be decided.
func (s *Set) unnamed(c *Case, phase analyzer.Phase, result *Result) {
	if slices.ContainsFunc(result.Unnamed, func(u Unnamed) bool { return u.Phase == phase }) {
		return
	}
	u := Unnamed{Phase: phase, Score: c.Measures[phase.String()+"_score"].Number, Recoverable: c.Measures[phase.String()+"_recoverable"].Number, Place: c.Place}
	for _, skipped := range result.Skipped {
		r := s.Rule(skipped.Rule)
		if r == nil || r.Phase != phase || len(skipped.Needs) == 0 {
			continue
		}
		need := skipped.Needs[0]
		u.Rule, u.Why = skipped.Rule, need.Why
		if u.Why == "" {
			u.Why = need.Variable + " is not known"
		}
		break
	}
	result.Unnamed = append(result.Unnamed, u)
}
