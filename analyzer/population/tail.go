package population

import "github.com/slowtoken/slowtoken/analyzer"

// A TailAttribution says by which phases the tail of a regime differs from its body: the mean of each phase in the tail
// minus that in the body. The parts sum to the difference exactly.
type TailAttribution struct {
	Path       Path       `json:"path"`
	Body       int        `json:"body"` // requests of the body that the path is known of
	Tail       int        `json:"tail"`
	BodyMean   int64      `json:"body_mean_ns"`
	TailMean   int64      `json:"tail_mean_ns"`
	Difference int64      `json:"difference_ns"` // of the means, rounded once
	Parts      []TailPart `json:"parts"`         // largest first
	TooFew     bool       `json:"too_few"`       // under 30 in the tail, and no incident: nothing may be concluded
}

// A TailPart is one phase's part of the difference.
type TailPart struct {
	Phase  analyzer.Phase   `json:"phase"`
	Covers []analyzer.Phase `json:"covers,omitempty"` // as in [analyzer.Part]
	NS     int64            `json:"ns"`
	Share  float64          `json:"share"` // of the difference; 0 where there is none
}
