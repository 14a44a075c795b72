package population

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A steppingEngine serves in steps: alone of time, sequence more for each further request, and token more for each token
// of a prompt, all of it times what slower says at that moment. A prompt is prefilled in one step, beside those who decode.
type steppingEngine struct {
	alone, sequence, token float64
	slower                 func(at float64) float64
	rate                   float64 // arrivals a second
}

// serve returns the records of the requests of so many seconds.
func (e steppingEngine) serve(seconds float64, random *rand.Rand) *Population {
	type serving struct {
		record    Record
		left      int64
		scheduled float64
	}
	p := &Population{texts: []string{"", "engine-1"}}
	var running []*serving
	next, now := 0.0, 0.0
	for now < seconds*1e9 || len(running) > 0 {
		var prefilling *serving
		if next <= now && next < seconds*1e9 {
			prefilling = &serving{record: Record{Start: int64(next) + second, InputTokens: 200 + int64(random.ExpFloat64()*800), OutputTokens: 20 + random.Int64N(200)}, scheduled: now}
			next += random.ExpFloat64() / e.rate * 1e9
		} else if len(running) == 0 {
			now = next
			continue
		}
		step := 0.0
		if len(running) > 0 {
			step = e.alone + e.sequence*float64(len(running)-1)
		}
		if prefilling != nil {
			step += e.token * float64(prefilling.record.InputTokens)
		}
		now += step * e.slower(now)
		kept := running[:0]
		for _, s := range running {
			if s.left--; s.left > 0 {
				kept = append(kept, s)
				continue
			}
			r := s.record
			r.LastToken = int64(now) + second
			r.End = r.LastToken
			r.phases = append(r.phases, PhaseTime{Phase: analyzer.Decode, E2E: r.LastToken - r.FirstToken})
			r.shown = uint8(len(r.phases))
			p.Records = append(p.Records, r)
		}
		running = kept
		if s := prefilling; s != nil {
			r := &s.record
			r.FirstToken, r.Joined, r.CachedTokens, r.Sequences, r.Instance, s.left = int64(now)+second, r.Start, -1, 1, 1, r.OutputTokens-1
			prefill := int64(now - s.scheduled)
			r.phases = []PhaseTime{{Phase: analyzer.Prefill, TTFT: prefill, E2E: prefill}}
			running = append(running, s)
		}
	}
	return p
}

func (e steppingEngine) fitted(t *testing.T) *Steps {
	t.Helper()
	p := e.serve(300, rand.New(rand.NewPCG(1, 2)))
	d := Domain{Name: "engine-1"}
	for i := range p.Records {
		d.Members = append(d.Members, int32(i))
	}
	sizes := p.Sizes(&d, d.Members, 1)
	s := p.Steps(&d, d.Members, &sizes, nil)
	if s == nil {
		t.Fatal("nothing is fitted")
	}
	return s
}

func steady(float64) float64 { return 1 }

func TestStepsFindWhatAStepTakesInABusyEngine(t *testing.T) {
	for name, e := range map[string]steppingEngine{
		"the device's step": {alone: 7e6, sequence: 50e3, token: 35e3, slower: steady, rate: 6},
		"a slow host":       {alone: 31e6, sequence: 60e3, token: 35e3, slower: steady, rate: 5},
		"long prefills":     {alone: 10e6, sequence: 100e3, token: 110e3, slower: steady, rate: 4},
	} {
		s := e.fitted(t)
		if math.Abs(s.Alone/e.alone-1) > 0.1 || math.Abs(s.PromptToken/e.token-1) > 0.1 {
			t.Errorf("%s: a step of one takes %.2f ms and a prompt token adds %.1f us, want %.2f and %.1f", name, s.Alone/1e6, s.PromptToken/1e3, e.alone/1e6, e.token/1e3)
		}
		if s.Drift.Low > 0 || s.Drift.High < -0.05 || math.Abs(s.Drift.Value) > 0.1 {
			t.Errorf("%s: a steady engine drifts by %+v", name, s.Drift)
		}
	}
}

// An engine that gets slower keeps more requests and more prompts at once: neither is the reason.
func TestStepsTellDriftFromTheLoadThatItMakes(t *testing.T) {
	e := steppingEngine{alone: 7e6, sequence: 50e3, token: 35e3, rate: 5, slower: func(at float64) float64 { return 1 + at/300e9 }}
	s := e.fitted(t)
	// From 1 to 2 times within 5 minutes: in 10 minutes it grows by 2 of 1.5 in the middle.
	if s.Drift.Low < 0.6 || math.Abs(s.Drift.Value-4.0/3) > 0.4 {
		t.Errorf("drift is %+v in 10 minutes, want 1.33", s.Drift)
	}
	if math.Abs(s.Alone/(1.5*e.alone)-1) > 0.25 {
		t.Errorf("a step of one takes %.2f ms in the middle, want %.2f", s.Alone/1e6, 1.5*e.alone/1e6)
	}
}

func TestStepsNeedTheNumberOfEngines(t *testing.T) {
	p := steppingEngine{alone: 7e6, sequence: 50e3, token: 35e3, slower: steady, rate: 6}.serve(60, rand.New(rand.NewPCG(1, 2)))
	d := Domain{AsOneServer: true}
	for i := range p.Records {
		d.Members = append(d.Members, int32(i))
	}
	if s := p.Steps(&d, d.Members, &Sizes{}, nil); s != nil {
		t.Errorf("without the number of engines nobody knows a batch: %+v", s)
	}
}
