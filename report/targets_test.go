package report

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

func ptr(x float64) *float64 { return &x }

func TestVerdicts(t *testing.T) {
	ttft := func(n int, value float64, low, high *float64) Measure {
		return Measure{Name: "TTFT", Unit: "ns", N: n, Mean: value, Quantiles: []Quantile{{P: 0.5, Value: value, Low: low, High: high}}}
	}
	for _, c := range []struct {
		fewBlocks bool
		name      string
		target    string
		limit     string
		measure   Measure
		counts    Counts
		verdict   string
		sure      bool
		within    *bool
		saysWhat  bool
	}{
		{name: "below, interval too", target: "ttft-p50", limit: "1s", measure: ttft(100, 0.5e9, ptr(0.4e9), ptr(0.6e9)), verdict: VerdictPass, sure: true},
		{name: "below, interval across", target: "ttft-p50", limit: "1s", measure: ttft(100, 0.9e9, ptr(0.8e9), ptr(1.1e9)), verdict: VerdictPass},
		{name: "at the limit is over it", target: "ttft-p50", limit: "1s", measure: ttft(100, 1e9, ptr(0.8e9), ptr(1.1e9)), verdict: VerdictFail},
		{name: "over, interval too", target: "ttft-p50", limit: "1s", measure: ttft(100, 2e9, ptr(1.5e9), ptr(3e9)), verdict: VerdictFail, sure: true},
		{name: "below, open above", target: "ttft-p50", limit: "1s", measure: ttft(3, 0.5e9, ptr(0.4e9), nil), verdict: VerdictUnknown, saysWhat: true},
		{name: "over, open above, low end over too", target: "ttft-p50", limit: "1s", measure: ttft(3, 2e9, ptr(1.5e9), nil), verdict: VerdictFail, sure: true},
		{name: "over, open above, low end below", target: "ttft-p50", limit: "1s", measure: ttft(3, 2e9, ptr(0.5e9), nil), verdict: VerdictUnknown, saysWhat: true},
		{name: "nobody measured it", target: "ttft-p50", limit: "1s", measure: Measure{Name: "TTFT"}, verdict: VerdictUnknown, saysWhat: true},
		{name: "mean of many", target: "ttft-mean", limit: "1s", measure: ttft(30, 0.5e9, nil, nil), verdict: VerdictPass},
		{name: "mean of few", target: "ttft-mean", limit: "1s", measure: ttft(29, 0.5e9, nil, nil), verdict: VerdictUnknown, saysWhat: true},
		{name: "mean while many run", target: "ttft-mean", limit: "1s", measure: ttft(300, 0.5e9, nil, nil), counts: Counts{Censored: true}, verdict: VerdictUnknown, saysWhat: true},
		{name: "over, and acceptable", target: "ttft-mean", limit: "1s/2s", measure: ttft(300, 1.5e9, nil, nil), verdict: VerdictFail, within: new(true)},
		{name: "over what is acceptable", target: "ttft-mean", limit: "1s/2s", measure: ttft(300, 2.5e9, nil, nil), verdict: VerdictFail, within: new(false)},
		{name: "no errors in many", target: "errors", limit: "1%", counts: Counts{Total: 400}, verdict: VerdictPass, sure: true},
		{name: "no errors in some", target: "errors", limit: "1%", counts: Counts{Total: 200}, verdict: VerdictPass},
		{name: "no errors in few", target: "errors", limit: "1%", counts: Counts{Total: 20}, verdict: VerdictUnknown, saysWhat: true},
		{name: "many errors in few", target: "errors", limit: "1%", counts: Counts{Total: 20, Failed: 10}, verdict: VerdictFail, sure: true},
		{name: "those that still run are not counted", target: "errors", limit: "1%", counts: Counts{Total: 1000, Running: 980, Failed: 10}, verdict: VerdictFail, sure: true},
		{name: "no errors in few blocks", target: "errors", limit: "1%", counts: Counts{Total: 400}, fewBlocks: true, verdict: VerdictPass},
		{name: "none ended", target: "errors", limit: "1%", counts: Counts{Total: 5, Running: 5}, verdict: VerdictUnknown, saysWhat: true},
	} {
		target, err := ParseTarget(c.target, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		ended := c.counts.Total - c.counts.Running
		errors := failing{ended, population.Proportion(c.counts.Failed, ended), !c.fewBlocks}
		got := targets([]Target{target}, []Measure{c.measure}, c.counts, errors)[0]
		if got.Verdict != c.verdict || got.Sure != c.sure || (got.Why != "") != c.saysWhat {
			t.Errorf("%s: %s, sure %v, %q; want %s, %v", c.name, got.Verdict, got.Sure, got.Why, c.verdict, c.sure)
		}
		if (got.WithinAcceptable == nil) != (c.within == nil) || c.within != nil && *got.WithinAcceptable != *c.within {
			t.Errorf("%s: within what is acceptable: %v", c.name, got.WithinAcceptable)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		name, text        string
		limit, acceptable float64
	}{
		{"ttft-p95", "800ms", 0.8e9, 0}, {"tpot-mean", "50ms/100ms", 50e6, 100e6}, {"errors", "1%", 0.01, 0}, {"errors", "0.5 % / 1 %", 0.005, 0.01},
		{"errors", "0.02", 0.02, 0}, {"ttft-p95", "1", 0, 0}, {"ttft-p95", "-1s", 0, 0}, {"ttft-p95", "", 0, 0}, {"ttft-p95", "2s/1s", 0, 0},
		{"errors", "200%", 0, 0}, {"errors", "NaN", 0, 0}, {"errors", "1s", 0, 0}, {"ttft-p90", "1s", 0, 0}, {"ttft", "1s", 0, 0},
	} {
		got, err := ParseTarget(c.name, c.text)
		if got.Limit != c.limit || got.Acceptable != c.acceptable && err == nil || (err == nil) != (c.limit > 0) {
			if err == nil || c.limit > 0 {
				t.Errorf("%s=%q: %+v, %v; want %v and %v", c.name, c.text, got, err, c.limit, c.acceptable)
			}
		}
	}
	if got := Defaults(); len(got) != len(DefaultTargets) {
		t.Errorf("%d of %d default targets can be read: %v", len(got), len(DefaultTargets), got)
	}
}

func FuzzParseObjectives(f *testing.F) {
	for _, s := range []string{"ttft=1s,tpot=50ms,e2e=10s", "ttft", "=", ",", "ttft=1s,ttft=2s", "e2e=-1s", "e2e=9e99h", "x=1s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseObjectives(s)
		if err == nil && (!o.Any() || o.TTFT < 0 || o.TPOT < 0 || o.E2E < 0) {
			t.Errorf("%q reads as %+v", s, o)
		}
	})
}
