package dialect

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Phase is slowtoken's own dialect: a span that names its phase.
var Phase = analyzer.Dialect{
	Name: "slowtoken.phase",
	Doc: "slowtoken.phase names the phase of all of a span's time, on the call's own span or on any span below it; " +
		"slowtoken.detail says it finer. slowtoken.covers names several, separated by commas, that cannot be told apart. " +
		"slowtoken.basis says how the span's times are known: measured (also without it), reported or bounded, which counts " +
		"as inferred. It overrides every other reading of the span. A name that is no phase is passed over.",
	Verified: true,
	Keys:     []string{"slowtoken.phase", "slowtoken.detail", "slowtoken.covers", "slowtoken.basis"},
	Marks:    []string{"slowtoken.phase", "slowtoken.covers"},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		attributes := t.Spans[span].Attributes
		var parts []analyzer.Part
		if phase, err := analyzer.ParsePhase(attributes.Text("slowtoken.phase")); err == nil && phase != analyzer.Unattributed {
			parts = whole(t, span, phase, attributes.Text("slowtoken.detail"))
		} else if covers := phaseSet(attributes.Text("slowtoken.covers")); covers != 0 {
			parts = whole(t, span, analyzer.Unattributed, "")
			parts[0].Covers = covers
		} else {
			return nil
		}
		switch attributes.Text("slowtoken.basis") {
		case "reported":
			parts[0].Source = analyzer.SourceAttribute
		case "bounded":
			parts[0].Source = analyzer.SourceInferred
		}
		return parts
	},
}

// phaseSet reads names of phases that are separated by commas; it is empty when one of them is no phase.
func phaseSet(text string) (set analyzer.PhaseSet) {
	for name := range strings.SplitSeq(text, ",") {
		phase, err := analyzer.ParsePhase(name)
		if err != nil || phase == analyzer.Unattributed {
			return 0
		}
		set |= analyzer.SetOf(phase)
	}
	return set
}

// whole returns all of a span's time as one phase that the span itself stands for.
func whole(t *analyzer.Trace, span int32, phase analyzer.Phase, detail string) []analyzer.Part {
	start, end := t.Extent(span)
	return []analyzer.Part{{Start: start, End: end, Phase: phase, Detail: detail, Source: analyzer.SourceSpan}}
}
