// Package replay runs the requests that really arrived through a model of their server, and says when each would have
// been served: a discrete-event simulation without a clock, a random number or a goroutine, so that one input has one
// result. All times are nanoseconds.
//
// Two servers are modelled. [Slots] serves each request for as long as it is told, and lets it wait, first come first
// served, while its slots are taken: Lindley's recursion with one slot, Kiefer and Wolfowitz's with several. [Batching]
// is an engine with continuous batching and chunked prefill, in which requests share steps and so slow each other down.
package replay

// A Job is one request as a server sees it.
type Job struct {
	Arrive  int64 // joins the queue
	Prefill int64 // of service until the first token
	Decode  int64 // of service after it

	// What [Batching] computes the service from: tokens of the prompt that no cache holds, and output tokens after the
	// first.
	PromptTokens, DecodeTokens int64
}

// Times are when a job was served.
type Times struct {
	Start      int64 // leaves the queue
	FirstToken int64
	End        int64
}
