package dialect_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"pgregory.net/rapid"
)

// chunkStacks write the times of chunks, each in its own way, into a call that lasts from timelineBase to end. Times come
// in any order; the first of a sorted list is the prefill's end.
var chunkStacks = map[string]func(call *analyzer.Span, sorted, times []int64) (below []analyzer.Span){
	"openllmetry": func(call *analyzer.Span, _, times []int64) []analyzer.Span {
		call.Attributes = analyzer.Attributes{{Key: "llm.request.type", Value: analyzer.String("chat")}}
		return chunkEvents(call, "gen_ai.content.completion.chunk", times)
	},
	"ollama": func(call *analyzer.Span, _, times []int64) []analyzer.Span {
		call.Attributes = analyzer.Attributes{
			{Key: "llm.request.type", Value: analyzer.String("chat")}, {Key: "llm.ollama.total_duration", Value: analyzer.Int(1000)},
		}
		return chunkEvents(call, "llm.content.completion.chunk", times)
	},
	"otel-genai": func(call *analyzer.Span, _, times []int64) []analyzer.Span {
		call.Attributes = analyzer.Attributes{{Key: "gen_ai.operation.name", Value: analyzer.String("chat")}}
		return chunkEvents(call, "gen_ai.content.chunk", times)
	},
	"sglang": func(call *analyzer.Span, sorted, times []int64) []analyzer.Span {
		call.Attributes = analyzer.Attributes{{Key: "module", Value: analyzer.String("sglang::request")}}
		return chunkSpans(call, times, func(end int64) string {
			if end == sorted[0] {
				return "prefill_forward"
			}
			return "decode_loop"
		})
	},
	"tgi": func(call *analyzer.Span, _, times []int64) []analyzer.Span {
		call.Name = "generate"
		call.Attributes = analyzer.Attributes{
			{Key: "total_time", Value: analyzer.String("1s")}, {Key: "inference_time", Value: analyzer.String("1s")},
		}
		return chunkSpans(call, times, func(int64) string { return "infer" })
	},
}

func chunkEvents(call *analyzer.Span, name string, times []int64) []analyzer.Span {
	for _, at := range times {
		call.Events = append(call.Events, analyzer.Event{Name: name, Time: at}, analyzer.Event{Name: "other", Time: at - 1})
	}
	return nil
}

func chunkSpans(call *analyzer.Span, times []int64, name func(end int64) string) (list []analyzer.Span) {
	for i, at := range times {
		s := analyzer.Span{TraceID: call.TraceID, Parent: call.ID, Name: name(at), Start: at - 1, End: at, Resource: call.Resource, Scope: call.Scope}
		binary.BigEndian.PutUint64(s.ID[:], uint64(i+2))
		list = append(list, s)
	}
	return list
}

// Every stack's chunks are found, in order, whatever the order in which they came; and none where events were lost.
func TestChunksOfEveryStack(t *testing.T) {
	for stack, write := range chunkStacks {
		t.Run(stack, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				sorted := rapid.SliceOfNDistinct(rapid.Int64Range(timelineBase+2, timelineBase+1e9), 2, 40, rapid.ID).Draw(t, "times")
				slices.Sort(sorted)
				times := slices.Clone(sorted)
				rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
				call := analyzer.Span{
					TraceID: traceID(1), ID: analyzer.SpanID{7: 1}, Name: "call", Kind: analyzer.SpanKindServer,
					Start: timelineBase, End: timelineBase + 1e9 + 1e8, Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{},
				}
				below := write(&call, sorted, times)
				requests, _ := requestsOf(append(below, call))
				if len(requests) != 1 || requests[0].Dialect != stack {
					t.Fatalf("got %d requests, of %q", len(requests), requests[0].Dialect)
				}
				if got := requests[0].Chunks; !slices.Equal(got, sorted) {
					t.Errorf("got %v, want %v", got, sorted)
				}
				checkChunks(t, &requests[0])
				if below != nil {
					return
				}
				call.DroppedEvents = 1
				if requests, _ = requestsOf([]analyzer.Span{call}); requests[0].Chunks != nil {
					t.Errorf("of a span that lost events: got %v", requests[0].Chunks)
				}
			})
		})
	}
}
