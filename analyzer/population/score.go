package population

import "github.com/slowtoken/slowtoken/analyzer"

// The classes of a score.
const (
	ClassFine     = "fine"     // under 5
	ClassModerate = "moderate" // from 5
	ClassCritical = "critical" // from 20, if the interval is above 10 and a target is missed
)

// The sources of a floor, best first.
const (
	FloorBaseline = "measured baseline"
	FloorPhysics  = "physics"
	FloorTokens   = "inferred from r" // see [Sizes]
	FloorQuantile = "10 % quantile line"
	FloorWaste    = "0, pure waste"
	FloorCapacity = "replay with more capacity"
	FloorCalm     = "wait of 5 % of E2E" // where nothing can be replayed
)

// A Score says how much of the time of a cohort could be won back in one phase, from 0 to 100; higher is worse. It is
// 100 * max(0, sum of (B - F)) / sum of T, where T is a request's observed duration on the path, B that of the replay of
// today, and F that of the replay with the phase at its floor.
type Score struct {
	Phase  analyzer.Phase `json:"phase"` // of headroom: Unattributed, for all together
	Path   Path           `json:"path"`
	Cohort string         `json:"cohort"` // "all", "body", "tail", or an attribute and its value, such as "model=llama"
	N      int            `json:"n"`      // requests that the path has a duration of

	Value *float64 `json:"value"`          // nil where the phase is not observable, which is not 0
	Low   *float64 `json:"low,omitempty"`  // of the 95 % interval over blocks; nil under 5 of them
	High  *float64 `json:"high,omitempty"` //
	Class string   `json:"class,omitempty"`

	// Recoverable is the mean of B - F, in nanoseconds a request. Its ends are 0 where there is no interval.
	Recoverable Estimate `json:"recoverable_ns"`
	Observed    float64  `json:"observed"` // share of the cohort's time on the path in requests whose phase is known
	Share       float64  `json:"share"`    // of the cohort's time on the path that is this phase
	FloorSource string   `json:"floor_source,omitempty"`
	Capacity    float64  `json:"capacity,omitempty"` // of queue: that of the floor, as a multiple of today's
	NoFeedback  bool     `json:"no_feedback"`        // without replay: what others would wait less is not in it
	Why         string   `json:"why,omitempty"`      // why there is no value
}
