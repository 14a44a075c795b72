package population

import "github.com/slowtoken/slowtoken/analyzer"

// A Record is what population analysis keeps of one request.
type Record struct {
	TraceID               analyzer.TraceID
	SpanID                analyzer.SpanID
	Start, End            int64 // nanoseconds since the Unix epoch
	FirstToken, LastToken int64 // zero while unknown
	Accepted              int64 // when the outermost span of its server started; zero while unknown
	sent                  int64 // when the last hop to there began
	answered              int64 // when that span ended; zero while unknown
	Entered               int64 // as in [analyzer.Request.Entered]
	Joined                int64 // when it joined the engine's queue, or was served without waiting; zero while unknown
	InputTokens           int64 // -1 while unknown
	OutputTokens          int64 // -1 while unknown
	CachedTokens          int64 // of the input; -1 while unknown
	ReasoningTokens       int64 // of the output; -1 while unknown
	Sequences             int64 // answers that were asked for at once; -1 while unknown

	// Probability is with which probability the request was sampled; 0 when nothing states it, and
	// [analyzer.UnknownRate] when it was sampled at a rate that nobody knows.
	Probability float64
	Doubts      DoubtSet // of its own telemetry and of its trace's

	// Codes into the population's dictionary: see [Population.Text].
	Model, Service, Instance, Dialect uint32
	PrefillInstance                   uint32 // as in [analyzer.Request.PrefillInstance]
	attributes                        uint32 // see [Population.Attribute]
	Block                             int32  // of requests that may depend on each other, counted from 0 to [Population.Blocks]

	BatchSize float64 // requests that its engine computed together, as [analyzer.Batches.Of] says; 0 while unknown

	Outcome   analyzer.Outcome
	Streaming analyzer.Tristate
	Embedding bool // the operation makes no tokens
	Leg       analyzer.Leg
	Retried   bool // an earlier attempt failed

	shown          uint8 // of phases: those of [Record.Phases]; behind them are those of [Population.Details]
	chunksAreSteps bool
	gaps           []uint32 // inter-chunk latencies in microseconds; nil while unknown
	phases         []PhaseTime
}

// A PhaseTime is how long one phase took of a request, on each of its two paths.
type PhaseTime struct {
	Phase    analyzer.Phase
	Inferred bool              // all of it is what other parts left
	detail   uint16            // see [Population.Details]; 0 for the phase as a whole
	Covers   analyzer.PhaseSet // as in [analyzer.Part]
	TTFT     int64             // nanoseconds before the first token
	E2E      int64             // nanoseconds of the whole extent
}

// Phases returns the phases that the request's telemetry shows, each once per set of covered phases.
func (r *Record) Phases() []PhaseTime { return r.phases[:r.shown] }

// On returns how long the phase took on the path.
func (t *PhaseTime) On(path Path) int64 {
	if path == PathTTFT {
		return t.TTFT
	}
	return t.E2E
}

// On returns the request's duration on the path; ok is false while it is unknown.
func (r *Record) On(path Path) (ns int64, ok bool) {
	if path == PathTTFT {
		return r.TTFT()
	}
	return r.E2E(), true
}

// E2E returns the extent's duration in nanoseconds.
func (r *Record) E2E() int64 { return r.End - r.Start }

// TTFT returns the nanoseconds to the first token; ok is false while that is unknown.
func (r *Record) TTFT() (ns int64, ok bool) {
	if r.FirstToken == 0 {
		return 0, false
	}
	return r.FirstToken - r.Start, true
}

// TPOT returns nanoseconds per output token after the first, as [analyzer.Request.TPOT] defines it.
func (r *Record) TPOT() (ns float64, ok bool) {
	q := r.request()
	return q.TPOT()
}

// NTPOT returns nanoseconds of E2E per output token, as [analyzer.Request.NTPOT] defines it.
func (r *Record) NTPOT() (ns float64, ok bool) {
	q := r.request()
	return q.NTPOT()
}

// TTFO returns the nanoseconds to the first token that is not reasoning, as [analyzer.Request.TTFO] defines it.
func (r *Record) TTFO() (ns int64, ok bool) {
	if r.ReasoningTokens != 0 {
		return 0, false
	}
	return r.TTFT()
}

func (r *Record) request() analyzer.Request {
	return analyzer.Request{
		Start: r.Start, End: r.End, FirstToken: r.FirstToken, LastToken: r.LastToken,
		OutputTokens: r.OutputTokens, Sequences: r.Sequences,
	}
}

// Running reports whether the request had not ended when the window did; until zero is a window without an end.
func (r *Record) Running(until int64) bool { return until != 0 && r.End > until }

// operationEmbeddings is the operation of GenAI conventions that answers with vectors, not tokens.
const operationEmbeddings = "embeddings"
