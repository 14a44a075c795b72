package rules

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// TestWork: an instance is sent as much more as it has more requests than the others on average, or more tokens.
func TestWork(t *testing.T) {
	instance := func(requests int, tokens int64) *view {
		v := &view{domain: &population.DomainStudy{Domain: population.Domain{}}}
		for range requests {
			v.members = append(v.members, &population.Record{InputTokens: tokens, OutputTokens: -1})
		}
		return v
	}
	unnamed := instance(50, 10)
	unnamed.domain.Domain.AsOneServer = true
	wholes := []*view{instance(30, 10), instance(10, 10), instance(10, 70), unnamed}
	list := []Measures{{}, {}, {}, {}}
	measureWork(wholes, list)
	for i, want := range []float64{3, 0.5, 3.5} {
		if got := list[i]["instance_work"]; !got.Known || got.Number != want {
			t.Errorf("instance %d: %+v, want %g", i, got, want)
		}
	}
	if got := list[3]["instance_work"]; got.Known {
		t.Errorf("nobody names the instance, and it is sent %g times as much", got.Number)
	}
	alone := []Measures{{}}
	if measureWork(wholes[:1], alone); alone[0]["instance_work"].Known {
		t.Errorf("there are no others, and it is compared with them: %+v", alone[0])
	}
}
