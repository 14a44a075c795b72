package rules

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Severity says how much a finding matters.
type Severity string

// The severities.
const (
	SeverityCritical  Severity = "critical"  // 20 % of E2E or TTFT can be won back, 10 % for certain, and a target is missed
	SeverityModerate  Severity = "moderate"  // from 5 %
	SeverityMinor     Severity = "minor"     // less: not worth your time
	SeverityUnsized   Severity = "unsized"   // what can be won back is not known
	SeverityTelemetry Severity = "telemetry" // no bottleneck, but what cannot be trusted
)

// Severities lists them, worst first.
var Severities = []Severity{SeverityCritical, SeverityModerate, SeverityMinor, SeverityUnsized, SeverityTelemetry}

// A Tier says when a change is worth doing.
type Tier string

// The tiers.
const (
	TierQuick  Tier = "quick win"   // low effort, and risk that is not high
	TierMedium Tier = "medium term" // medium effort, or high risk
	TierLong   Tier = "long term"   // high effort
)

// A Finding is a rule whose conditions hold.
type Finding struct {
	Rank     int            `json:"rank"` // from 1 on; 0 for what is not ranked
	Rule     string         `json:"rule"`
	Title    string         `json:"title"`
	Class    Class          `json:"class"`
	Phase    analyzer.Phase `json:"phase"`
	Severity Severity       `json:"severity"`
	Tier     Tier           `json:"tier"`
	// Experimental rules were never seen to fire on the shape of a stack that was recorded; they are not ranked.
	Experimental bool `json:"experimental,omitempty"`

	Place
	Also []Place `json:"also,omitempty"` // where the rule holds too

	// Who, Recoverable and TTFT are of all places together; the rest is of Place.
	Who      AffectedRequests `json:"affected"`
	Symptoms []string         `json:"symptoms"`
	Cause    string           `json:"cause"` // one sentence, with its numbers
	Evidence []EvidenceItem   `json:"evidence"`

	// Recoverable is the mean time that an affected request would win back on the E2E path, in nanoseconds.
	Recoverable *Amount `json:"recoverable_ns"`
	TTFT        *Amount `json:"recoverable_ttft_ns"` // the same up to the first token
	Floor       string  `json:"floor"`               // what it is held against

	Recommendation Recommendation `json:"recommendation"`
	Confidence     Confidence     `json:"confidence"`
	Priority       Priority       `json:"priority"`

	// Predict is the change that a replay can try, nil for none; Predicted is what it brings, where it was tried.
	Predict   *population.Scenario `json:"predict,omitempty"`
	Predicted *Predicted           `json:"predicted,omitempty"`

	// Beneath are findings that this one causes. Its recoverable time includes theirs as far as the replay predicts it.
	Beneath []Finding `json:"symptoms_of_it,omitempty"`
	// TakesOver says that the recoverable time was computed by replay, so that it holds what others wait less.
	TakesOver bool `json:"takes_over,omitempty"`
}

// A Predicted is p95 before and after a change, by replay of the real arrivals; in nanoseconds.
type Predicted struct {
	Before Amount `json:"e2e_p95_before_ns"`
	After  Amount `json:"e2e_p95_after_ns"`
	Why    string `json:"why,omitempty"` // why nothing can be predicted
}

// A Place is a regime of a capacity domain.
type Place struct {
	Domain string `json:"domain"`
	Regime int    `json:"regime"` // from 1 on, in the order of time; 0 for all of the domain's time
	Since  int64  `json:"since_ns"`
	Until  int64  `json:"until_ns"`
}

// AffectedRequests says whom a finding concerns.
type AffectedRequests struct {
	Who       Affected   `json:"who"`
	N         int        `json:"n"`
	Of        int        `json:"of"` // requests of the regime
	Share     float64    `json:"share"`
	Exemplars []Exemplar `json:"exemplars"` // worst first, at most 3
}

// An Exemplar is a request to look at.
type Exemplar struct {
	population.Exemplar
	Link string `json:"link,omitempty"` // to look at it, when it is known where the trace is
}

// An EvidenceItem is one measure that a finding rests on.
type EvidenceItem struct {
	Measure  string   `json:"measure"`          // the expression
	Text     string   `json:"text"`             // in words
	Value    string   `json:"value"`            // as it prints; "" while unknown
	Number   *float64 `json:"number,omitempty"` // a duration in nanoseconds
	Low      *float64 `json:"low,omitempty"`    // of the 95 % interval
	High     *float64 `json:"high,omitempty"`
	N        int      `json:"n,omitempty"`
	Observed bool     `json:"observed"`
	Holds    bool     `json:"holds"`
	Needs    []string `json:"needs,omitempty"` // what is not known
}

