package population

import (
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// fewForFloor is the fewest requests that a floor is learned from.
const fewForFloor = 20

// floorShare is the quantile of the line that stands for the floor where nothing better is known.
const floorShare = 0.1

// smallestRidge is the smallest ridge among the datacentre GPUs of the table in package roofline, in tokens with weights
// of two bytes: a step with fewer tokens than that is bound by reading the weights, one with more by arithmetic.
const smallestRidge = 153

// A phaseFloor is the least that a phase would take of the requests of one domain.
type phaseFloor struct {
	source string // "" where there is no floor
	found  int    // requests that it was to be learned from
	line   func(r *Record) (ns float64, ok bool)
	waste  bool // 0
}

// of returns min(observed, floor) in whole nanoseconds.
func (f *phaseFloor) of(r *Record, observed int64) int64 {
	if f.waste {
		return 0
	}
	ns, ok := f.line(r)
	if !ok {
		return observed
	}
	return min(observed, int64(math.Round(max(ns, 0))))
}

// sizeOf returns the size that a phase's time grows with; ok is false where the request does not state it, or where the
// phase has no size.
func sizeOf(phase analyzer.Phase, r *Record) (size float64, ok bool) {
	switch phase {
	case analyzer.Tokenize:
		return float64(r.InputTokens), r.InputTokens >= 0
	case analyzer.Prefill, analyzer.GPUTransfer:
		return float64(r.InputTokens - max(r.CachedTokens, 0)), r.InputTokens >= 0
	case analyzer.Decode, analyzer.Detokenize, analyzer.Stream:
		return float64(max(r.OutputTokens-1, 0)), r.OutputTokens >= 0
	}
	return 0, false
}

// occasional are phases that a request can do without: where a domain shows them at all, requests that do not had none.
var occasional = analyzer.SetOf(analyzer.GPUTransfer, analyzer.ModelLoad, analyzer.Retry, analyzer.Tool, analyzer.Client,
	analyzer.Network, analyzer.Gateway, analyzer.Detokenize, analyzer.Stream, analyzer.Other)

// overhead are phases that make no token: what they take could all be won back, less what moving and checking a request
// takes, which is milliseconds. A line on today's requests cannot tell, since what slows these phases down slows them for
// every request alike: a client that sends late, a blocked event loop, a stream that its reader holds back.
var overhead = analyzer.SetOf(analyzer.Client, analyzer.Gateway, analyzer.Frontend, analyzer.Detokenize, analyzer.Stream)

// time returns how long a phase took of r. It is known if telemetry shows the phase, or if the phase is occasional and no
// time of r may hold it.
func (r *Record) time(phase analyzer.Phase) (t PhaseTime, known bool) {
	known = occasional.Has(phase)
	for i := range r.phases[:r.shown] {
		pt := &r.phases[i]
		switch {
		case pt.Covers.Has(phase) && pt.Phase != phase:
			known = false
		case pt.Phase == phase && (pt.Covers == 0 || phase != analyzer.Unattributed):
			t.Phase, t.TTFT, t.E2E = phase, t.TTFT+pt.TTFT, t.E2E+pt.E2E
			return t, true
		}
	}
	t.Phase = phase
	return t, known
}

// floor returns the floor of a phase in a domain, by the best source there is. Queue has none of its own: see [Score].
func (p *Population) floor(phase analyzer.Phase, d *DomainStudy, members []int32, baseline *Sample) phaseFloor {
	if phase == analyzer.Retry {
		return phaseFloor{source: FloorWaste, waste: true}
	}
	if f, ok := p.baselineFloor(phase, members, baseline); ok {
		return f
	}
	if trip := d.Hardware.roundTrip; phase == analyzer.Network && trip > 0 {
		return phaseFloor{source: FloorStated, line: func(*Record) (float64, bool) { return trip, true }}
	}
	if f, ok := p.physicsFloor(phase, d, members); ok {
		return f
	}
	if f, ok := p.tokensFloor(phase, d); ok {
		return f
	}
	var sized, plain []point
	for _, m := range members {
		r := &p.Records[m]
		t, known := r.time(phase)
		if !known || occasional.Has(phase) && t.E2E == 0 {
			continue
		}
		plain = append(plain, point{0, float64(t.E2E)})
		if x, ok := sizeOf(phase, r); ok {
			sized = append(sized, point{x, float64(t.E2E)})
		}
	}
	if len(plain) < fewForFloor {
		return phaseFloor{found: len(plain)}
	}
	if overhead.Has(phase) {
		return phaseFloor{source: FloorOverhead, waste: true}
	}
	return lineFloor(phase, sized, plain)
}

// lineFloor is the line on size under which a tenth of the points lie, level where nine in ten have no size.
func lineFloor(phase analyzer.Phase, sized, plain []point) phaseFloor {
	if 10*len(sized) >= 9*len(plain) {
		line := fitQuantileLine(sized, floorShare)
		return phaseFloor{source: FloorQuantile, line: func(r *Record) (float64, bool) {
			x, ok := sizeOf(phase, r)
			return line.at(x), ok
		}}
	}
	line := fitQuantileLine(plain, floorShare)
	return phaseFloor{source: FloorQuantile, line: func(*Record) (float64, bool) { return line.intercept, true }}
}

// physicsFloor is what the device could do at best, where it is known for nine in ten of the requests with the phase.
func (p *Population) physicsFloor(phase analyzer.Phase, d *DomainStudy, members []int32) (phaseFloor, bool) {
	h := d.Hardware
	if h == nil {
		return phaseFloor{}, false
	}
	line := map[analyzer.Phase]func(*Record) (float64, bool){
		analyzer.Prefill: h.PrefillFloor,
		analyzer.Decode:  h.decodeWithHost,
		analyzer.ModelLoad: func(*Record) (float64, bool) {
			return h.LoadFloor()
		},
	}[phase]
	if line == nil {
		return phaseFloor{}, false
	}
	shown, known := 0, 0
	for _, m := range members {
		if r := &p.Records[m]; r.shows(phase) {
			shown++
			if _, ok := line(r); ok {
				known++
			}
		}
	}
	return phaseFloor{source: FloorPhysics, line: line}, shown > 0 && 10*known >= 9*shown
}

// tokensFloor is the floor of prefill that runs at the efficiency of decode: with r prompt tokens in the time of a decode
// step, a step that held as many as the smallest ridge would take no longer.
func (p *Population) tokensFloor(phase analyzer.Phase, d *DomainStudy) (phaseFloor, bool) {
	if phase != analyzer.Prefill || d.Sizes.R == nil || d.Sizes.R.Value >= smallR {
		return phaseFloor{}, false
	}
	factor := d.Sizes.R.Value / smallestRidge
	return phaseFloor{source: FloorTokens, line: func(r *Record) (float64, bool) {
		t, known := r.time(analyzer.Prefill)
		return factor * float64(t.E2E), known
	}}, true
}

// smallR is the r under which prefill runs at the efficiency of decode; see [Sizes].
const smallR = 100
