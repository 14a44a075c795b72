package report

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// meaning says in one line what a warning of the analyzer counts.
func meaning(name string) string {
	for i := range population.Doubts {
		if population.Doubts[i].Name == name {
			return population.Doubts[i].Meaning
		}
	}
	return ""
}

func warnings(w analyzer.Warnings) []Warning {
	list := make([]Warning, 0, len(w))
	for name, n := range w {
		list = append(list, Warning{Name: name, Count: n, Meaning: meaning(name)})
	}
	slices.SortFunc(list, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return list
}
