// Package inference is an instrumented path to an LLM: a [Gateway] in front of Ollama that queues requests into slots,
// tokenizes, calls, streams, and says as OpenTelemetry spans where each request's time went, down to the nanosecond.
//
// What it says is one of three things, and every span says which: measured on the gateway's own clock, reported by
// Ollama in its answer, or bounded by what must have come before and after. See docs/inference.md.
package inference
