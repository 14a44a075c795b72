package storage

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// TestQueriesAndFilesMatch: a renamed file leaves no dangling name, and no file lies there unused.
func TestQueriesAndFilesMatch(t *testing.T) {
	var files, names []string
	entries, err := fs.ReadDir(sqlFiles, "sql/query")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, strings.TrimSuffix(e.Name(), ".sql"))
	}
	for _, q := range queries {
		names = append(names, string(q))
	}
	slices.Sort(names)
	if !slices.Equal(files, names) {
		t.Errorf("files %q, names %q", files, names)
	}
	for _, q := range queries {
		if !strings.HasPrefix(q.text(), "-- ") {
			t.Errorf("sql/query/%s.sql does not start with what it is for", q)
		}
	}
}

// TestEveryHotAttributeHasItsColumn, of its type, in the table and in the view for people; and no other column is hot.
func TestEveryHotAttributeHasItsColumn(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	c, err := connect(db.duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	types := map[analyzer.ValueKind]string{
		analyzer.KindString: "VARCHAR", analyzer.KindInt: "BIGINT", analyzer.KindDouble: "DOUBLE", analyzer.KindBool: "BOOLEAN",
	}
	var want []string
	for _, h := range analyzer.HotAttributes {
		want = append(want, columnName(h.Key)+" "+types[h.Kind])
	}
	for _, table := range []string{"spans", "v_spans"} {
		columns, err := c.texts(ctx, `SELECT concat(column_name, ' ', data_type) FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index`, table)
		if err != nil {
			t.Fatal(err)
		}
		got := columns[len(columns)-len(want):]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", table, got, want)
		}
	}
}

var (
	objectPattern = regexp.MustCompile(`(?m)^CREATE (?:OR REPLACE )?(TABLE|VIEW) (\w+)`)
	addPattern    = regexp.MustCompile(`(?m)^ALTER TABLE (\w+) ADD COLUMN$`)
	namePattern   = regexp.MustCompile(`(\w+)$`)
)

// columnDocs returns the comment and the code of every commented column, each on one line.
func columnDocs(sql string) (docs [][2]string) {
	var text, code []string
	flush := func() {
		if len(text) > 0 && len(code) > 0 {
			docs = append(docs, [2]string{strings.Join(text, " "), strings.TrimSuffix(strings.Join(code, " "), ",")})
			text, code = nil, nil
		}
	}
	for line := range strings.Lines(sql) {
		comment, isComment := strings.CutPrefix(line, "  -- ")
		switch {
		case isComment:
			if len(code) > 0 {
				flush()
			}
			text = append(text, strings.TrimSpace(comment))
		case strings.HasPrefix(line, "  "):
			code = append(code, strings.TrimSpace(line))
		default:
			flush()
		}
	}
	flush()
	return docs
}

// document turns one SQL file into a section: its header, then a row for each commented column. A file that adds a
// column gives only the row, which belongs to the section of its table.
func document(t *testing.T, name, sql string) (section, table, row string) {
	t.Helper()
	if added := addPattern.FindStringSubmatch(sql); added != nil {
		docs := columnDocs(sql)
		if len(docs) != 1 {
			t.Fatalf("%s: it adds a column without a comment", name)
		}
		column, kind, _ := strings.Cut(strings.TrimSuffix(docs[0][1], ";"), " ")
		return "", added[1], fmt.Sprintf("| `%s` | %s | %s |\n", column, kind, docs[0][0])
	}
	object := objectPattern.FindStringSubmatch(sql)
	if object == nil {
		t.Fatalf("%s: no CREATE TABLE or VIEW", name)
	}
	header := strings.TrimSpace(strings.ReplaceAll("\n"+sql[:strings.Index(sql, "CREATE")], "\n-- ", " "))
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", object[2], header)
	if object[1] == "TABLE" {
		b.WriteString("| column | type | meaning |\n|---|---|---|\n")
	} else {
		b.WriteString("| column | meaning |\n|---|---|\n")
	}
	for _, doc := range columnDocs(sql) {
		text, code := doc[0], doc[1]
		if object[1] == "VIEW" {
			name := "(more)"
			if m := namePattern.FindString(code); m != "" {
				name = m
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", name, text)
			continue
		}
		column, kind, _ := strings.Cut(code, " ")
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", column, strings.TrimSuffix(strings.TrimSuffix(kind, " NOT NULL"), " PRIMARY KEY"), text)
	}
	return b.String(), object[2], ""
}

const schemaHeader = `# The database

slowtoken keeps everything in one DuckDB file. Any DuckDB 1.5 can read it while no server has it open:

` + "```" + `sh
duckdb -readonly traces.duckdb "SELECT model, count(*), quantile_cont(ttft_ms, 0.95) FROM v_llm_calls GROUP BY model"
` + "```" + `

The views (v_...) are for people and stay as they are; the tables are slowtoken's own and can change with the schema
version. This page is generated from the comments in storage/sql.
`

// TestSchemaDocument keeps docs/schema.md as the comments in the SQL files have it.
func TestSchemaDocument(t *testing.T) {
	var tables []string
	sections := map[string]string{}
	for _, folder := range []string{"sql/view", "sql/ddl"} {
		list, err := steps(sqlFiles, folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			section, table, row := document(t, s.name, s.sql)
			if section != "" {
				tables = append(tables, table)
			}
			sections[table] += section + row
		}
	}
	var b strings.Builder
	b.WriteString(schemaHeader)
	for _, table := range tables {
		b.WriteString(sections[table])
	}
	path := filepath.Join("..", "docs", "schema.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/schema.md is not what storage/sql says; run: go test ./storage -run TestSchemaDocument -update")
	}
}

// TestEveryColumnIsDescribed: the document has a row for every column that the database has.
func TestEveryColumnIsDescribed(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	c, err := connect(db.duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "schema.md"))
	if err != nil {
		t.Fatal(err)
	}
	columns, err := c.texts(ctx, `SELECT concat(table_name, ' ', column_name) FROM duckdb_columns() WHERE NOT internal`)
	if err != nil || len(columns) < 100 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	for _, name := range columns {
		table, column, _ := strings.Cut(name, " ")
		_, section, _ := strings.Cut(string(doc), "\n## "+table+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		isHot := table == "v_spans" && slices.ContainsFunc(db.hot, func(h hotColumn) bool { return h.column == column })
		if !isHot && !strings.Contains(section, "| `"+column+"` |") {
			t.Errorf("docs/schema.md does not describe column %s of %s", column, table)
		}
	}
}
