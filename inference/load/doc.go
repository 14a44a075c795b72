// Package load drives an LLM server with requests and measures what its clients see.
//
// A [Test] is an open loop (requests are sent at planned times, however slow the server is), a closed loop (users who
// wait for each answer), or a sweep of rates that ends at the server's breaking point. It speaks Ollama's /api/generate
// and /api/chat and OpenAI's /v1/chat/completions and /v1/completions, streamed or not. Every request is a client's span
// of OpenTelemetry's GenAI conventions whose context the server is sent, so that both sides of a call are one trace.
//
// Times are nanoseconds on this process's monotonic clock. Let t_s be when a request was handed to the connection,
// t_1..t_m when the chunks came that carry output, n the tokens of the answer as the server counts them:
//
//	TTFT  = t_1 - t_s              time to the first token; undefined if the answer is not streamed
//	TTFO  = the same of the first chunk that is no reasoning
//	TPOT  = (t_m - t_1) / (n - 1)  time per output token; undefined below two tokens
//	ICL_i = t_i - t_(i-1)          inter-chunk latency, pooled over requests
//	ITL_i = ICL_i of answers whose chunks are one token each (m = n): elsewhere a chunk's tokens are not known
//	E2E   = t_m - t_s              the last token; of an answer that is not streamed, its end
//	NTPOT = E2E / n
//	TTLB  = end of the answer - t_s, with usage and [DONE]
//
// In an open loop TTFT and E2E are given from the planned time of sending, too: what a client would have seen who came
// when it was planned, had the load generator itself never been late.
package load
