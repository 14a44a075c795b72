// Package sim simulates LLM servers request by request, so that traces exist whose truth is known to the nanosecond.
//
// The way of a request through a run:
//
//  1. workload.go plans every request before the first one is sent: arrival, sizes, prefix and every other draw. Two
//     configurations can so be compared on the very same requests.
//  2. run.go moves virtual time from event to event: the client's delays and retries, network and gateway in between.
//  3. replica.go is one server process: an event loop, a pool of tokenizers, the loading of the model.
//  4. engine.go is its engine, in steps: continuous or static batching, prompts whole or in chunks under a token budget,
//     slots, blocks of KV cache (kv.go) with preemption, prefix caching. timing.go says how long a step takes, from the
//     roofline of a device and a model (shape.go) or from a straight line.
//  5. stream.go brings the tokens to the client, against back pressure.
//  6. request.go is what is known of the request afterwards: [Request.Ledger] tiles its time by phase, exactly.
//
// The engine knows no clock of its own, so the same one also runs in real time: see package ollamasim.
//
// Times are nanoseconds since the Unix epoch, lengths nanoseconds. The same configuration, load and seed give the same
// bytes. Nothing here is shared with the analysis of traces.
package sim
