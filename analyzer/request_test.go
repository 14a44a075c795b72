package analyzer

import "testing"

func TestMeasures(t *testing.T) {
	known := Request{Start: 1000, End: 9000, FirstToken: 3000, LastToken: 8000, OutputTokens: 6, Sequences: -1}
	for _, test := range []struct {
		name              string
		change            func(*Request)
		ttft, tpot, ntpot float64 // -1 while undefined
	}{
		{"all known", func(*Request) {}, 2000, 1000, 8000.0 / 6},
		{"first token unknown", func(r *Request) { r.FirstToken = 0 }, -1, -1, 8000.0 / 6},
		{"last token unknown", func(r *Request) { r.LastToken = 0 }, 2000, -1, 8000.0 / 6},
		{"one token", func(r *Request) { r.OutputTokens = 1 }, 2000, -1, 8000},
		{"no token", func(r *Request) { r.OutputTokens = 0 }, 2000, -1, -1},
		{"tokens unknown", func(r *Request) { r.OutputTokens = -1 }, 2000, -1, -1},
		{"several answers at once", func(r *Request) { r.Sequences = 2 }, 2000, -1, 8000.0 / 6},
		{"one answer", func(r *Request) { r.Sequences = 1 }, 2000, 1000, 8000.0 / 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := known
			test.change(&r)
			orUndefined := func(v float64, ok bool) float64 {
				if !ok {
					return -1
				}
				return v
			}
			ttft, ok := r.TTFT()
			if got := orUndefined(float64(ttft), ok); got != test.ttft {
				t.Errorf("TTFT is %v, want %v", got, test.ttft)
			}
			if got := orUndefined(r.TPOT()); got != test.tpot {
				t.Errorf("TPOT is %v, want %v", got, test.tpot)
			}
			if got := orUndefined(r.NTPOT()); got != test.ntpot {
				t.Errorf("NTPOT is %v, want %v", got, test.ntpot)
			}
			if r.E2E() != 8000 {
				t.Errorf("E2E is %d, want 8000", r.E2E())
			}
		})
	}
}
