package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/storage"
)

// While another program writes to the database, a command waits, says for whom, and then goes on.
func TestACommandWaitsForTheWriterAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	c := newConfig(func(string) string { return dir })
	c.DB = filepath.Join(dir, "x.db")
	writer, err := storage.Open(t.Context(), storage.Options{Path: c.DB})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	c.waiting = func(db, holder string) {
		told <- holder + " has " + db
		if err := writer.Close(); err != nil {
			t.Error(err)
		}
	}
	db, err := openStore(t.Context(), c, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	select {
	case got := <-told:
		if want := "another program has " + c.DB; got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	case <-time.After(time.Minute):
		t.Error("waited in silence")
	}
}

// A file that was written to just now and is no database is refused without blaming another program.
func TestAFileThatIsNoDatabaseIsHeldByNobody(t *testing.T) {
	dir := t.TempDir()
	c := newConfig(func(string) string { return dir })
	c.DB = filepath.Join(dir, "x.db")
	if err := os.WriteFile(c.DB, []byte("no database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.waiting = func(_, holder string) { t.Errorf("said that %s has it open", holder) }
	if _, err := openStore(t.Context(), c, true); !errors.Is(err, storage.ErrNotDatabase) {
		t.Errorf("got %v", err)
	}
}

func TestLockHolderIsNamed(t *testing.T) {
	if got := lockHolder(storage.ErrLocked); got != "another program" {
		t.Errorf("got %q", got)
	}
	words := `IO Error: Could not set lock on file "/d/x.db": Conflicting lock is held in /usr/bin/duckdb (PID 123). See also`
	if got := lockHolder(usageError("%s", words)); !strings.Contains(got, "duckdb (pid 123)") {
		t.Errorf("got %q", got)
	}
}
