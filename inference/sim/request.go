package sim

import "github.com/slowtoken/slowtoken/analyzer"

// A Request is one inference call and what became of it. Times of things that did not happen are zero.
type Request struct {
	Plan
	Sequence
	Index   int // in the order of arrival
	Replica int
	Refused bool // its tokens fit no KV cache: the server answered 400, and nothing after ServerIn happened

	Sent     int64     // the client began its first attempt
	Attempts []Attempt // those that failed, before the one that was served
	Tried    int64     // the client began the attempt that was served
	// On the way to the engine.
	GatewayIn, GatewayOut int64
	ServerIn              int64 // at the server's socket
	Accepted              int64 // the event loop took it up: where an HTTP server's span starts
	Handled               int64 // the event loop was done with it: where an engine's span starts
	TokenizeStart         int64 // a tokenizer had time
	Tokenized             int64
	LoadRead, LoadCopied  int64 // the weights were read from disk, and copied to the device
	// On the way back.
	First        Passage // the first token
	Last         Passage // the last one
	ClientEnd    int64   // the client is done
	Whole        bool    // the answer came in one piece
	Chunks       int     // messages that the stream was sent in
	TokenTimes   []int64 // when each token left the engine, if the run keeps them
	ChunkTimes   []int64 // when each message reached the client, if the run keeps them
	ChunkContent []int   // and how many tokens it had
}

// An Attempt is a call that failed.
type Attempt struct {
	Start, GatewayIn, GatewayOut, End int64
	Status                            int // HTTP
}

// A Passage is when a token was where on its way to the client.
type Passage struct {
	Detokenized int64 // the server's front end has its text
	Written     int64 // the server's socket has taken it
	AtGateway   int64
	Relayed     int64 // the gateway has passed it on
	Arrived     int64 // at the client's host
	Read        int64 // by the client
}

// A Stretch is a part of a request's time.
type Stretch struct {
	Phase      analyzer.Phase
	Detail     string
	Start, End int64
}

// Details of phases beside those that the analyzer names.
const (
	detailWeights = "weight_load"
	detailInput   = "h2d"
)

// Ledger returns what the request spent its time on, from when it was due to when the client had all of it. The
// stretches tile that time; those of no length are left out.
func (r *Request) Ledger() []Stretch { return r.ledger(false) }

// FirstTokenLedger is the same up to when the client had the first token, which is all of it if the answer came whole.
func (r *Request) FirstTokenLedger() []Stretch { return r.ledger(!r.Whole) }

func (r *Request) ledger(toFirst bool) []Stretch {
	t := tiling{at: r.Due, list: make([]Stretch, 0, 16)}
	t.until(r.Sent, analyzer.Client, "")
	t.until(r.Tried, analyzer.Retry, "")
	t.until(r.GatewayIn, analyzer.Network, "")
	t.until(r.GatewayOut, analyzer.Gateway, "")
	t.until(r.ServerIn, analyzer.Network, "")
	if r.Refused {
		t.until(r.ClientEnd, analyzer.Other, "refused")
		return t.list
	}
	t.until(r.Handled, analyzer.Frontend, "")
	t.until(r.Tokenized, analyzer.Tokenize, "")
	t.until(r.Queued, analyzer.Frontend, "")
	t.until(r.LoadRead, analyzer.ModelLoad, "")
	t.until(r.LoadCopied, analyzer.GPUTransfer, detailWeights)
	t.until(r.Scheduled, analyzer.Queue, "")
	t.until(r.Copied, analyzer.GPUTransfer, detailInput)
	t.until(r.FirstToken, analyzer.Prefill, "")
	back := r.First
	if !toFirst {
		t.until(r.LastToken, analyzer.Decode, "")
		back = r.Last
	}
	t.until(back.Detokenized, analyzer.Detokenize, "")
	t.until(back.Written, analyzer.Stream, "")
	t.until(back.AtGateway, analyzer.Network, "")
	t.until(back.Relayed, analyzer.Gateway, "")
	t.until(back.Arrived, analyzer.Network, "")
	t.until(back.Read, analyzer.Client, "")
	return t.list
}

// tiling lays stretches end to end.
type tiling struct {
	at   int64
	list []Stretch
}

func (t *tiling) until(end int64, phase analyzer.Phase, detail string) {
	if end <= t.at {
		return
	}
	t.list = append(t.list, Stretch{phase, detail, t.at, end})
	t.at = end
}

// E2E returns the time from when the request was due to when the client had its last token.
func (r *Request) E2E() int64 { return r.ClientEnd - r.Due }

// TTFT returns the time from when the request was due to when the client had its first token; 0 for a refused one.
func (r *Request) TTFT() int64 {
	if r.Refused {
		return 0
	}
	return r.First.Read - r.Due
}

// check lets the gateway keep the answer until it is whole, and as long again as it takes to check it: the client gets it
// in one piece.
func (r *Request) check(length int64) {
	r.Last.Relayed += length
	r.Last.Arrived += length
	r.Last.Read += length
	r.First.Relayed, r.First.Arrived, r.First.Read = r.Last.Relayed, r.Last.Arrived, r.Last.Read
	r.Chunks = 1
	if r.ChunkTimes != nil {
		r.ChunkTimes, r.ChunkContent = []int64{r.Last.Read}, []int{r.Output}
	}
}

// ByPhase sums stretches by phase.
func ByPhase(ledger []Stretch) (ns [analyzer.NumPhases]int64) {
	for _, s := range ledger {
		ns[s.Phase] += s.End - s.Start
	}
	return ns
}
