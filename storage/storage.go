// Package storage keeps spans and metric points in one DuckDB file, and gives them back exactly as they came.
//
// Writing: [DB.Insert] hands spans to the one goroutine that writes. It gathers what waits, writes it as one transaction
// and answers every caller after the commit: an answer without an error means that the spans survive a crash.
//
// Reading: [DB.Spans] picks traces by the table trace_ranges, scans the spans in column chunks, and decodes the chunks on
// all cores. Readers see a snapshot; they and the writer do not wait for each other.
//
// The schema is in sql/ddl and described in docs/schema.md; docs/adr/0001-storage.md says why it is as it is.
package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Options say which database to open, and how.
type Options struct {
	// Path is the database file. It is made when missing, with its folder (for its owner only: prompts are personal data),
	// unless ReadOnly is set.
	Path string

	// ReadOnly opens the file without changing it. Several processes may do so at once, while none writes.
	ReadOnly bool

	// MemoryLimit bounds what DuckDB holds in memory, for example "512MiB"; what does not fit goes to TempDir. Empty means
	// 1 GiB.
	MemoryLimit string

	// TempDir is where DuckDB puts what does not fit in memory. Empty means a folder beside the database.
	TempDir string

	// Threads bounds the decoder's threads, and DuckDB's when ReadOnly is set; else it has one. Zero means one a core.
	Threads int

	// Retention says what is removed while the database is open. It has no meaning with ReadOnly.
	Retention Retention
}

// A DB is an open database. Its methods may be called concurrently.
type DB struct {
	options Options
	duck    mapping.Database
	hot     []hotColumn
	columns []string // of the table spans
	release func()   // gives the path back

	catalog catalog
	writer  *writer   // nil when read-only
	retain  *retainer // nil when everything is kept

	mu      sync.Mutex
	closed  bool
	readers sync.WaitGroup
}

// defaultMemoryLimit leaves room for the decoded spans beside DuckDB.
const defaultMemoryLimit = "1GiB"

// Open opens the database, makes it when it is missing, and brings an older schema up to date. Errors wrap [ErrLocked],
// [ErrNotExist], [ErrNotDatabase], [ErrForeign] or [ErrVersion] when they are one of these.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Path == "" {
		return nil, errors.New("open database: no path given")
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.MemoryLimit == "" {
		o.MemoryLimit = defaultMemoryLimit
	}
	if o.TempDir == "" {
		o.TempDir = temporaryFolder(o.Path)
	}
	db, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", o.Path, openError(err))
	}
	return db, nil
}

func open(ctx context.Context, o Options) (_ *DB, err error) {
	release, err := claim(o.Path)
	if err != nil {
		return nil, err
	}
	db := &DB{options: o, release: release}
	defer func() {
		if err != nil {
			mapping.Close(&db.duck)
			release()
		}
	}()
	if err := checkFile(o); err != nil {
		return nil, err
	}
	if !o.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
			return nil, err
		}
	}
	if db.duck, err = openCurrent(o.Path, settings(o)); err != nil {
		return nil, err
	}
	if !o.ReadOnly { // the file is this process's alone now
		removeCompaction(o.Path)
		removeTemporary(o)
	}
	c, err := connect(db.duck)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := prepareSchema(ctx, c, sqlFiles, o.ReadOnly); err != nil {
		return nil, err
	}
	if db.columns, err = c.texts(ctx, queryColumns.text(), "spans"); err != nil {
		return nil, err
	}
	db.hot = hotColumns(db.columns)
	db.catalog.hot = db.hot
	if o.ReadOnly {
		return db, nil
	}
	if db.writer, err = newWriter(ctx, db); err != nil {
		return nil, err
	}
	if o.Retention != (Retention{}) {
		db.retain = newRetainer(db, o.Retention)
		db.retain.start()
	}
	return db, nil
}

// openCurrent opens the file that has the path. [Compact] can replace it between the moments at which DuckDB opens the
// old one and locks it, and what were written there would be lost.
func openCurrent(path string, settings map[string]string) (mapping.Database, error) {
	for {
		before, _ := os.Stat(path) // none yet: then nobody replaces it either
		duck, err := openDuck(path, settings)
		if err != nil {
			return duck, err
		}
		after, err := os.Stat(path)
		if before == nil || err == nil && os.SameFile(before, after) {
			return duck, nil
		}
		mapping.Close(&duck)
		if err != nil {
			return duck, fmt.Errorf("it was removed while it was opened: %w", err)
		}
	}
}

// temporaryFolder is where DuckDB puts what does not fit in memory, unless the options say otherwise.
func temporaryFolder(path string) string { return path + ".tmp" }

// removeTemporary removes what a killed process left of its temporary files. A folder that somebody named may hold
// other things.
func removeTemporary(o Options) {
	if o.TempDir == temporaryFolder(o.Path) {
		_ = os.RemoveAll(o.TempDir) // what cannot be removed is in nobody's way
	}
}

// settings are DuckDB's. Its extensions are never fetched from the network, and rows may come in any order, which lets
// it read with every thread.
func settings(o Options) map[string]string {
	s := map[string]string{
		"threads":                      strconv.Itoa(o.Threads),
		"memory_limit":                 o.MemoryLimit,
		"temp_directory":               o.TempDir,
		"preserve_insertion_order":     "false",
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"custom_user_agent":            "slowtoken",
	}
	if o.ReadOnly {
		s["access_mode"] = "READ_ONLY"
		return s
	}
	s["threads"] = writerThreads
	s["storage_compatibility_version"] = "latest"
	s["checkpoint_threshold"] = checkpointThreshold
	return s
}

// writerThreads is how many threads DuckDB has in a process that writes. Commits and checkpoints are made of so small tasks
// that handing them to other threads takes 40 % of their CPU time, and they are done later for it. Reads in that process
// scan with one thread, too, and decode with all.
const writerThreads = "1"

// checkpointThreshold is how large the write-ahead log grows before its rows are compressed into the file. Callers wait
// meanwhile, so it is smaller than what costs least: about 140,000 spans.
const checkpointThreshold = "64MiB"

// hotColumns returns the hot attributes that have a column. One without, in a database of another version, is found
// among the other attributes.
func hotColumns(columns []string) []hotColumn {
	have := map[string]bool{}
	for _, name := range columns {
		have[name] = true
	}
	var hot []hotColumn
	for _, h := range analyzer.HotAttributes {
		if have[columnName(h.Key)] {
			hot = append(hot, hotColumn{h, columnName(h.Key)})
		}
	}
	return hot
}

// Close waits for the readers, commits what was inserted, marks all of it as closed and lets go of the file. A second
// call does nothing.
func (db *DB) Close() error {
	db.mu.Lock()
	was := db.closed
	db.closed = true
	db.mu.Unlock()
	if was {
		return nil
	}
	var err error
	if db.retain != nil {
		db.retain.close()
	}
	if db.writer != nil {
		err = db.writer.close()
	}
	db.readers.Wait()
	mapping.Close(&db.duck)
	db.release()
	return err
}

// texts returns the first column of a query.
func (c *conn) texts(ctx context.Context, sql string, args ...any) ([]string, error) {
	var list []string
	err := c.each(ctx, func(ch chunk, row int) { list = append(list, ch.column(0).text(row)) }, sql, args...)
	return list, err
}
