package population

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestTopology counts who calls whom between services, whatever the order of the traces and however they are split.
func TestTopology(t *testing.T) {
	resource := func(service, version string) *analyzer.Resource {
		return &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String(service)}, {Key: "service.version", Value: analyzer.String(version)},
		}}
	}
	var traces []*analyzer.Trace
	for i := range 40 {
		var id analyzer.TraceID
		id[0] = byte(i + 1)
		at := int64(i) * 1e9
		span := func(n, parent byte, res *analyzer.Resource) analyzer.Span {
			s := analyzer.Span{TraceID: id, ID: analyzer.SpanID{n}, Start: at + int64(n), End: at + 100 - int64(n), Resource: res}
			if parent > 0 {
				s.Parent = analyzer.SpanID{parent}
			}
			return s
		}
		engine := resource("engine", fmt.Sprintf("1.%d", i%7))
		traces = append(traces, analyzer.NewTrace([]analyzer.Span{
			span(1, 0, resource("api", "2")), span(2, 1, resource("api", "2")), span(3, 2, engine), span(4, 3, engine), span(5, 1, nil),
		}))
	}
	want := Topology{
		Services: []Service{
			{Name: "api", Spans: 80, Facts: map[string][]string{"service.version": {"2"}}},
			{Name: "engine", Spans: 80, Facts: map[string][]string{"service.version": {"1.0", "1.1", "1.2", "1.3", "1.4"}}},
			{Name: "", Spans: 40, Facts: map[string][]string{}},
		},
		Calls: []CallEdge{{"api", "", 40}, {"api", "engine", 40}},
	}
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(traces), func(i, k int) { traces[i], traces[k] = traces[k], traces[i] })
		a, b := NewBuilder(Window{}, Filter{}, nil), NewBuilder(Window{}, Filter{}, nil)
		for i, trace := range traces {
			if i%3 == 0 {
				a.Add(trace)
			} else {
				b.Add(trace)
			}
		}
		a.Merge(b)
		if got := a.Population().Topology; !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %+v\nwant %+v", seed, got, want)
		}
	}
}
