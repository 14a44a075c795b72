package population

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Details are kept beside their phase, whose time stays one entry, also when builders that numbered them differently are
// joined.
func TestDetailsSurviveMerging(t *testing.T) {
	request := func(id byte, details ...string) *analyzer.Request {
		r := &analyzer.Request{TraceID: analyzer.TraceID{15: id}, SpanID: analyzer.SpanID{7: id}, Start: int64(id), CachedTokens: -1}
		at := r.Start
		for _, d := range details {
			r.E2ELedger.Parts = append(r.E2ELedger.Parts, analyzer.Part{Start: at, End: at + 10, Phase: analyzer.Queue, Detail: d})
			at += 10
		}
		r.End = at
		return r
	}
	one, other := NewBuilder(Window{}, Filter{}, nil), NewBuilder(Window{}, Filter{}, nil)
	one.addRequest(&analyzer.Trace{}, request(1, "adapter", "", "adapter"))
	other.addRequest(&analyzer.Trace{}, request(2, "grammar", "unknown"))
	other.addRequest(&analyzer.Trace{}, request(3, "capacity", "adapter"))
	one.Merge(other)
	p := one.Population()
	want := []map[string]int64{{"adapter": 20}, {"grammar": 10}, {"capacity": 10, "adapter": 10}}
	for i := range p.Records {
		r := &p.Records[i]
		got := map[string]int64{}
		for d := range p.Details(r) {
			got[d.Detail] += d.E2E
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i+1, diff)
		}
		if list := r.Phases(); len(list) != 1 || list[0].E2E != r.E2E() {
			t.Errorf("request %d has phases %+v, want queue of all its time", i+1, list)
		}
	}
}
