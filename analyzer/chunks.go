package analyzer

import "slices"

// ICL returns the inter-chunk latencies ICL_i = t_i - t_(i-1), i from 2, in nanoseconds, where t_1 to t_m are the times of
// the request's chunks: one fewer than there are chunks, and their sum is t_m - t_1. It is nil, which is not zero, while
// the times are unknown, for a single chunk, and for several answers at once, whose chunks come mixed.
func (r *Request) ICL() []int64 {
	if r.Sequences > 1 || len(r.Chunks) < 2 {
		return nil
	}
	gaps := make([]int64, len(r.Chunks)-1)
	for i := range gaps {
		gaps[i] = r.Chunks[i+1] - r.Chunks[i]
	}
	return gaps
}

// ITL returns the inter-token latencies ITL_i = ICL_i / k_i in nanoseconds, where k_i is the number of tokens in chunk i
// and the weight of ITL_i. Telemetry never states a single k_i, so ITL is nil unless every one is 1; it then equals
// [Request.ICL]. That holds where there are as many chunks as output tokens, and for chunks that are steps of the engine
// unless there are more output tokens than steps, as with speculation.
//
// A long wait before a chunk of many tokens vanishes in ITL; only ICL can show a stall.
func (r *Request) ITL() []int64 {
	chunks := int64(len(r.Chunks))
	if r.OutputTokens != chunks && !(r.ChunksAreSteps && r.OutputTokens < chunks) {
		return nil
	}
	return r.ICL()
}

// TTFO returns the nanoseconds from the start to the first token that is not reasoning. No telemetry that is read marks
// that token, so it is known only where the answer is stated to hold no reasoning tokens; it is then TTFT.
func (r *Request) TTFO() (ns int64, ok bool) {
	if r.ReasoningTokens != 0 {
		return 0, false
	}
	return r.TTFT()
}

// Gaps is what the inter-chunk latencies of one request come to.
type Gaps struct {
	Median int64 // nearest rank, nanoseconds
	Max    int64 // nanoseconds
	Stalls int   // latencies over max(5 x Median, stallFloor); the limit is a choice of this program
}

// A gap is no stall unless it is longer than stallFloor nanoseconds and stallFactor times the request's median gap.
const (
	stallFactor = 5
	stallFloor  = 100_000_000
)

// SumUp sorts icl, the inter-chunk latencies of one request in nanoseconds, and sums it up. It is the zero Gaps of none.
func SumUp(icl []int64) (g Gaps) {
	if len(icl) == 0 {
		return g
	}
	slices.Sort(icl)
	g.Median, g.Max = icl[(len(icl)-1)/2], icl[len(icl)-1]
	limit := max(stallFactor*g.Median, stallFloor)
	for _, gap := range slices.Backward(icl) {
		if gap <= limit {
			break
		}
		g.Stalls++
	}
	return g
}

// Fluidity returns Etalon's fluidity-index of one answer: the share of its tokens that are on time. The first token
// takes ttft nanoseconds and is due after ttftLimit, each later one takes its itl and is due after tpotLimit. Slack is
// carried over: a token on time leaves slack_i = slack_(i-1) + limit - taken to the next, which is on time if it takes at
// most its limit + slack_i; a late one leaves none.
//
// Source: https://github.com/project-etalon/etalon, docs/tutorials/metrics_used.rst at 09d935e0. Its n counts the tokens
// that the sum goes over, the first among them.
func Fluidity(ttft int64, itl []int64, ttftLimit, tpotLimit int64) float64 {
	onTime, slack := 0, int64(0)
	take := func(taken, limit int64) {
		if slack += limit - taken; slack < 0 {
			slack = 0
			return
		}
		onTime++
	}
	take(ttft, ttftLimit)
	for _, gap := range itl {
		take(gap, tpotLimit)
	}
	return float64(onTime) / float64(1+len(itl))
}
