package dialect

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestCutTextsAreToldFromOtherUnits: a duration without its unit has lost it where several texts of the span end at the
// same length; else somebody spells durations so.
func TestCutTextsAreToldFromOtherUnits(t *testing.T) {
	for _, x := range []struct {
		texts []string
		want  string
	}{
		{[]string{"Genera", "123.45", "45.5ms"}, analyzer.WarnTextCut},
		{[]string{"GenerateParameters", "123.45"}, analyzer.WarnDurationRefused},
		{[]string{"Genera", "850.1µ"}, analyzer.WarnTextCut},
		{[]string{"Genera", "12.5"}, analyzer.WarnDurationRefused},
	} {
		var s analyzer.Span
		for _, text := range x.texts {
			s.Attributes = append(s.Attributes, analyzer.Attribute{Key: "k", Value: analyzer.String(text)})
		}
		d := durations{length: second, limit: textLimit(&s)}
		if got := d.readText(analyzer.String(x.texts[1])); got != unknown || len(d.warnings) != 1 || d.warnings[x.want] != 1 {
			t.Errorf("%q: %d, %v; want it refused as %s", x.texts, got, d.warnings, x.want)
		}
	}
}
