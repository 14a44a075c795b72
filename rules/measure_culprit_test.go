package rules

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// TestCulprit: the first culprit counts by what the replay without it saves, not by the share that it held.
func TestCulprit(t *testing.T) {
	blame := &population.Blame{Requests: 40, Culprits: []population.Culprit{
		{Exemplar: population.Exemplar{TraceID: analyzer.TraceID{15: 7}}, Share: 0.9, Without: population.Cause{Share: 0.6}},
		{Share: 0.1, Without: population.Cause{Share: 0.05}},
	}}
	v := &view{Input: &Input{}, domain: &population.DomainStudy{Blame: blame}, m: Measures{}}
	v.measureCulprit()
	if got, who := v.m["culprit_share"], v.m["culprit"]; !got.Known || got.Number != 0.6 || got.N != 40 || who.Text != "trace 00000000000000000000000000000007" {
		t.Errorf("culprit_share %+v, culprit %+v", got, who)
	}
	v = &view{Input: &Input{}, domain: &population.DomainStudy{}, m: Measures{}}
	if v.measureCulprit(); len(v.m) != 0 {
		t.Errorf("nobody is blamed, and there is %+v", v.m)
	}
}
