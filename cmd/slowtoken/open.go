package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/slowtoken/slowtoken/storage"
	"github.com/slowtoken/slowtoken/storage/remote"
)

// A store is where spans are: a database file, or the server that owns it. Both give the same answers.
type store = remote.Store

// closedTraces says of spans from files that their traces are whole: nothing is waited for.
var closedTraces = storage.InsertOptions{Closed: true}

// lockPatience is how long a command waits for another one that has the database open, such as a long import. The
// person who waits is told, and can give up.
const lockPatience = 10 * time.Minute

// openStore opens the database that c names: through the server that owns it, if there is one, else the file. With
// readOnly the file must exist, and several commands can have it open at once. While another command writes to the
// file, it waits.
func openStore(ctx context.Context, c *config, readOnly bool) (store, error) {
	if err := c.checkDB(); err != nil {
		return nil, err
	}
	if !readOnly {
		if err := makeDataDir(c.DB); err != nil {
			return nil, withHint(fmt.Errorf("make the folder of the database: %w", err), "name another place with --db or SLOWTOKEN_DB")
		}
	}
	var db store
	err := whileLocked(ctx, c, func() (err error) {
		db, err = remote.Open(ctx, storage.Options{Path: c.DB, ReadOnly: readOnly, MemoryLimit: c.MemoryLimit}, buildVersion())
		return err
	})
	if readOnly && errors.Is(err, storage.ErrNotExist) {
		return nil, &exitError{code: exitNoData, err: err}
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// whileLocked calls open until it no longer finds the database of c open elsewhere, or lockPatience is over.
func whileLocked(ctx context.Context, c *config, open func() error) error {
	start, told := time.Now(), c.waiting == nil
	for {
		err := open()
		waited := time.Since(start)
		beingMade := errors.Is(err, storage.ErrNotDatabase) && waited < creationTime && changedWithin(c.DB, creationTime)
		if !errors.Is(err, storage.ErrLocked) && !beingMade {
			return err
		}
		// A file that looks like no database because it is new may also just be none: then nobody has it open.
		if waited > time.Second && !told && errors.Is(err, storage.ErrLocked) {
			c.waiting(c.DB, lockHolder(err))
			told = true
		}
		if waited > lockPatience {
			return withHint(err, "%s has had it open for %s; end it, or name another database with --db", lockHolder(err), lockPatience)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

var lockedBy = regexp.MustCompile(`held in (\S+) \(PID (\d+)\)`)

// lockHolder names the program that has the database open, as far as DuckDB's words tell.
func lockHolder(err error) string {
	if m := lockedBy.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("%s (pid %s)", filepath.Base(m[1]), m[2])
	}
	return "another program"
}

// creationTime is how long a database that another command is making may look like none.
const creationTime = 2 * time.Second

// changedWithin reports whether the file at path was written to within the last d.
func changedWithin(path string, d time.Duration) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) < d
}

// pause waits for d or the end of ctx, and says which.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// checkDB refuses to go on without the path of a database, which a user without a home does not have by default.
func (c *config) checkDB() error {
	if c.DB == "" {
		return withHint(usageError("no database: there is no home directory to keep one in"), "name one with --db or SLOWTOKEN_DB")
	}
	return nil
}

// makeDataDir makes the folder of a database, for its owner only.
func makeDataDir(db string) error {
	privateFiles()
	return os.MkdirAll(filepath.Dir(db), 0o700)
}
