package rules

import (
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Class is what kind of resource a bottleneck is about.
type Class string

// The classes of rules.
const (
	ClassCompute   Class = "compute"
	ClassMemory    Class = "memory"
	ClassIO        Class = "io"
	ClassQueue     Class = "queue"
	ClassSoftware  Class = "software"
	ClassTelemetry Class = "telemetry" // no bottleneck: what the telemetry cannot be trusted with
)

// Classes lists them in the order of documents.
var Classes = []Class{ClassCompute, ClassMemory, ClassIO, ClassQueue, ClassSoftware, ClassTelemetry}

// A Level is how much effort or risk a change takes.
type Level string

// The levels, which count 1, 2 and 4.
const (
	Low    Level = "low"
	Medium Level = "medium"
	High   Level = "high"
)

// Levels lists them, least first.
var Levels = []Level{Low, Medium, High}

// Weight returns what the level divides a priority by.
func (l Level) Weight() float64 {
	switch l {
	case High:
		return 4
	case Medium:
		return 2
	}
	return 1
}

// A Scope says what a rule is evaluated on.
type Scope string

// The scopes of rules.
const (
	ScopeRegime Scope = "regime" // each stretch of steady load of each capacity domain
	ScopeAll    Scope = "all"    // all of a domain's time
)

// Scopes lists them.
var Scopes = []Scope{ScopeRegime, ScopeAll}

// Affected says which requests a bottleneck concerns.
type Affected string

// The cohorts of requests that a rule can name as affected.
const (
	AffectedAll      Affected = "all"      // every request
	AffectedTail     Affected = "tail"     // E2E from p95 on
	AffectedPhase    Affected = "phase"    // those that have time in the rule's phase
	AffectedWaited   Affected = "waited"   // those that waited over 10 ms
	AffectedLong     Affected = "long"     // answers from the 75th percentile of length on
	AffectedPrompts  Affected = "prompts"  // prompts from the median length on
	AffectedRetried  Affected = "retried"  // those with time in retry
	AffectedIncident Affected = "incident" // those of the largest incident
	AffectedDoubtful Affected = "doubtful" // those with a doubt about their telemetry
)

// AffectedCohorts lists them.
var AffectedCohorts = []Affected{
	AffectedAll, AffectedTail, AffectedPhase, AffectedWaited, AffectedLong, AffectedPrompts, AffectedRetried, AffectedIncident,
	AffectedDoubtful,
}

// A Param is a threshold of a rule.
type Param struct {
	Name    string  `json:"name"`
	Kind    Kind    `json:"kind"`
	Number  float64 `json:"value"` // a duration in nanoseconds
	Unit    string  `json:"unit,omitempty"`
	Doc     string  `json:"doc"`
	Source  string  `json:"source"`            // where it is published, or "ours"
	Changed string  `json:"changed,omitempty"` // what set another value than the rule's own
}

func (p Param) val() ref.Val {
	if p.Kind == Duration {
		return types.Duration{Duration: time.Duration(p.Number)}
	}
	return types.Double(p.Number)
}

// Text prints the value of p.
func (p Param) Text() string { return formatMeasure(Measure{Number: p.Number}, p.Kind, p.Unit) }

// Evidence is one thing that speaks for a rule, beside its conditions.
type Evidence struct {
	Value *Expr     // what is measured
	Holds *Expr     // whether it speaks for the rule
	Say   *Template // in words; nil prints the value
}

// A Recovery says how much time a request would win back.
type Recovery struct {
	E2E, TTFT *Expr  // durations a request; nil for none
	Floor     string // what they are held against, in words
	OfAll     bool   // E2E and TTFT are means over all requests of the place, not over the affected ones
}

// A Prediction says which change of the real load a replay can try; nil expressions change nothing.
type Prediction struct {
	Scale       *Expr // factor of the time of the rule's phase
	Slots       *Expr // requests in service at once
	ChunkBudget *Expr // prompt tokens a step
}

// A Fix is what to do.
type Fix struct {
	Summary    *Template
	Steps      []*Template
	Settings   map[string][]*Template // by stack, exact flags and keys
	Before     *Template
	After      *Template
	Predict    Prediction
	Effort     Level
	Risk       Level
	References []string
}

// A Rule names one bottleneck, or one fault of the telemetry.
type Rule struct {
	ID       string
	Title    string
	Class    Class
	Phase    analyzer.Phase
	Doc      string
	Scope    Scope
	Params   []Param
	When     []*Expr // all must hold
	Evidence []Evidence
	Affected Affected
	Recover  Recovery
	Cause    *Template   // the root cause, one sentence
	Symptoms []*Template // what people notice
	Causes   []string    // rules whose findings are symptoms of this one
	Excludes []string    // rules that are not named where this one fires
	// Discredits are phases that no bottleneck may be named in where this rule, of class telemetry, fires.
	Discredits analyzer.PhaseSet
	Fix        Fix
	// Verified are the dialects, tested against real recordings, on whose shape the rule was seen to fire. Without any it
	// is experimental and not ranked.
	Verified []string

	File   string // where it was read
	Line   int
	places map[string]place // of what is checked against other rules
}

// Experimental reports whether the rule was never seen to fire on the shape of a verified dialect.
func (r *Rule) Experimental() bool { return len(r.Verified) == 0 }

// Reads lists the variables that the rule's conditions read, each once.
func (r *Rule) Reads() (names []string) {
	seen := map[string]bool{}
	for _, e := range r.When {
		for _, name := range e.Reads {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// param returns the rule's threshold of that name.
func (r *Rule) param(name string) *Param {
	for i := range r.Params {
		if r.Params[i].Name == name {
			return &r.Params[i]
		}
	}
	return nil
}

func (r *Rule) paramMap() map[string]Param {
	m := make(map[string]Param, len(r.Params))
	for _, p := range r.Params {
		m[p.Name] = p
	}
	return m
}
