package population

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// tgiStep is a request of TGI with one step, which links to the batch that computed it.
func tgiStep(trace byte, batch analyzer.SpanRef) *analyzer.Trace {
	base := analyzer.Span{TraceID: analyzer.TraceID{15: trace}, Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{}}
	request, step := base, base
	request.ID, request.Name, request.Kind, request.Start, request.End = analyzer.SpanID{7: 1}, "generate", analyzer.SpanKindServer, 0, second
	request.Attributes = analyzer.Attributes{
		{Key: "total_time", Value: analyzer.String("990ms")}, {Key: "inference_time", Value: analyzer.String("880ms")},
	}
	step.ID, step.Parent, step.Name, step.Start, step.End = analyzer.SpanID{7: 2}, request.ID, "infer", second/10, second/2
	step.Links = []analyzer.Link{{TraceID: batch.TraceID, SpanID: batch.SpanID}}
	return analyzer.NewTrace([]analyzer.Span{request, step})
}

// TestBatchesJoinRequestsOfAllBuilders: a batch is a trace of its own, which another builder may have seen.
func TestBatchesJoinRequestsOfAllBuilders(t *testing.T) {
	ref := analyzer.SpanRef{TraceID: analyzer.TraceID{15: 9}, SpanID: analyzer.SpanID{7: 9}}
	batch := analyzer.NewTrace([]analyzer.Span{{
		TraceID: ref.TraceID, ID: ref.SpanID, Name: "batch", Start: second / 10, End: second / 2,
		Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{},
		Attributes: analyzer.Attributes{{Key: "batch_size", Value: analyzer.Int(3)}},
		Links:      []analyzer.Link{{TraceID: analyzer.TraceID{15: 1}, SpanID: analyzer.SpanID{7: 2}}},
	}})
	one, other := NewBuilder(Window{}, Filter{}, dialect.All), NewBuilder(Window{}, Filter{}, dialect.All)
	one.Add(tgiStep(1, ref))
	other.Add(tgiStep(2, ref))
	other.Add(batch)
	one.Add(tgiStep(3, analyzer.SpanRef{TraceID: analyzer.TraceID{15: 8}, SpanID: ref.SpanID})) // its batch never arrived
	one.Merge(other)
	p := one.Population()
	if len(p.Records) != 3 {
		t.Fatalf("%d requests, want 3", len(p.Records))
	}
	for i, want := range []float64{3, 3, 0} {
		if got := p.Records[i].BatchSize; got != want {
			t.Errorf("request %d: batch size %v, want %v", i+1, got, want)
		}
	}
}
