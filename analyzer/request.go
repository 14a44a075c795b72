package analyzer

// A Request is one inference call: the span of one model call, or a client/server pair of one call, extended up to the
// highest envelope (HTTP, proxy, SDK wrapper) that holds no other call. Its id is (TraceID, SpanID).
type Request struct {
	TraceID    TraceID
	SpanID     SpanID // of the extent's span
	ServerSpan SpanID // the engine's own span; equal to SpanID where there is one view only
	Dialect    string // name of the dialect that explains the innermost view

	// Start and End bound the extent, in nanoseconds since the Unix epoch. End is never before Start.
	Start, End int64
	// Entered is when the engine's own span starts, below the spans of callers and of HTTP servers, in nanoseconds since the
	// Unix epoch; zero where there are none of those above it.
	Entered int64
	// FirstToken and LastToken are times of tokens, in nanoseconds since the Unix epoch; zero while unknown.
	FirstToken, LastToken int64
	// Chunks are the times of all chunks of output, ascending, in nanoseconds since the Unix epoch; nil while unknown. They
	// are of the innermost view that states them, which may see the first one later than FirstToken.
	Chunks []int64
	// ChunksAreSteps says that each chunk is one step of the engine: one token, unless it speculates.
	ChunksAreSteps bool

	Service  string // service.name of the innermost view
	Instance string // of the innermost view: service.instance.id, else host and pid, else data-parallel rank; "" means "treated as one server"
	// PrefillInstance is the Instance of the prefill leg of a request that another engine decoded; the two are separate
	// capacity domains. "" for requests of one engine.
	PrefillInstance string
	// Leg is set when this is one leg of a disaggregated request and the other was not found: its start or its end is not
	// the request's, and it has no times of tokens.
	Leg       Leg
	Model     string // the requested model, else the one that answered
	Operation string // what was asked for, as stated, for example "chat" or "embeddings"

	// Token counts; -1 while unknown, which is not zero.
	InputTokens, OutputTokens, CachedTokens, ReasoningTokens int64
	Sequences                                                int64 // answers that were asked for at once (n); -1 while unknown
	Attempts                                                 int   // 1, or more when earlier attempts failed

	Streaming Tristate
	Outcome   Outcome
	ErrorType string // error.type, or the status message of a failed call

	TTFTLedger Ledger // tiles [Start, FirstToken]; empty while the first token is unknown
	E2ELedger  Ledger // tiles [Start, End]

	Warnings Warnings // doubts about this request's telemetry
}

// A Tristate is a boolean that telemetry may leave unsaid.
type Tristate uint8

// The values of a Tristate.
const (
	Unknown Tristate = iota
	No
	Yes
)

// An Outcome says how a request ended.
type Outcome uint8

// The outcomes of a request.
const (
	Succeeded Outcome = iota
	Failed
	Cancelled
)

var outcomeNames = [...]string{"ok", "error", "cancelled"}

func (o Outcome) String() string { return outcomeNames[o] }

// A Ledger is parts that tile a stretch of a request's time exactly: each part starts where the one before it ends.
type Ledger struct {
	Parts []Part
}

// ByPhase returns the nanoseconds of each phase; they sum to the stretch that the ledger tiles.
func (l Ledger) ByPhase() (ns [NumPhases]int64) {
	for _, p := range l.Parts {
		ns[p.Phase] += p.End - p.Start
	}
	return ns
}

// Total returns the nanoseconds that the ledger tiles.
func (l Ledger) Total() int64 {
	if len(l.Parts) == 0 {
		return 0
	}
	return l.Parts[len(l.Parts)-1].End - l.Parts[0].Start
}

// A Turn is the outermost span whose subtree holds two or more requests, or one request and a tool outside that
// request's subtree: an agent's or a chain's answer to its user.
type Turn struct {
	TraceID    TraceID
	SpanID     SpanID
	Start, End int64
	Requests   []SpanID // ids of its requests, by start
	Ledger     Ledger   // inference time as Other, tools as Tool, the rest Unattributed (orchestration)
}

// NTPOT returns E2E / output tokens in nanoseconds; ok is false while there are no output tokens or their number is
// unknown.
func (r *Request) NTPOT() (ns float64, ok bool) {
	if r.OutputTokens < 1 {
		return 0, false
	}
	return float64(r.E2E()) / float64(r.OutputTokens), true
}

// E2E returns the extent's duration in nanoseconds.
func (r *Request) E2E() int64 { return r.End - r.Start }

// TTFT returns the nanoseconds from the start to the first token; ok is false while that is unknown.
func (r *Request) TTFT() (ns int64, ok bool) {
	if r.FirstToken == 0 {
		return 0, false
	}
	return r.FirstToken - r.Start, true
}

// TPOT returns (last token - first token) / (output tokens - 1) in nanoseconds. It is undefined, not zero, for answers
// of fewer than two tokens, for several answers at once (their tokens are counted together), and while either time is
// unknown.
func (r *Request) TPOT() (ns float64, ok bool) {
	if r.Sequences > 1 || r.FirstToken == 0 || r.LastToken == 0 || r.OutputTokens < 2 || r.LastToken < r.FirstToken {
		return 0, false
	}
	return float64(r.LastToken-r.FirstToken) / float64(r.OutputTokens-1), true
}
