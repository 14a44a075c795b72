package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// scoreText is the score of a phase on the path to the end, of all requests; "" where the phase is not observable.
func scoreText(r *Report, phase analyzer.Phase) string {
	for i := range r.Scores {
		s := &r.Scores[i]
		if s.Cohort != population.CohortAll || s.Path != population.PathE2E || s.Phase != phase {
			continue
		}
		if s.Value == nil {
			return "no score: " + s.Why
		}
		return scored(s)
	}
	return ""
}

// scored prints a score with its interval, its class, and what it means a request.
func scored(s *population.Score) string {
	text := fmt.Sprintf("%.0f", *s.Value)
	if s.Low != nil {
		text += fmt.Sprintf(" (%.0f to %.0f)", *s.Low, *s.High)
	}
	text += " " + s.Class
	if s.Recoverable.Value >= 1 {
		text += ", " + Duration(s.Recoverable.Value) + " a request"
	}
	if s.NoFeedback && *s.Value >= 1 {
		text += "*"
	}
	return text
}

// starLegend says what the stars of the scores mean; "" if there is none.
func starLegend(r *Report) string {
	for i := range r.Scores {
		s := &r.Scores[i]
		if s.Cohort == population.CohortAll && s.Path == population.PathE2E && s.Value != nil && s.NoFeedback && *s.Value >= 1 {
			return "; * before others wait less"
		}
	}
	return ""
}

// headroomLine says what all phases at their floors would win.
func headroomLine(r *Report) string {
	for i := range r.Headroom {
		h := &r.Headroom[i]
		if h.Cohort == population.CohortAll && h.Path == population.PathE2E && h.Value != nil {
			return "  all at once  " + scored(h) + ", with every phase at its floor"
		}
	}
	return ""
}

// tailLine says by which phases the tail differs from the body: of the regime with most requests, on the path to the
// end.
func tailLine(r *Report) string {
	var most *Tail
	for i := range r.Tail {
		t := &r.Tail[i]
		if t.Path == population.PathE2E && (most == nil || r.Regimes[t.Regime].Latency > r.Regimes[most.Regime].Latency) {
			most = t
		}
	}
	if most == nil || most.TooFew {
		return ""
	}
	var parts []string
	for _, part := range most.Parts {
		if part.Share >= 0.05 && len(parts) < 3 {
			name := part.Phase.String()
			if len(part.Covers) > 0 {
				name = joinPhases(part.Covers, " + ")
			}
			parts = append(parts, fmt.Sprintf("%s %s (%s)", name, Duration(float64(part.NS)), Percent(part.Share)))
		}
	}
	where := ""
	if len(r.Regimes) > 1 {
		where = fmt.Sprintf(" in the largest of %d stretches of steady load", len(r.Regimes))
	}
	return fmt.Sprintf("tail       from p95 on%s, mean %s against %s in the faster half; of the difference: %s",
		where, Duration(float64(most.TailMean)), Duration(float64(most.BodyMean)), strings.Join(parts, ", "))
}

// incidentLine tells of the incident that moves its p95 most.
func incidentLine(r *Report) string {
	if len(r.Incidents) == 0 {
		return ""
	}
	worst := &r.Incidents[0]
	for i := range r.Incidents {
		if n := &r.Incidents[i]; n.P95-n.P95Without > worst.P95-worst.P95Without {
			worst = n
		}
	}
	text := "incident   " + clock(worst.Burst) + ": "
	if worst.Arrivals > 1 {
		text += fmt.Sprintf("%s came within %s", plural(worst.Arrivals, "request"), Duration(float64(worst.Within)))
		if worst.Drain > 0 {
			text += fmt.Sprintf(", %s to drain", Duration(float64(worst.Drain)))
		}
		text += ", "
	}
	among := fmt.Sprintf("%d of the %d", worst.Tail, worst.TailOf)
	if worst.Tail == worst.TailOf {
		among = fmt.Sprintf("all %d", worst.Tail)
	}
	text += "with " + among + " requests from p95 on"
	if worst.P95Without > 0 {
		text += fmt.Sprintf("; p95 %s, without it %s", Duration(float64(worst.P95)), Duration(float64(worst.P95Without)))
	}
	if n := len(r.Incidents); n > 1 {
		text += fmt.Sprintf("; %d more", n-1)
	}
	return text
}

// abstainedLine names the first refusal that somebody can lift, and how.
func abstainedLine(r *Report) string {
	for _, a := range r.Abstained {
		if a.Remedy != "" && r.Requests.Total > 0 {
			return "not shown  " + printable(a.What+"; to see it: "+a.Remedy, maxTextWidth-11)
		}
	}
	return ""
}
