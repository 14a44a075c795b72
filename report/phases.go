package report

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Phase is what one phase takes of the successful requests.
type Phase struct {
	Phase analyzer.Phase `json:"phase"`
	// Requests counts those whose telemetry shows the phase. With none it is not observable here, which is not zero.
	Requests  int     `json:"requests"`
	E2E       int64   `json:"e2e_ns"`
	E2EShare  float64 `json:"e2e_share"` // of all successful requests' E2E
	TTFT      int64   `json:"ttft_ns"`
	TTFTShare float64 `json:"ttft_share"` // of all successful requests' TTFT
	// DoubtedShare is the share of all requests with a doubt that touches the phase. NotTrusted says that there are too
	// many for its time to be believed.
	DoubtedShare float64 `json:"doubted_share"`
	NotTrusted   bool    `json:"not_trusted"`
}

// A NotApart is time of which the telemetry says only that it belongs to one of several phases.
type NotApart struct {
	Phases    []analyzer.Phase `json:"phases"`
	Requests  int              `json:"requests"`
	E2E       int64            `json:"e2e_ns"`
	E2EShare  float64          `json:"e2e_share"`
	TTFT      int64            `json:"ttft_ns"`
	TTFTShare float64          `json:"ttft_share"`
}

// phases sums phases over requests. The core phases are always there, the others when the telemetry shows them.
func phases(ok []*population.Record) ([]Phase, []NotApart) {
	var perPhase [analyzer.NumPhases]Phase
	apart := []NotApart{}
	byCovers := map[analyzer.PhaseSet]int{}
	var e2e, ttft int64
	for _, r := range ok {
		e2e += r.E2E()
		if ns, has := r.TTFT(); has {
			ttft += ns
		}
		for _, pt := range r.Phases() {
			ph := &perPhase[pt.Phase]
			if pt.Covers == 0 {
				ph.Requests++
				ph.E2E += pt.E2E
				ph.TTFT += pt.TTFT
				continue
			}
			i, has := byCovers[pt.Covers]
			if !has {
				i = len(apart)
				byCovers[pt.Covers] = i
				apart = append(apart, NotApart{Phases: pt.Covers.Phases()})
			}
			apart[i].Requests++
			apart[i].E2E += pt.E2E
			apart[i].TTFT += pt.TTFT
		}
	}
	var list []Phase
	for _, p := range analyzer.Phases {
		ph := perPhase[p]
		if ph.Requests == 0 && !slices.Contains(analyzer.CorePhases[:], p) {
			continue
		}
		ph.Phase, ph.E2EShare, ph.TTFTShare = p, share(ph.E2E, e2e), share(ph.TTFT, ttft)
		list = append(list, ph)
	}
	for i := range apart {
		apart[i].E2EShare, apart[i].TTFTShare = share(apart[i].E2E, e2e), share(apart[i].TTFT, ttft)
	}
	slices.SortFunc(apart, func(a, b NotApart) int {
		return cmp.Or(cmp.Compare(b.E2E, a.E2E), slices.Compare(a.Phases, b.Phases))
	})
	return list, apart
}
