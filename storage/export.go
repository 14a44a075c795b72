package storage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ExportParquet writes the spans of the traces that q picks to w as a Parquet file, with the columns of the view v_spans.
// q.Columns has no meaning here. The file is first made in the temporary folder, because Parquet's table of contents
// comes last.
func (db *DB) ExportParquet(ctx context.Context, q Query, w io.Writer) error {
	if err := db.exportParquet(ctx, q, w); err != nil {
		return fmt.Errorf("export spans of %s: %w", db.options.Path, err)
	}
	return nil
}

func (db *DB) exportParquet(ctx context.Context, q Query, w io.Writer) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer db.done(c)
	if err := os.MkdirAll(db.options.TempDir, 0o700); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(db.options.TempDir, "export")
	if err != nil {
		return err
	}
	defer func() {
		os.RemoveAll(folder)
		os.Remove(db.options.TempDir) // does nothing while DuckDB or another export has something there
	}()
	path := filepath.Join(folder, "spans.parquet")
	args, err := q.bounds(ctx, c)
	if err != nil {
		return err
	}
	if err := c.each(ctx, func(chunk, int) {}, queryExport.text(), append(args, path)...); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
