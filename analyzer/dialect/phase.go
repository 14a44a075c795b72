package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// Phase is slowtoken's own dialect: a span that names its phase.
var Phase = analyzer.Dialect{
	Name: "slowtoken.phase",
	Doc: "slowtoken.phase names the phase of all of a span's time, on the call's own span or on any span below it; " +
		"slowtoken.detail says it finer. It overrides every other reading of the span. A name that is no phase is passed over.",
	Verified: true,
	Keys:     []string{"slowtoken.phase", "slowtoken.detail"},
	Marks:    []string{"slowtoken.phase"},
	Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
		attributes := t.Spans[span].Attributes
		phase, err := analyzer.ParsePhase(attributes.Text("slowtoken.phase"))
		if err != nil || phase == analyzer.Unattributed {
			return nil
		}
		return whole(t, span, phase, attributes.Text("slowtoken.detail"))
	},
}

// whole returns all of a span's time as one phase that the span itself stands for.
func whole(t *analyzer.Trace, span int32, phase analyzer.Phase, detail string) []analyzer.Part {
	start, end := t.Extent(span)
	return []analyzer.Part{{Start: start, End: end, Phase: phase, Detail: detail, Source: analyzer.SourceSpan}}
}