// An Amount is a mean time in nanoseconds, with its 95 % interval where there is one.
type Amount struct {
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
}

// A Recommendation is what to do about a finding.
type Recommendation struct {
	Summary    string   `json:"summary"`
	Steps      []string `json:"steps"`
	Stack      string   `json:"stack"`    // whose settings are named; "" where it is not known
	Settings   []string `json:"settings"` // exact flags and keys of that stack
	Before     string   `json:"before,omitempty"`
	After      string   `json:"after,omitempty"`
	Effort     Level    `json:"effort"`
	Risk       Level    `json:"risk"`
	References []string `json:"references"`
}

// A Confidence is how far a finding can be relied on, from 0 to 1: the product of its factors.
type Confidence struct {
	Value     float64 `json:"value"`
	Evidence  float64 `json:"evidence"`  // items that are observed and hold, of all that the rule lists
	Sample    float64 `json:"sample"`    // min(1, sqrt(affected/30)); for an incident min(1, arrivals/30)
	Telemetry float64 `json:"telemetry"` // affected requests without a doubt that touches the phase; half if it is only inferred
}

// A Priority is recoverable x affected share x confidence / (effort x risk), in milliseconds, with its factors.
type Priority struct {
	Value       float64 `json:"value_ms"`
	Recoverable float64 `json:"recoverable_ms"`
	Share       float64 `json:"affected_share"`
	Confidence  float64 `json:"confidence"`
	Effort      float64 `json:"effort"` // low, medium, high: 1, 2, 4
	Risk        float64 `json:"risk"`
	Plain       float64 `json:"plain_ms"`   // with effort and risk 1
	PlainRank   int     `json:"plain_rank"` // the rank by that
}

// The verdicts of an evaluation.
const (
	VerdictBottleneck = "bottleneck" // the first finding is worth doing something about
	VerdictHealthy    = "healthy"    // no bottleneck worth your time
	VerdictUntold     = "untold"     // too little is known to say so
)

// A Result is what rules say of a population.
type Result struct {
	Verdict string `json:"verdict"`
	// Findings are in rank order; those that cannot be sized and experimental ones follow.
	Findings  []Finding `json:"findings"`
	Telemetry []Finding `json:"telemetry_findings"` // faults of the telemetry
	// FirstChanges says that another finding comes first when effort and risk do not count.
	FirstChanges bool `json:"first_changes_without_effort_and_risk"`
	// Nearest is the rule that is nearest to firing and does not; nil where none is near, or where something fires.
	Nearest *Near `json:"nearest_rule,omitempty"`
	// Unnamed are phases that much could be won back in, though no rule that could be decided says why.
	Unnamed  []Unnamed  `json:"unnamed"`
	Skipped  []Skipped  `json:"rules_skipped"`  // no data
	Withheld []Withheld `json:"rules_withheld"` // conditions hold, and something forbids to name it
}

// A Near is a rule that does not fire, with the condition that is furthest from holding.
type Near struct {
	Rule      string  `json:"rule"`
	Title     string  `json:"title"`
	Condition string  `json:"condition"`
	Value     string  `json:"value"`
	Limit     string  `json:"limit"`
	Margin    float64 `json:"margin"` // |value - limit| / |limit|
	Place
}

// An Unnamed is a phase that at least a fifth of E2E could be won back in while a target is missed, and no finding names.
type Unnamed struct {
	Phase       analyzer.Phase `json:"phase"`
	Score       float64        `json:"score"`
	Recoverable float64        `json:"recoverable_ns"`
	Rule        string         `json:"rule,omitempty"` // one of the phase that cannot be decided; "" if all could be
	Why         string         `json:"why,omitempty"`
	Place
}

// A Skipped is a rule that could not be decided anywhere, since something is not known.
type Skipped struct {
	Rule  string `json:"rule"`
	Title string `json:"title"`
	Needs []Need `json:"needs"`
}

// A Need is a variable that is not known, and what would supply it.
type Need struct {
	Variable string `json:"variable"`
	What     string `json:"what"`   // the kind of telemetry that it comes from
	Remedy   string `json:"remedy"` // on the stack at hand
	Why      string `json:"why,omitempty"`
}

// A Withheld is a rule whose conditions hold and that is not named.
type Withheld struct {
	Rule string `json:"rule"`
	By   string `json:"by"` // the rule that excludes it, or that discredits its phase
	Why  string `json:"why"`
	Place
}
