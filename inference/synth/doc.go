// Package synth simulates LLM servers and writes down what their telemetry would have said. It makes the traces that
// benchmarks, load tests and the demo run on, so it shares no code with the analysis of traces.
//
// The way from a seed to spans:
//
//  1. Arrivals draws when requests come.
//  2. An [Engine] serves them: package sim's, with a queue in front of a loop that prefills one request or decodes a
//     token of each.
//  3. [Corpus] and [Recording] dress every served request as spans: the first as a server that names its phases, the
//     second as a gateway in front of vLLM.
//
// The same options give the same spans, byte for byte.
package synth
