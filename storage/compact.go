package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// A Compaction says what [Compact] did: the sizes of the database file in bytes, and what it holds.
type Compaction struct {
	Before, After int64
	Spans         int64
}

// The steps of [Compact], in order.
const (
	CompactOpening  = "opening the database"
	CompactCopying  = "copying what is in use"
	CompactChecking = "checking the copy"
	CompactSwapping = "putting the copy in its place"
	CompactDone     = "done"
)

// Compact rewrites a database so that its file holds nothing but what is in use, and gives the rest of the space back to
// the disk. Meanwhile the file takes its space twice, others can read it and nobody can write. The copy takes the place of
// the file in one step, so that a kill at any moment leaves one or the other, whole; what was half done is removed by
// whoever opens the database for writing next. step, when it is not nil, is called before each step.
//
// Errors wrap what [Open] says, [ErrLocked] among them.
func Compact(ctx context.Context, o Options, step func(string)) (Compaction, error) {
	if step == nil {
		step = func(string) {}
	}
	done, err := compact(ctx, o, step)
	if err != nil {
		return Compaction{}, fmt.Errorf("compact database %s: %w", o.Path, openError(err))
	}
	return done, nil
}

func compact(ctx context.Context, o Options, step func(string)) (done Compaction, err error) {
	if real, err := filepath.EvalSymlinks(o.Path); err == nil {
		o.Path = real // the file is to be replaced, not the link to it
	}
	step(CompactOpening)
	before, err := os.Stat(o.Path)
	if err != nil {
		return done, err
	}
	// A writer brings the schema up to date, writes the log into the file, and removes what a killed compaction left.
	db, err := Open(ctx, o)
	if err != nil {
		return done, err
	}
	o = db.options
	if err := db.Close(); err != nil {
		return done, err
	}
	release, err := claim(o.Path)
	if err != nil {
		return done, err
	}
	defer release()

	target := o.Path + compactSuffix
	if _, err := os.Lstat(target); err == nil {
		return done, fmt.Errorf("%w: another compaction fills %s", ErrLocked, target)
	}
	defer func() {
		if err != nil {
			removeCompaction(o.Path)
		}
	}()
	return rewrite(ctx, o, target, before.Mode().Perm(), step)
}

// rewrite copies the database to target and puts that in its place, while it holds the file as a reader, which keeps
// writers out.
func rewrite(ctx context.Context, o Options, target string, mode os.FileMode, step func(string)) (done Compaction, err error) {
	s := settings(o)
	s["preserve_insertion_order"] = "true" // spans that came together stay together: reads skip the others
	duck, err := openDuck("", s)
	if err != nil {
		return done, err
	}
	defer mapping.Close(&duck)
	c, err := connect(duck)
	if err != nil {
		return done, err
	}
	defer c.close()
	if err := c.exec(ctx, "ATTACH "+quoted(o.Path)+" AS old (READ_ONLY)"); err != nil {
		return done, err
	}
	done.Before = fileSize(o.Path)
	if fileSize(o.Path+".wal") > 0 {
		return done, fmt.Errorf("%w: another command wrote to it just now; try again", ErrLocked)
	}
	step(CompactCopying)
	if err := c.exec(ctx, "ATTACH "+quoted(target)+" AS new (STORAGE_VERSION 'latest')"); err != nil {
		return done, err
	}
	if err := os.Chmod(target, mode); err != nil { // before anything of the data is in it
		return done, err
	}
	for _, sql := range []string{"COPY FROM DATABASE old TO new", "CHECKPOINT new"} {
		if err := c.exec(ctx, sql); err != nil {
			return done, fmt.Errorf("copy to %s, which needs about as much space as is in use: %w", target, err)
		}
	}
	step(CompactChecking)
	if done.Spans, err = sameContents(ctx, c); err != nil {
		return done, err
	}
	if err := c.exec(ctx, "DETACH new"); err != nil {
		return done, err
	}
	done.After = fileSize(target)
	step(CompactSwapping)
	if err := os.Rename(target, o.Path); err != nil {
		return done, err
	}
	step(CompactDone)
	return done, syncFolder(filepath.Dir(o.Path))
}

// sameContents compares the tables of two attached databases by their rows, and the spans by their identities too.
func sameContents(ctx context.Context, c *conn) (spans int64, err error) {
	counts := map[string][]string{}
	for _, database := range []string{"old", "new"} {
		tables, err := c.texts(ctx, queryTablesOf.text(), database)
		if err != nil {
			return 0, err
		}
		for _, table := range tables {
			sql := "SELECT count(*)::VARCHAR FROM " + database + "." + table
			if table == "spans" {
				sql = "SELECT concat(count(*), ' of identity ', bit_xor(hash(trace_id, span_id, start_ns, duration_ns))) FROM " + database + "." + table
				if err := c.each(ctx, func(ch chunk, row int) { spans = at[int64](ch.column(0), row) }, "SELECT count(*) FROM "+database+"."+table); err != nil {
					return 0, err
				}
			}
			n, err := c.texts(ctx, sql)
			if err != nil {
				return 0, err
			}
			counts[table] = append(counts[table], n...)
		}
	}
	for table, n := range counts {
		if len(n) != 2 || n[0] != n[1] {
			return 0, fmt.Errorf("the table %s has the rows %q in the file and in its copy: nothing was changed", table, n)
		}
	}
	if len(counts) == 0 {
		return 0, errors.New("the copy has no tables: nothing was changed")
	}
	return spans, nil
}

// compactSuffix is of the file that a compaction fills.
const compactSuffix = ".compact"

// removeCompaction removes what a compaction left that did not come to its end.
func removeCompaction(path string) {
	_ = os.Remove(path + compactSuffix) // most often there is none
	_ = os.Remove(path + compactSuffix + ".wal")
}

// quoted writes a path as a constant of SQL: ATTACH takes no bound values.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", "''") + "'" }

// syncFolder makes a rename last through a loss of power.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("write the folder %s to disk: %w", path, err)
	}
	return nil
}
