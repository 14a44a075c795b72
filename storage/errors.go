package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// What can be wrong with a database, for [errors.Is].
var (
	// ErrLocked: another process has the file open, or this one does.
	ErrLocked = errors.New("the database is open elsewhere")

	// ErrNotExist: there is no such file, and it was to be read only.
	ErrNotExist = fs.ErrNotExist

	// ErrNotDatabase: the file is no DuckDB database, or is damaged.
	ErrNotDatabase = errors.New("the file is not a readable DuckDB database")

	// ErrForeign: it is a DuckDB database that slowtoken did not make.
	ErrForeign = errors.New("the DuckDB database was not made by slowtoken")

	// ErrVersion: its schema is newer than this slowtoken, or older and it may not be changed.
	ErrVersion = errors.New("the database has another schema version")

	// ErrBusy: more spans wait to be written than memory should hold. The caller may try again after a second.
	ErrBusy = errors.New("too many spans wait to be written; try again in a second")

	// ErrDiskFull: so little of the disk is free that nothing more is taken in. The caller may try again when there is room.
	ErrDiskFull = errors.New("the disk is full")

	// ErrNoMemory: DuckDB gave the database up because [Options.MemoryLimit] was too little for its checkpoint. What was
	// acknowledged is safe; the database has to be opened again, with more.
	ErrNoMemory = errors.New("the database has too little memory")

	// ErrReadOnly: the database was opened for reading only.
	ErrReadOnly = errors.New("the database was opened for reading only")

	// ErrClosed: the database was closed.
	ErrClosed = errors.New("the database is closed")
)

// opened are the paths that this process has open. DuckDB locks files between processes, but one process can open a file
// twice and damage it; closing any handle on the file would also drop the lock.
var opened = struct {
	sync.Mutex
	paths map[string]bool
}{paths: map[string]bool{}}

func claim(path string) (release func(), err error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(full); err == nil {
		full = real
	}
	opened.Lock()
	defer opened.Unlock()
	if opened.paths[full] {
		return nil, fmt.Errorf("%w, in this process", ErrLocked)
	}
	opened.paths[full] = true
	return func() {
		opened.Lock()
		defer opened.Unlock()
		delete(opened.paths, full)
	}, nil
}

// checkFile looks at the file before DuckDB does, to say plainly what is wrong with it.
func checkFile(o Options) error {
	f, err := os.Open(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.ReadOnly:
		return fmt.Errorf("%w: nothing was stored there yet; import a file or start the server, or name another --db", err)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return errors.New("it is a folder; name a file in it")
	}
	header := make([]byte, 12) // a checksum, then DuckDB's magic
	if n, err := io.ReadFull(f, header); err != nil {
		if n == 0 && errors.Is(err, io.EOF) && !o.ReadOnly {
			return nil // DuckDB makes a database of an empty file
		}
		return fmt.Errorf("%w: it has %d bytes", ErrNotDatabase, n)
	}
	if !bytes.Equal(header[8:], []byte("DUCK")) {
		return fmt.Errorf("%w: it starts with %q; was a trace file meant? then use analyze or import", ErrNotDatabase, header)
	}
	return nil
}

// openError finds out what DuckDB's words mean: its C API gives no error code for opening.
func openError(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "Could not set lock"):
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case strings.Contains(text, "Serialization Error"), strings.Contains(text, "checksum"), strings.Contains(text, "not a valid DuckDB"),
		strings.Contains(text, "Corrupt"), strings.Contains(text, "corrupt"), strings.Contains(text, "Could not read enough bytes"):
		return fmt.Errorf("%w: %w; move it away, or restore it from a copy", ErrNotDatabase, err)
	}
	return err
}
