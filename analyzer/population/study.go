package population

import (
	"fmt"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// StudyOptions say what a study goes by beside the records.
type StudyOptions struct {
	Window Window
	Facts  Facts
	Seed   uint64 // of the resampling; one seed, one result

	// Baseline is a saved analysis of the same service when it was as it should be, for floors of phases; nil for none.
	Baseline *Sample

	// TargetMissed says that a target is certainly or probably missed: without it no score is critical.
	TargetMissed bool

	// Distrusted are phases that so many doubts touch that nothing is said of them.
	Distrusted analyzer.PhaseSet
}

// A Study says why requests take their time: what [Examine] finds in a population.
type Study struct {
	Domains  []*DomainStudy
	Scores   []Score // by cohort, then path, then phase in report order
	Headroom []Score // by cohort, then path: all phases at their floors at once

	Cohorts      []Cohort
	Correlations []Correlation // strongest effect first
	Abstained    []Abstention  // of the study as a whole
}

// A DomainStudy is what is found in one capacity domain.
type DomainStudy struct {
	Domain    Domain
	Sizes     Sizes
	Queueing  Queueing
	Blame     *Blame         // nil where Queueing does not say what is waited for
	Regimes   []*RegimeStudy // by time
	Incidents []Incident     // by time, of all regimes
	Steps     *Steps         // nil where too little is known of them
	Hardware  *Hardware
	Scores    []Score // of Latency of all regimes; by path, then phase

	rerun   *rerun        // nil where the domain cannot be replayed
	stepped *steppedRerun // nil where it cannot be replayed as an engine whose steps are shared
}

// A RegimeStudy is a stretch of steady load of one domain, [Since, Until) in nanoseconds since the Unix epoch. Indices
// are those of [Population.Records].
type RegimeStudy struct {
	Since, Until int64
	Arrivals     float64 // a second
	InFlight     float64 // mean number of requests
	Members      []int32 // all that start in it, by start
	Latency      []int32 // those among them that latency measures hold, by start
	Blocks       []Block // by time
	P95          int64   // E2E of Latency, nanoseconds; 0 without any

	Body, Tail        []int32 // of Latency: E2E up to its p50, and from its p95 on; by start
	TailTTFT, TailE2E TailAttribution
	Incidents         []Incident // by time
	Queueing          Queueing   // of Members alone
	Scores            []Score    // of Latency; by path, then phase
	Abstained         []Abstention
}

// Refusals lists every abstention of s once: those of queueing first, which the most hangs on.
func (s *Study) Refusals() []Abstention {
	var list []Abstention
	for _, d := range s.Domains {
		list = append(list, d.Queueing.Abstained...)
	}
	list = append(list, s.Abstained...)
	for _, d := range s.Domains {
		for _, r := range d.Regimes {
			list = append(list, r.Abstained...)
		}
		list = append(list, d.Sizes.Abstained...)
		if d.Hardware != nil {
			list = append(list, d.Hardware.Abstained...)
		}
	}
	seen := map[Abstention]bool{}
	return slices.DeleteFunc(list, func(a Abstention) bool {
		before := seen[a]
		seen[a] = true
		return before
	})
}

// A Path is one of the two stretches of a request that have a ledger.
type Path uint8

// The paths.
const (
	PathTTFT Path = iota // up to the first token
	PathE2E              // up to the end
)

func (p Path) String() string { return [...]string{"TTFT", "E2E"}[p] }

// MarshalText spells p by its name.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads p by its name.
func (p *Path) UnmarshalText(text []byte) error {
	switch string(text) {
	case "TTFT":
		*p = PathTTFT
	case "E2E":
		*p = PathE2E
	default:
		return fmt.Errorf("path %q is unknown: want TTFT or E2E", text)
	}
	return nil
}

// An Abstention is a claim that the data cannot carry: every refusal is visible, with what would lift it.
type Abstention struct {
	What   string `json:"what"`             // the claim, such as "queueing of engine-1"
	Why    string `json:"why"`              // what is missing
	Remedy string `json:"remedy,omitempty"` // what would show it; empty where nothing would
}

// AbstainedCorrelation is the claim that attribute values go with slow phases.
const AbstainedCorrelation = "which attributes go with slow phases"

// An Exemplar is a request to look at.
type Exemplar struct {
	TraceID analyzer.TraceID `json:"trace_id"`
	SpanID  analyzer.SpanID  `json:"span_id"`
	Start   int64            `json:"start_ns"` // since the Unix epoch
	E2E     int64            `json:"e2e_ns"`
	TTFT    int64            `json:"ttft_ns,omitempty"` // 0 while unknown
}

func exemplarOf(r *Record) Exemplar {
	ttft, _ := r.TTFT()
	return Exemplar{r.TraceID, r.SpanID, r.Start, r.E2E(), ttft}
}

// Latent reports whether latency measures hold r: it succeeded within the window, and is not one leg of a request whose
// other leg is missing.
func (r *Record) Latent(until int64) bool {
	return r.Outcome == analyzer.Succeeded && !r.Running(until) && r.Leg == analyzer.LegNone
}
