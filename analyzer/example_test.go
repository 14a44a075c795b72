package analyzer_test

import (
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

func span(id, parent byte, name string, start, end time.Duration) analyzer.Span {
	return analyzer.Span{
		TraceID: analyzer.TraceID{15: 1}, ID: analyzer.SpanID{7: id}, Parent: analyzer.SpanID{7: parent},
		Name: name, Start: int64(start), End: int64(end),
	}
}

// The phases of a call touch each other; the path goes through them all, and what they leave is the caller's own.
func ExampleTrace_CriticalPath() {
	trace := analyzer.NewTrace([]analyzer.Span{
		span(4, 1, "decode", 300*time.Millisecond, 900*time.Millisecond),
		span(2, 1, "queue", 10*time.Millisecond, 120*time.Millisecond),
		span(3, 1, "prefill", 120*time.Millisecond, 300*time.Millisecond),
		span(1, 0, "POST /v1/completions", 0, 1000*time.Millisecond),
		span(5, 9, "export", 950*time.Millisecond, 990*time.Millisecond),
	})
	for _, s := range trace.CriticalPath() {
		fmt.Printf("%-20s %v\n", trace.Spans[s.Span].Name, time.Duration(s.End-s.Start))
	}
	fmt.Println(trace.Warnings)
	// Output:
	// POST /v1/completions 10ms
	// queue                110ms
	// prefill              180ms
	// decode               600ms
	// POST /v1/completions 100ms
	// export               40ms
	// map[orphan:1]
}
