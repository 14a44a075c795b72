package population_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// TestProcessesThatShareADeviceAreOneDomain, whichever builder saw which of them; those that state another are not.
func TestProcessesThatShareADeviceAreOneDomain(t *testing.T) {
	resources := []*analyzer.Resource{}
	for _, r := range [][2]string{{"a", "GPU-1"}, {"b", "GPU-1"}, {"c", "GPU-2"}, {"d", ""}} {
		list := analyzer.Attributes{{Key: "service.instance.id", Value: analyzer.String(r[0])}}
		if r[1] != "" {
			list = append(list, analyzer.Attribute{Key: "gpu.uuid", Value: analyzer.String(r[1])})
		}
		resources = append(resources, &analyzer.Resource{Attributes: list})
	}
	builders := [2]*population.Builder{}
	for i := range builders {
		builders[i] = population.NewBuilder(population.Window{}, population.Filter{}, dialect.All)
	}
	for i := range 16 {
		s := analyzer.Span{Name: "llm_request", Kind: analyzer.SpanKindServer, Resource: resources[i%4], Start: epoch + int64(i)*second, End: epoch + int64(i)*second + second/2,
			Attributes: analyzer.Attributes{{Key: "gen_ai.latency.time_in_queue", Value: analyzer.Double(0.1)}, {Key: "gen_ai.request.model", Value: analyzer.String("m")}}}
		binary.BigEndian.PutUint64(s.TraceID[8:], uint64(i+1))
		binary.BigEndian.PutUint64(s.ID[:], uint64(i+1))
		builders[i/4%2].Add(analyzer.NewTrace([]analyzer.Span{s}))
	}
	builders[0].Merge(builders[1])
	p := builders[0].Population()
	var got []string
	for _, d := range p.Domains(nil) {
		got = append(got, d.Name)
		if want := map[string]int{"a+b": 8}[d.Name]; want != 0 && (len(d.Members) != want || len(d.Instances) != 2 || !slices.IsSorted(d.Members)) {
			t.Errorf("%s: requests %v of %d processes, want 8 of 2", d.Name, d.Members, len(d.Instances))
		}
	}
	if want := []string{"a+b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("domains %v, want %v", got, want)
	}
}
