package analyzer

import "fmt"

// A Role says what a span is to an inference call.
type Role uint8

// The roles of a span.
const (
	RoleNone      Role = iota
	RoleInference      // one call of a model, seen by the caller or by the engine
	RoleEnvelope       // HTTP, RPC, a proxy or an SDK around one call
	RoleTool           // a tool that a model asked for
	RoleAgent          // an agent, a chain or a workflow: it plans calls and is never part of one
)

var roleNames = [...]string{"none", "inference", "envelope", "tool", "agent"}

func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// A Call is what one span states about the inference call that it sees. What it does not state is unknown: see [NoCall].
type Call struct {
	Operation    string // as stated, for example "chat"
	RequestModel string
	Model        string // the model that answered
	RequestID    string

	// Times of tokens, in nanoseconds since the Unix epoch on the clock of the span; zero while unknown.
	FirstToken, LastToken int64
	// Chunks are the times of all chunks of output, ascending, on the same clock; nil while unknown or if some are lost.
	Chunks         []int64
	ChunksAreSteps bool // as in [Request]

	// Counts; -1 while unknown, which is not zero.
	InputTokens, OutputTokens, CachedTokens, ReasoningTokens int64
	Sequences                                                int64 // answers that were asked for at once

	Streaming Tristate
	Leg       Leg    // which leg of a disaggregated request the span is, as stated
	LegID     string // what the legs of one request share beside its id: a bootstrap room, a transfer

	Cancelled bool   // the span says that the call was given up
	ErrorType string // as stated

	Warnings Warnings // what was refused or cut while reading the span: see [RequestWarnings]
}

// NoCall is a call about which nothing is known.
func NoCall() Call {
	return Call{InputTokens: -1, OutputTokens: -1, CachedTokens: -1, ReasoningTokens: -1, Sequences: -1}
}

// A Dialect is how one serving stack or SDK speaks: which spans are inference calls or belong to one, what they say of
// the call, and what phases their time divides into. Its functions may be called from several goroutines at once.
type Dialect struct {
	Name string
	Doc  string // what is read, in which unit, and what this telemetry cannot separate
	// Verified says that the dialect was tested against recordings of the real stack; others are experimental, and
	// reports that rely on them say so.
	Verified bool
	Keys     []string // the attribute keys it reads

	// Marks are attribute keys, and Names are span names, of which a span must bear one before the dialect is asked
	// about it; one that ends in "*" stands for every text that starts so. A dialect with neither is asked about every
	// span.
	Marks, Names []string
	// Engine says that its inference spans are the engine's own view, not a caller's.
	Engine bool
	// Context says that the dialect names no inference span, so it is asked only in traces that hold one.
	Context bool

	Match func(*Span) Role // the span's role; nil stands for RoleNone

	// Batch reports whether a span is one step of several requests, which links tie to the spans of those, and how many
	// requests it states; 0 when it does not. Nil stands for none.
	Batch func(*Span) (size int64, is bool)

	// Call returns what an inference span of this dialect states about its call.
	Call func(t *Trace, span int32) Call
	// Parts returns the phases of a span's time on the span's clock; gaps are what the span does not explain. Where parts
	// overlap, the first of the list holds; what lies outside of [Trace.Extent] is cut. It is also asked about spans without
	// a role. Nil stands for none.
	Parts func(t *Trace, span int32) []Part
}
