package rules

import "testing"

// TestCopiesThatHoldUpOthers: a new request comes every 200 ms, its inputs are copied for 100 ms, and it is in service for
// over a second. Where all stop for a copy, nothing ends meanwhile, and half of the time is lost to copies; where copies go on
// beside what is computed, requests end at any time, and only their own copies are known to hold them up.
func TestCopiesThatHoldUpOthers(t *testing.T) {
	const millisecond = int64(1e6)
	of := func(length func(i int64) int64) (list []computation) {
		for i := range int64(200) {
			from := i * 200 * millisecond
			list = append(list, computation{from, from + length(i), 100 * millisecond})
		}
		return list
	}
	for _, test := range []struct {
		name   string
		length func(i int64) int64
		want   bool
	}{
		{"all stop", func(i int64) int64 { return (1000 + 110 + i%9*10) * millisecond }, true},
		{"they end as the next copy begins", func(int64) int64 { return 1200 * millisecond }, true},
		{"beside what is computed", func(i int64) int64 { return (1000 + i%20*10) * millisecond }, false},
	} {
		list := of(test.length)
		c := copiesOf(list)
		held, ok := c.held(list)
		if ok != test.want {
			t.Errorf("%s: holds up others %v, want %v", test.name, ok, test.want)
		}
		if ns := float64(200 * 550 * millisecond); held < 0.9*ns || held > 1.1*ns {
			t.Errorf("%s: %.1f s of computing while something is copied, want some %.1f s", test.name, held/1e9, ns/1e9)
		}
	}
}
