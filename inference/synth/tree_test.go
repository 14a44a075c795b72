package synth

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestTreeIsOneTraceOfItsSize(t *testing.T) {
	for _, n := range []int{1, 2, 799, 800, 801, 50_000} {
		var spans []analyzer.Span
		for batch := range Tree(1, n, 2e18) {
			spans = append(spans, batch...)
		}
		if len(spans) != n {
			t.Fatalf("a tree of %d spans has %d", n, len(spans))
		}
		children, depths := map[analyzer.SpanID]int{}, map[analyzer.SpanID]int{}
		deepest := 0
		for i := range spans {
			s := &spans[i]
			if s.TraceID != spans[0].TraceID {
				t.Fatal("spans of two traces")
			}
			if i == 0 {
				depths[s.ID] = 1
				continue
			}
			if depths[s.Parent] == 0 {
				t.Fatalf("span %s comes before its parent", s.ID)
			}
			children[s.Parent]++
			depths[s.ID] = depths[s.Parent] + 1
			deepest = max(deepest, depths[s.ID])
			if children[s.Parent] > TreeFanOut || depths[s.ID] > TreeDepth {
				t.Fatalf("span %s is child %d in generation %d", s.ID, children[s.Parent], depths[s.ID])
			}
		}
		if n == 50_000 && deepest != TreeDepth {
			t.Errorf("the deepest span is in generation %d, want %d", deepest, TreeDepth)
		}
	}
}
