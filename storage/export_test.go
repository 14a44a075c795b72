package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestParquetHoldsThePickedSpans reads the exported file back through DuckDB.
func TestParquetHoldsThePickedSpans(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	inside, outside := traceOf(1, 100, 200), traceOf(2, 900, 950)
	inside[0].Attributes = analyzer.Attributes{
		{Key: "tenant", Value: analyzer.String("a")}, {Key: "retries", Value: analyzer.Int(3)},
		{Key: "gen_ai.request.model", Value: analyzer.String("llama")},
	}
	insert(t, db, append(inside, outside...))
	path := filepath.Join(t.TempDir(), "spans.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.ExportParquet(ctx, Query{Until: 500}, f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := connect(db.duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	rows, err := c.texts(ctx, `SELECT concat_ws(' ', trace_id, span_id, name, gen_ai_request_model, attributes['tenant'],
		attributes['retries'], start_time) FROM read_parquet($1) ORDER BY span_id`, path)
	if err != nil {
		t.Fatal(err)
	}
	want := "01000000000000000000000000000001 0100000000000000 root llama a 3 1970-01-01 00:00:00.0000001\n" +
		"01000000000000000000000000000001 0200000000000000 child 1970-01-01 00:00:00.0000001"
	if got := strings.Join(rows, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if left, err := os.ReadDir(db.options.TempDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}
