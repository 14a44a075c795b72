// Package analyzer says where the time of inference requests went. It owns the nouns of slowtoken and the pure functions
// over them, does no I/O and keeps no state; whoever reads, stores or shows traces speaks its types. All times are
// nanoseconds since the Unix epoch in an int64, all lengths nanoseconds; nothing is a float before it is a statistic.
//
// A reader may follow one span through the package:
//
//   - span.go, value.go: a [Span] is one timed operation as it was received, with typed [Attributes]. Nothing that its
//     source stated is dropped, and nothing is corrected.
//   - group.go, trace.go, assembly.go: [GroupByTrace] sorts spans of any mix of traces into traces and [NewTrace] joins
//     the spans of one into trees, repairing what it must: copies, absent parents, loops. What it repaired, cut or set
//     aside stands in [Trace.Warnings]; trace_warnings.go says what each warning counts. The result does not depend on
//     the order of arrival (order.go).
//   - path.go, cuts.go: [Trace.CriticalPath] tiles each root with the spans that it waited for, instant by instant. The
//     same walk over a part of a trace serves the ledgers.
//   - dialect.go: a [Dialect] knows how one serving stack or SDK speaks: which spans are model calls, what they state,
//     which parts of their time are which [Phase]. Package analyzer/dialect lists the dialects.
//   - requests.go: [Requests] finds the inference calls of a trace, joins the views that client and server have of one
//     call, and gives each [Request] two ledgers: up to its first token, and to its end. A [Ledger] tiles its stretch
//     exactly, with [Unattributed] where the telemetry says nothing. Agents and chains become a [Turn].
//   - metric.go: a [MetricPoint] is one data point of a metric, as received.
//
// Package analyzer/population turns many requests into what holds of them together.
//
// Timing cannot prove that one span waited for another: the path follows who finished last, which is what a caller that
// waits would have seen. Warnings therefore travel with every result that rests on them.
package analyzer
