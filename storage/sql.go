package storage

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// All SQL is in files: ddl/ holds what changes the schema, one object a file, applied once and in order; view/ holds the
// views, which are made anew by every writer; query/ holds what the package asks. Values are bound. The only text that
// is put into a query is the list of columns, from names that this package owns.

//go:embed sql/ddl/*.sql sql/view/*.sql sql/query/*.sql
var sqlFiles embed.FS

// A query names a file of sql/query.
type query string

const (
	queryColumns      query = "columns"
	queryMeta         query = "meta"
	querySetMeta      query = "set_meta"
	queryTables       query = "tables"
	queryTablesOf     query = "tables_of"
	queryResources    query = "resources"
	queryScopes       query = "scopes"
	queryShapes       query = "shapes"
	querySpans        query = "spans"
	querySpansPicked  query = "spans_picked"
	querySpansWhole   query = "spans_whole"
	queryPick         query = "pick"
	queryTotals       query = "totals"
	queryServices     query = "services"
	queryNames        query = "names"
	queryMetricPoints query = "metric_points"
	queryExport       query = "export"
	queryRemovable    query = "removable"
	queryOldest       query = "oldest"
	querySpace        query = "space"
	queryRemoveSpans  query = "remove_spans"
	queryRemoveRanges query = "remove_ranges"
	queryRemovePoints query = "remove_points"
)

var queries = []query{
	queryColumns, queryMeta, querySetMeta, queryTables, queryResources, queryScopes, queryShapes, querySpans,
	querySpansPicked, querySpansWhole, queryPick, queryTotals, queryServices, queryNames, queryMetricPoints, queryExport,
	queryRemovable, queryOldest, querySpace, queryRemoveSpans, queryRemoveRanges, queryRemovePoints, queryTablesOf,
}

// text returns the query's SQL. A missing file is a mistake of this package, which its tests find.
func (q query) text() string {
	b, err := sqlFiles.ReadFile("sql/query/" + string(q) + ".sql")
	if err != nil {
		panic(fmt.Sprintf("storage: query %s: %v", q, err))
	}
	return string(b)
}

// withColumns fills in the columns to select.
func (q query) withColumns(columns []string) string {
	return strings.Replace(q.text(), "/* columns */", strings.Join(columns, ", "), 1)
}

// A step is one file that changes the schema.
type step struct {
	name string
	sql  string
}

// steps returns the files of a folder in order; the schema version is how many have been applied.
func steps(files fs.FS, folder string) ([]step, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	list := make([]step, 0, len(entries))
	for _, e := range entries {
		b, err := fs.ReadFile(files, path.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, step{e.Name(), string(b)})
	}
	return list, nil
}
