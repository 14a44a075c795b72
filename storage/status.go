package storage

import (
	"context"
	"fmt"
	"os"
)

// A Status says what a database holds.
type Status struct {
	Path          string
	SchemaVersion int
	Spans         int64 // copies included
	Traces        int64
	First, Last   int64 // the earliest start and latest end of all spans, in ns since the Unix epoch; zero without spans
	LastReceived  int64 // when the last span was taken in, likewise
	MetricPoints  int64
	FileBytes     int64   // the database file
	UsedBytes     int64   // the blocks of the file that are in use; the others are used again
	LogBytes      int64   // the write-ahead log beside it
	Services      []Named // those with most spans first
	Names         []Named // span names, the commonest first

	// ReplacedStrings counts the strings that were not UTF-8, since the database was opened: what was not became U+FFFD.
	ReplacedStrings int64

	Retention Retention // what the writer of the database keeps; zero for everything
	Removed   Removed
}

// A Named is a name and the number of spans that have it.
type Named struct {
	Name  string
	Spans int64
}

// listed is how many names a status lists.
const listed = 20

// Status says what the database holds. It reads two columns of the spans and no attributes.
func (db *DB) Status(ctx context.Context) (Status, error) {
	s, err := db.status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read the status of %s: %w", db.options.Path, err)
	}
	return s, nil
}

func (db *DB) status(ctx context.Context) (Status, error) {
	c, err := db.reader(ctx)
	if err != nil {
		return Status{}, err
	}
	defer db.done(c)
	s := Status{Path: db.options.Path, FileBytes: fileSize(db.options.Path), LogBytes: fileSize(db.options.Path + ".wal")}
	if db.writer != nil {
		s.ReplacedStrings = db.writer.replaced.Load()
	}
	if db.retain != nil {
		s.Retention, s.Removed = db.retain.policy, db.Removed()
	}
	if s.SchemaVersion, _, err = schemaVersion(ctx, c); err != nil {
		return s, err
	}
	err = c.each(ctx, func(ch chunk, row int) { s.UsedBytes = at[int64](ch.column(0), row) }, querySpace.text())
	if err != nil {
		return s, err
	}
	err = c.each(ctx, func(ch chunk, row int) {
		for i, to := range []*int64{&s.Spans, &s.Traces, &s.First, &s.Last, &s.LastReceived, &s.MetricPoints} {
			*to = at[int64](ch.column(i), row)
		}
	}, queryTotals.text())
	if err != nil {
		return s, err
	}
	if s.Services, err = c.named(ctx, queryServices); err != nil {
		return s, err
	}
	s.Names, err = c.named(ctx, queryNames)
	return s, err
}

func (c *conn) named(ctx context.Context, q query) ([]Named, error) {
	var list []Named
	err := c.each(ctx, func(ch chunk, row int) {
		list = append(list, Named{ch.column(0).text(row), at[int64](ch.column(1), row)})
	}, q.text(), listed)
	return list, err
}

// fileSize is 0 for a file that is not there: DuckDB removes its log when it is empty.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
