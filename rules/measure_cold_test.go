package rules

import (
	"math"
	"testing"
)

// TestColdAfterAPause: the requests show from which pause on a process is cold. Where those after a pause wait as long as
// the others, or have longer prompts to be read, nothing is seen.
func TestColdAfterAPause(t *testing.T) {
	const warm, cold = 100e6, 3e9 // times to first token
	for _, test := range []struct {
		name   string
		ttft   float64 // after pauses of over 10 s
		prompt int64   // the same
		pauses int
		late   int // so many of them have that TTFT and prompt
		want   bool
	}{
		{"all wait 3 s after 10 s", cold, 100, 20, 20, true},
		{"a hundredth of a second longer is no cold start", warm + 10e6, 100, 20, 20, false},
		{"first turns have prompts 30 times as long", cold, 3000, 20, 20, false},
		{"every other one waits", cold, 100, 20, 10, false},
		{"four in all show nothing", cold, 100, 4, 4, false},
	} {
		list := []idleStart{{math.MaxInt64, warm, 100}}
		for i := range 200 {
			list = append(list, idleStart{int64(i%10) * 1e9, warm * (1 + float64(i%7)/20), 100})
		}
		for i := range test.pauses {
			s := idleStart{11e9 + int64(i)*1e9, warm, 100}
			if i%(test.pauses/test.late) == 0 {
				s.ttft, s.prompt = test.ttft, test.prompt
			}
			list = append(list, s)
		}
		after := coldAfter(list)
		if found := after != pause; found != test.want || test.want && (after < 9e9 || after >= 11e9) {
			t.Errorf("%s: cold after %.1f s, want after some 10 s: %v", test.name, float64(after)/1e9, test.want)
		}
	}
}
