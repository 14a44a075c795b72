package report

import (
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/rules"
)

// textCause prints the answer: the first cause in one sentence, what it costs, and the one change to make first.
func textCause(p *answer, r *Report) {
	if r.Verdict == "" {
		return
	}
	line := func(head, text string) {
		first, more := wrap(printable(text, 2*(maxTextWidth-11)), maxTextWidth-11)
		p.addLine(rankKept, fmt.Sprintf("%-10s %s", head, first))
		if more != "" {
			p.addLine(rankCause, fmt.Sprintf("%-10s %s", "", printable(more, maxTextWidth-11)))
		}
	}
	head, f := "cause", (*rules.Finding)(nil)
	switch {
	case r.Verdict == rules.VerdictBottleneck:
		f = &r.Findings[0]
	default:
		if f = perhaps(r); f == nil {
			line("cause", noCause(r))
			return
		}
		head = "perhaps"
	}
	line(head, f.Cause)
	line("", recoverableText(f)+beneathText(f))
	change := f.Recommendation.Summary
	if len(f.Recommendation.Settings) > 0 {
		change = f.Recommendation.Settings[0] + " (" + rules.StackName(f.Recommendation.Stack) + "): " + lowerFirst(change)
	}
	predicted := predictedText(f)
	line("do first", printable(change, maxTextWidth-11-len(predicted))+predicted)
	if more := moreText(r); more != "" {
		p.addLine(rankThen, fmt.Sprintf("%-10s %s", "then", printable(more, maxTextWidth-11)))
	}
}

// perhaps returns the first finding that is worth something but not ranked, since its rule or what it was read by was never
// tested against the real stack; nil if there is none.
func perhaps(r *Report) *rules.Finding {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Experimental && (f.Severity == rules.SeverityCritical || f.Severity == rules.SeverityModerate) {
			return f
		}
	}
	return nil
}

func noCause(r *Report) string {
	if r.Verdict == rules.VerdictUntold {
		if len(r.Withheld) > 0 {
			return "not named: " + r.Withheld[0].Why + " (" + r.Withheld[0].By + ")"
		}
		if len(r.Unnamed) > 0 {
			u := &r.Unnamed[0]
			text := fmt.Sprintf("not named: %s could win back %s a request", u.Phase, Duration(u.Recoverable))
			if u.Rule != "" {
				return text + fmt.Sprintf(", but %s cannot be decided: %s", u.Rule, u.Why)
			}
			return text + ", and no rule says why"
		}
		if len(r.Telemetry) > 0 {
			return fmt.Sprintf("not named: %s (%s)", lowerFirst(strings.TrimSuffix(r.Telemetry[0].Cause, ".")), r.Telemetry[0].Rule)
		}
		return "not named: too little is told apart by this telemetry; slowtoken rules list --coverage says what is missing"
	}
	text := "no bottleneck worth your time"
	if len(r.Findings) > 0 {
		text += fmt.Sprintf("; the largest is %s (%s)", r.Findings[0].Rule, r.Findings[0].Severity)
	} else if n := r.Nearest; n != nil {
		text += fmt.Sprintf("; nearest: %s, where %s is %s (margin %s)", n.Rule, n.Condition, n.Value, Percent(n.Margin))
	}
	return text
}

func recoverableText(f *rules.Finding) string {
	if f.Recoverable == nil {
		return f.Rule
	}
	text := f.Rule + ": wins back " + Duration(f.Recoverable.Value)
	if f.Recoverable.Low != nil {
		text += fmt.Sprintf(" (%s to %s)", Duration(*f.Recoverable.Low), Duration(*f.Recoverable.High))
	}
	text += fmt.Sprintf(" a request for %s of %s, confidence %.2f", Count(f.Who.N), Count(f.Who.Of), f.Confidence.Value)
	if f.Experimental {
		text += "; experimental"
	}
	return text
}

func beneathText(f *rules.Finding) string {
	var names []string
	for i := range f.Beneath {
		names = append(names, f.Beneath[i].Rule)
	}
	if names == nil {
		return ""
	}
	return "; its symptom: " + strings.Join(names, ", ")
}

func predictedText(f *rules.Finding) string {
	p := f.Predicted
	if p == nil || p.Why != "" {
		return ""
	}
	return fmt.Sprintf("; by replay, E2E p95 %s to %s", Duration(p.Before.Value), Duration(p.After.Value))
}

// moreText names the findings after the first.
func moreText(r *Report) string {
	var names []string
	for i := 1; i < len(r.Findings); i++ {
		f := &r.Findings[i]
		if f.Rank == 0 || f.Severity == rules.SeverityMinor {
			continue
		}
		name := f.Rule
		if f.Recoverable != nil {
			name += " (" + Duration(f.Recoverable.Value) + ")"
		}
		names = append(names, name)
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	if r.FirstChanges {
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Priority.PlainRank == 1 {
				names = append(names, "were effort and risk equal, first: "+f.Rule)
			}
		}
	}
	return strings.Join(names, ", ")
}

// wrap cuts s at the last space that lets the first part have so many characters.
func wrap(s string, width int) (first, more string) {
	runes := []rune(s)
	if len(runes) <= width {
		return s, ""
	}
	for at := width; at > 0; at-- {
		if runes[at] == ' ' {
			return string(runes[:at]), string(runes[at+1:])
		}
	}
	return string(runes[:width]), string(runes[width:])
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
