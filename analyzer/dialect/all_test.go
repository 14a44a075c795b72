package dialect_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

func TestEveryDialectIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dialect.All {
		if d.Name == "" || d.Doc == "" || len(d.Keys) == 0 || len(d.Marks)+len(d.Names) == 0 {
			t.Errorf("dialect %q lacks a name, a text, its keys or its marks", d.Name)
		}
		if seen[d.Name] {
			t.Errorf("dialect %q is listed twice", d.Name)
		}
		seen[d.Name] = true
	}
}

// What a store does not hand to analysis cannot be read from it.
func TestStoresHandOutWhatDialectsRead(t *testing.T) {
	known := slices.Clone(analyzer.AnalysisKeys)
	for _, hot := range analyzer.HotAttributes {
		known = append(known, hot.Key)
	}
	for _, d := range dialect.All {
		for _, key := range d.Keys {
			if !slices.Contains(known, key) {
				t.Errorf("dialect %s reads %s, which is neither a hot attribute nor one of AnalysisKeys", d.Name, key)
			}
		}
	}
}

// Requests keeps working memory between traces: analyses that run at once must not share it.
func TestRequestsFromSeveralGoroutines(t *testing.T) {
	var done sync.WaitGroup
	for worker := range 4 {
		done.Go(func() {
			for n := range 50 {
				model := (n+worker)%3 > 0
				requests, _ := analyzer.Requests(analyzer.NewTrace(benchTrace(n, model)), dialect.All)
				if (len(requests) == 1) != model {
					t.Errorf("trace %d: %d requests", n, len(requests))
				}
				for i := range requests {
					checkTiled(t, &requests[i])
				}
			}
		})
	}
	done.Wait()
}
