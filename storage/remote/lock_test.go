package remote

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/storage"
)

func TestTheSocketIsForItsOwnerOnly(t *testing.T) {
	short := t.TempDir()
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", short)
	for name, database := range map[string]string{
		"beside the database": filepath.Join(short, "a.duckdb"),
		"path too long":       filepath.Join(long, "a.duckdb"),
	} {
		listener, err := Listen(database)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		path := listener.Addr().String()
		info, err := os.Stat(path)
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%s: the socket %s has mode %v, %v", name, path, info.Mode(), err)
		}
		if name == "beside the database" && path != database+".sock" {
			t.Errorf("the socket is at %s", path)
		}
		if err := listener.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(short, "*")); len(left) != 0 {
			t.Errorf("%s: closing leaves %v", name, left)
		}
		if left, _ := os.ReadDir(long); len(left) != 0 {
			t.Errorf("%s: closing leaves %v", name, left)
		}
	}
}

func TestASocketThatADeadServerLeftIsReplaced(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	if err := os.WriteFile(database+".sock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(database)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if info, err := os.Stat(database + ".sock"); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
}

func TestLockFile(t *testing.T) {
	folder := t.TempDir()
	database := filepath.Join(folder, "a.duckdb")
	if _, found := Locate(database); found {
		t.Error("a server is found without a lock file")
	}
	remove, err := WriteLock(database, Info{Socket: "/run/s", Version: "1.2.3", GRPC: "127.0.0.1:4317"})
	if err != nil {
		t.Fatal(err)
	}
	info, found := Locate(database)
	if !found || info.PID != os.Getpid() || info.Socket != "/run/s" || info.Version != "1.2.3" || info.Protocol != Protocol || info.GRPC != "127.0.0.1:4317" || info.Started.IsZero() {
		t.Errorf("found=%v %+v", found, info)
	}
	if mode, err := os.Stat(LockPath(database)); err != nil || mode.Mode() != 0o600 {
		t.Errorf("the lock file has mode %v, %v", mode.Mode(), err)
	}

	removeNext, err := WriteLock(database, Info{Socket: "/run/next"})
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if info, found := Locate(database); !found || info.Socket != "/run/next" {
		t.Errorf("an earlier owner removed the lock of a later one: found=%v %+v", found, info)
	}
	if err := removeNext(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}

	for _, damage := range []string{"", "{", "null", `{"pid":1}`} {
		if err := os.WriteFile(LockPath(database), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found := Locate(database); found {
			t.Errorf("a server is found in %q", damage)
		}
	}
}

func TestOpenFindsTheServerOrTheFile(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	options := storage.Options{Path: database}
	db, err := storage.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(database)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- Serve(ctx, listener, db, "1") }()
	if _, err := WriteLock(database, Info{Socket: listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}

	link := filepath.Join(t.TempDir(), "link.duckdb")
	if err := os.Symlink(database, link); err != nil {
		t.Fatal(err)
	}
	want := exampleSpans(100)
	for _, path := range []string{database, link} {
		store, err := Open(t.Context(), storage.Options{Path: path}, "1")
		if err != nil {
			t.Fatal(err)
		}
		if _, through := store.(*Client); !through {
			t.Fatalf("%s: a %T, want a client of the server", path, store)
		}
		if path == database {
			if err := store.Insert(t.Context(), want, storage.InsertOptions{Closed: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	store, err := Open(t.Context(), options, "1") // the lock file is still there, as after kill -9
	if err != nil {
		t.Fatal(err)
	}
	if _, file := store.(*storage.DB); !file {
		t.Fatalf("without a server: a %T, want the file", store)
	}
	got, err := collect(store.Spans(t.Context(), storage.Query{Columns: storage.AllColumns}))
	if err != nil || len(got) != len(want) {
		t.Errorf("%d spans, %v; want %d", len(got), err, len(want))
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func TestALockedFileWithoutServerIsExplained(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	db, err := storage.Open(t.Context(), storage.Options{Path: database})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for want, lock := range map[string]bool{"no slowtoken server": false, "does not answer": true} {
		if lock {
			if _, err := WriteLock(database, Info{Socket: database + ".gone"}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := openWithin(t.Context(), storage.Options{Path: database}, "1", 0)
		if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), want) {
			t.Errorf("lock file %v: %v", lock, err)
		}
		_ = os.Remove(LockPath(database))
	}
}

// TestALockFileFromTheFuture: a server that was killed before the clock was set back left it. Whether a server lives is
// told by its answer and by DuckDB's lock, never by a time.
func TestALockFileFromTheFuture(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	data, err := json.Marshal(Info{
		PID: os.Getpid(), Socket: database + ".sock", Protocol: Protocol, Version: "test", Started: time.Now().Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(LockPath(database), data, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := openWithin(t.Context(), storage.Options{Path: database}, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, file := store.(*storage.DB); !file {
		t.Errorf("a %T, want the file", store)
	}
	remove, err := WriteLock(database, Info{Socket: database + ".sock"})
	if err != nil {
		t.Fatal(err)
	}
	if info, found := Locate(database); !found || info.Started.After(time.Now()) {
		t.Errorf("the lock file still says %+v", info)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
}
