// Package emit writes down what the telemetry of a serving stack or SDK would have said of a simulated run: the same
// truth in many dialects, each with its own losses. It is the opposite of package analyzer/dialect and shares nothing
// with it.
//
// What a dialect writes follows the stack's source or, where [Dialect.Recorded] names one, agrees with a recording of
// the real thing in names, types, units, missing fields and order: tests compare them.
//
// The truth rides along on the outermost span of each request, under slowtoken.truth.*: take those attributes away and
// what is left are the bytes that would have been written without them.
package emit
