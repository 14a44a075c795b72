package main

import (
	"testing"

	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/rules"
)

// What can be won back is held against the saving of those requests that the finding is about: of its replicas, in its
// time.
func TestRecoveriesAreOfTheFindingsRequests(t *testing.T) {
	const ms = 1e6
	broken, mended := &sim.Run{}, &sim.Run{}
	for i := range 8 { // two replicas in turn, the second of which is slow in the second half
		var r sim.Request
		r.Due, r.Replica = int64(1000+i), i%2
		r.ClientEnd = r.Due + 500*ms
		mended.Requests = append(mended.Requests, r)
		if i >= 4 && i%2 == 1 {
			r.ClientEnd += 200 * ms
		}
		broken.Requests = append(broken.Requests, r)
	}
	finding := func(rule string, severity rules.Severity, domain string, since, until int64, stated float64) rules.Finding {
		return rules.Finding{
			Rule: rule, Severity: severity, Place: rules.Place{Domain: domain, Since: since, Until: until},
			Recoverable: &rules.Amount{Value: stated * ms}, Who: rules.AffectedRequests{Share: 0.5},
		}
	}
	labels := []string{"right"}
	for _, test := range []struct {
		name          string
		finding       rules.Finding
		stated, saved float64
		near          bool
	}{
		{"of its replica and time", finding("right", rules.SeverityModerate, "v1-1", 1004, 1007, 400), 200, 200, true},
		{"of its replica at all times", finding("right", rules.SeverityModerate, "v1-1", 0, 2000, 400), 200, 100, false},
		{"of all replicas", finding("right", rules.SeverityModerate, "", 1004, 1007, 160), 80, 100, true},
		{"a quarter off", finding("right", rules.SeverityModerate, "", 1004, 1007, 252), 126, 100, false},
		{"of the other replica", finding("right", rules.SeverityModerate, "v1-0", 1004, 1007, 100), 50, 0, false},
	} {
		got := recoveryOf([]rules.Finding{test.finding}, labels, broken, mended)
		if got == nil || got.stated != test.stated*ms || got.saved != test.saved*ms || got.near() != test.near {
			t.Errorf("%s: got %+v, want %g ms stated and %g ms saved, near %v", test.name, got, test.stated, test.saved, test.near)
		}
	}

	several := finding("right", rules.SeverityModerate, "v1-0", 1004, 1007, 200)
	several.Also = []rules.Place{{Domain: "v1-1", Since: 1004, Until: 1007}}
	beneath := finding("other", rules.SeverityModerate, "", 0, 2000, 1)
	beneath.Beneath = []rules.Finding{several}
	if got := recoveryOf([]rules.Finding{beneath}, labels, broken, mended); got == nil || got.saved != 100*ms || !got.near() {
		t.Errorf("a symptom of two places: got %+v, want 100 ms saved", got)
	}
	unsized := several
	unsized.Recoverable = nil
	if got := recoveryOf([]rules.Finding{unsized}, labels, broken, mended); got == nil || got.sized || got.near() {
		t.Errorf("without a size: got %+v, want one that is off", got)
	}
	for _, list := range [][]rules.Finding{nil, {finding("other", rules.SeverityModerate, "", 0, 2000, 1)}, {finding("right", rules.SeverityMinor, "", 0, 2000, 1)}} {
		if got := recoveryOf(list, labels, broken, mended); got != nil {
			t.Errorf("%v: got %+v, but nobody names the right rule", list, got)
		}
	}
}
