package storage

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestADiskThatIsNearlyFullRefusesSpans and takes them again once there is room; reading goes on meanwhile.
func TestADiskThatIsNearlyFullRefusesSpans(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	insert(t, db, traceOf(1, 0, 10))
	w := db.writer
	set := func(free uint64) {
		if err := w.between(ctx, func() error { w.free = func() (uint64, error) { return free, nil }; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set(minFree - 1)
	err := db.Insert(ctx, traceOf(2, 0, 10), InsertOptions{})
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "127 MiB are free") {
		t.Errorf("got %v, want ErrDiskFull", err)
	}
	if err := db.InsertMetrics(ctx, []analyzer.MetricPoint{{Name: "m", Type: analyzer.MetricGauge}}); !errors.Is(err, ErrDiskFull) {
		t.Errorf("got %v, want ErrDiskFull", err)
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), traceOf(1, 0, 10))
	set(minFree)
	insert(t, db, traceOf(2, 0, 10))
}

// tinyDiskEnv names a folder on a disk of tinyDisk, where a file called filler takes some of it.
const (
	tinyDiskEnv = "SLOWTOKEN_TEST_TINY_DISK"
	tinyDisk    = "100m"
)

// TestAFullDiskLosesNothing fills a disk of its own, with the guard against it off: as when something else fills it just
// then. It mounts that disk where no other process sees it, which needs Linux's user namespaces.
func TestAFullDiskLosesNothing(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size="+tinyDisk, "tmpfs", folder).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here (unshare: %v %s); TestADiskThatIsNearlyFullRefusesSpans runs everywhere", err, out)
	}
	for _, c := range []struct{ name, filler, test string }{
		{"in a commit", "80M", "TestTinyDiskCommit"},
		{"in a checkpoint", "30M", "TestTinyDiskCheckpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := `mount -t tmpfs -o size=` + tinyDisk + ` tmpfs "$1" && head -c ` + c.filler + ` /dev/zero > "$1/filler" && exec "$2" -test.v -test.run "^$3\$"`
			cmd := exec.Command("unshare", "-rm", "sh", "-c", script, "sh", folder, os.Args[0], c.test)
			cmd.Env = append(os.Environ(), tinyDiskEnv+"="+folder)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+c.test) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// fill stores spans on the tiny disk until one batch is refused, and returns what was stored before.
func fill(t *testing.T) (db *DB, stored []analyzer.Span, refused error) {
	t.Helper()
	folder := os.Getenv(tinyDiskEnv)
	if folder == "" {
		t.Skip("TestAFullDiskLosesNothing runs this on a disk of its own")
	}
	db, err := Open(context.Background(), Options{Path: filepath.Join(folder, "traces.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	w := db.writer
	if err := w.between(context.Background(), func() error { w.free = func() (uint64, error) { return minFree, nil }; return nil }); err != nil {
		t.Fatal(err)
	}
	for c := newCorpus(11); ; {
		spans := c.spans(8000)
		if refused = db.Insert(context.Background(), spans, InsertOptions{}); refused != nil {
			return db, stored, refused
		}
		if stored = append(stored, spans...); len(stored) > 400_000 {
			t.Fatal("the disk does not fill")
		}
	}
}

// TestTinyDiskCommit: a commit that finds no room fails alone; once there is room, the next one succeeds.
func TestTinyDiskCommit(t *testing.T) {
	db, stored, refused := fill(t)
	if !strings.Contains(refused.Error(), "No space left on device") {
		t.Errorf("the refusal does not say why: %v", refused)
	}
	if len(stored) == 0 {
		t.Fatal("nothing was stored")
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), stored)
	if err := os.Remove(filepath.Join(os.Getenv(tinyDiskEnv), "filler")); err != nil {
		t.Fatal(err)
	}
	more := newCorpus(12).spans(800)
	insert(t, db, more)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, db.options.Path)
	sameSpans(t, read(t, again, Query{Columns: AllColumns}), append(stored, more...))
}

// TestTinyDiskCheckpoint: DuckDB gives up a database whose checkpoint finds no room. That is told, and what was
// acknowledged is there when it is opened again, even before there is room.
func TestTinyDiskCheckpoint(t *testing.T) {
	db, stored, refused := fill(t)
	select {
	case err := <-db.Failed():
		if !strings.Contains(err.Error(), "No space left on device") {
			t.Errorf("the failure does not say why: %v", err)
		}
	default:
		t.Fatalf("the disk did not fill in a checkpoint: %v", refused)
	}
	_ = db.Close() // DuckDB refuses that too
	reader, err := Open(context.Background(), Options{Path: db.options.Path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, reader, Query{})
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	// The batch whose checkpoint failed was committed before it, though its caller was told otherwise: nothing that was
	// acknowledged is missing, and a retry makes a copy at most.
	if extra := len(got) - len(stored); extra != 0 && extra != 8000 {
		t.Fatalf("%d spans are there, %d were acknowledged", len(got), len(stored))
	}
	there := map[analyzer.SpanID]int{}
	for i := range got {
		there[got[i].ID]++
	}
	for i := range stored {
		if there[stored[i].ID] != 1 {
			t.Fatalf("span %s is there %d times", stored[i].ID, there[stored[i].ID])
		}
	}
}

// TestADatabaseThatRanOutOfMemorySaysSo has DuckDB's words for a checkpoint that found its memory too small, as a server
// with 64 MB heard them after a minute under load.
func TestADatabaseThatRanOutOfMemorySaysSo(t *testing.T) {
	db := openNew(t)
	if err := db.writer.told(errors.New("TransactionContext Error: Failed to commit: failed to pin block of size 256.0 KiB (23.9 MiB/24.0 MiB used)")); errors.Is(err, ErrNoMemory) {
		t.Error("a commit that failed alone is taken for the end of the database")
	}
	err := db.writer.told(errors.New("FATAL Error: Failed to create checkpoint because of error: failed to pin block of size 256.0 KiB (61.0 MiB/61.0 MiB used)"))
	select {
	case failure := <-db.Failed():
		if !errors.Is(failure, ErrNoMemory) || !errors.Is(err, ErrNoMemory) {
			t.Errorf("the database says that it failed with %v, want ErrNoMemory", failure)
		}
	default:
		t.Error("the database does not say that it failed")
	}
}
