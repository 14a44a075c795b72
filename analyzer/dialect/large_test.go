package dialect_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// Traces of a hundred thousand spans in the shapes that cost most take a time in proportion to their size.
func TestLargeTraces(t *testing.T) {
	const n = 100_000
	chat := analyzer.Attributes{{Key: "gen_ai.operation.name", Value: analyzer.String("chat")}}
	tool := analyzer.Attributes{{Key: "gen_ai.operation.name", Value: analyzer.String("execute_tool")}}
	http := analyzer.Attributes{{Key: "http.request.method", Value: analyzer.String("POST")}}
	backend := analyzer.Attributes{{Key: "component", Value: analyzer.String("backend")}}
	decode := analyzer.Attributes{{Key: "slowtoken.phase", Value: analyzer.String("decode")}}
	model := analyzer.Attributes{{Key: "triton.model_name", Value: analyzer.String("llama")}}
	queued := []analyzer.Event{
		{Name: "QUEUE_START", Time: timelineBase + 3*n/2}, {Name: "COMPUTE_START", Time: timelineBase + 3*n/2 + 1},
	}
	sequential := func(i int) (int64, int64) { return int64(i) * 10, int64(i)*10 + 9 }
	nested := func(i int) (int64, int64) { return int64(i), 3*n - int64(i) }
	for _, shape := range []struct {
		name     string
		requests int
		span     func(i int, s *analyzer.Span) (parent int) // span i from 1 on, below span 0
	}{
		{"calls in a row", n, func(i int, s *analyzer.Span) int {
			s.Start, s.End = sequential(i)
			s.Attributes = chat
			return 0
		}},
		{"failed attempts", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = sequential(i)
			s.Attributes, s.Status = chat, analyzer.StatusError
			return 0
		}},
		{"handlers that failed below one frontend", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = sequential(i)
			s.Name, s.Attributes, s.Status = "handle_payload", backend, analyzer.StatusError
			if i > 1 {
				return 1
			}
			s.Start, s.End = 0, 20*n
			s.Name, s.Status = "http-request", analyzer.StatusUnset
			return 0
		}},
		{"calls at once", n, func(i int, s *analyzer.Span) int {
			s.Start, s.End = 10, 10+int64(i)
			s.Attributes = chat
			return 0
		}},
		{"views of one call", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = nested(i)
			s.Attributes = chat
			return i - 1
		}},
		{"hops of one call", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = nested(i)
			s.Attributes, s.Kind = http, analyzer.SpanKindServer
			if i%2 == 0 {
				s.Kind = analyzer.SpanKindClient
			}
			if i == n {
				s.Attributes = chat
			}
			return i - 1
		}},
		{"servers of one call", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = nested(i)
			s.Attributes, s.Kind = http, analyzer.SpanKindServer
			if i == n-1 {
				s.Kind = analyzer.SpanKindClient
			}
			if i == n {
				s.Attributes = chat
			}
			return i - 1
		}},
		{"calls below tools", n / 2, func(i int, s *analyzer.Span) int {
			s.Start, s.End = nested(i)
			s.Attributes = tool
			if i%2 == 0 {
				s.Attributes = chat
			}
			return i - 1
		}},
		{"nested spans that state an instant each", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = nested(i)
			s.Attributes = model
			s.Events = queued
			if i == 1 {
				s.Name, s.Attributes, s.Events = "InferRequest", nil, nil
			}
			return i - 1
		}},
		{"steps of one call", 1, func(i int, s *analyzer.Span) int {
			s.Start, s.End = sequential(i)
			s.Attributes = decode
			if i == 1 {
				s.Start, s.End = 0, 20*n
				s.Attributes = chat
				return 0
			}
			return 1
		}},
	} {
		t.Run(shape.name, func(t *testing.T) {
			spans := make([]analyzer.Span, n+1)
			for i := range spans {
				s := &spans[i]
				parent := -1
				s.Start, s.End = 0, 20*n
				if i > 0 {
					parent = shape.span(i, s)
				}
				s.Start += timelineBase
				s.End += timelineBase
				binary.BigEndian.PutUint64(s.TraceID[8:], 1)
				binary.BigEndian.PutUint64(s.ID[:], uint64(i+1))
				binary.BigEndian.PutUint64(s.Parent[:], uint64(parent+1))
			}
			trace := analyzer.NewTrace(spans)
			began := time.Now()
			requests, _ := analyzer.Requests(trace, dialect.All)
			took := time.Since(began)
			if len(requests) != shape.requests {
				t.Errorf("%d requests, want %d", len(requests), shape.requests)
			}
			for i := range requests {
				checkTiled(t, &requests[i])
			}
			t.Logf("%d spans: %v", len(spans), took)
			if took > 10*time.Second { // a quadratic one takes minutes
				t.Errorf("%d spans took %v", len(spans), took)
			}
		})
	}
}
