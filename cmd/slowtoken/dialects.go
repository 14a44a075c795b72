package main

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/storage"
)

// A language is how a command reads spans: the dialects, the user's own mapping among them.
type language struct {
	dialects []analyzer.Dialect
	// whole says that the mapping reads attributes which analysis does not read otherwise, so that all have to be fetched.
	whole bool
}

// language reads the mapping that the settings name, if any.
func (a *app) language() (language, error) {
	if a.config.Mapping == "" {
		return language{dialects: dialect.All}, nil
	}
	m, err := readMapping(a.config.Mapping)
	if err != nil {
		return language{}, err
	}
	known := analysisReads()
	return language{
		dialects: dialect.With(dialect.FromMapping(m)),
		whole:    slices.ContainsFunc(m.Keys(), func(key string) bool { return !known(key) }),
	}, nil
}

// columns returns what a query must fetch.
func (l language) columns() storage.Columns {
	if l.whole {
		return storage.AllColumns
	}
	return storage.AnalysisColumns
}
