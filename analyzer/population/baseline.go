package population

import "github.com/slowtoken/slowtoken/analyzer"

// baselineFloor is the line under which a tenth of the requests of a saved analysis lie, of the models that are members
// here: what the phase took when it was measured, whatever all of today's requests share.
func (p *Population) baselineFloor(phase analyzer.Phase, members []int32, saved *Sample) (phaseFloor, bool) {
	if saved == nil {
		return phaseFloor{}, false
	}
	models := map[string]bool{}
	for _, m := range members {
		models[p.Text(p.Records[m].Model)] = true
	}
	var sized, plain []point
	for i := range saved.Requests {
		r := &saved.Requests[i]
		ns, known := saved.time(r, phase)
		if r.Failed != 0 || !known || !models[saved.Names[r.Model]] || occasional.Has(phase) && ns == 0 {
			continue
		}
		plain = append(plain, point{0, float64(ns)})
		size, ok := sizeOf(phase, &Record{InputTokens: r.Input, OutputTokens: r.Output, CachedTokens: r.Cached})
		if ok {
			sized = append(sized, point{size, float64(ns)})
		}
	}
	if len(plain) < fewForFloor {
		return phaseFloor{}, false
	}
	f := lineFloor(phase, sized, plain)
	f.source = FloorBaseline
	return f, true
}

// time returns how long a phase took of r on the path to the end. It is known as [Record.time] is.
func (s *Sample) time(r *SampledRequest, phase analyzer.Phase) (ns int64, known bool) {
	known = occasional.Has(phase)
	for i, st := range s.Stretches {
		switch {
		case st.Path != PathE2E || i >= len(r.Phases) || r.Phases[i] == 0:
		case st.Covers.Has(phase) && st.Phase != phase:
			return 0, false
		case st.Phase == phase && st.Covers == 0:
			ns, known = ns+r.Phases[i], true
		}
	}
	return ns, known
}

// waste returns, by place in members, what each spent on a phase for nothing: all of retry; loads of a model after the
// first one that a domain shows, which had it before; and what engines state of decode as stalled for others' prefill.
// nil where there is none.
func (p *Population) waste(phase analyzer.Phase, members []int32) []int64 {
	var list []int64
	note := func(i int, ns int64) {
		if ns <= 0 {
			return
		}
		if list == nil {
			list = make([]int64, len(members))
		}
		list[i] += ns
	}
	loaded := map[uint32]bool{}
	for i, m := range members {
		r := &p.Records[m]
		switch phase {
		case analyzer.Retry:
			t, _ := r.time(phase)
			note(i, t.E2E)
		case analyzer.ModelLoad:
			if t, _ := r.time(phase); t.E2E > 0 {
				if loaded[r.Model] {
					note(i, t.E2E)
				}
				loaded[r.Model] = true
			}
		case analyzer.Decode:
			for d := range p.Details(r) {
				if d.Phase == analyzer.Decode && d.Detail == detailStall {
					note(i, d.E2E)
				}
			}
		}
	}
	return list
}

// detailStall is how dialects call decode that waits for the prefill of others.
const detailStall = "stall"
