package storage

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// compactEnv has this test binary compact the database that it names; compactDieEnv names the step before which it kills
// itself.
const (
	compactEnv    = "SLOWTOKEN_TEST_COMPACT"
	compactDieEnv = "SLOWTOKEN_TEST_COMPACT_DIE"
)

func compactUntilKilled(path string) {
	_, err := Compact(context.Background(), Options{Path: path}, func(step string) {
		if step == os.Getenv(compactDieEnv) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		os.Stdout.WriteString(step + "\n")
	})
	if err != nil {
		panic(err)
	}
}

// swissDatabase makes a database of which much was removed, and returns what is left in it.
func swissDatabase(t *testing.T, path string) []analyzer.Span {
	t.Helper()
	db, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	c := newCorpus(7)
	insert(t, db, receivedAt(c.spans(125_000), 100)) // more than a row group
	left := receivedAt(c.spans(4000), 300)
	insert(t, db, left)
	if err := db.InsertMetrics(context.Background(), []analyzer.MetricPoint{{Name: "m", Type: analyzer.MetricGauge}}); err != nil {
		t.Fatal(err)
	}
	if err := newRetainer(db, Retention{}).removeUntil(context.Background(), 200); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return left
}

// holds checks that a database holds these spans and the point, and nothing lies beside it.
func holds(t *testing.T, path string, want []analyzer.Span) {
	t.Helper()
	db := openAt(t, path)
	defer db.Close()
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), want)
	status, err := db.Status(context.Background())
	if err != nil || status.MetricPoints != 1 || status.Spans != int64(len(want)) {
		t.Errorf("%+v, %v", status, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s is left beside the database", e.Name())
		}
	}
}

func TestCompactGivesSpaceBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's traces.duckdb")
	want := swissDatabase(t, path)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.duckdb")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	size := fileSize(path)
	done, err := Compact(context.Background(), Options{Path: link}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.Before != size || done.After != fileSize(path) || done.After > done.Before/2 || done.Spans != int64(len(want)) {
		t.Errorf("%+v of %d bytes, now %d", done, size, fileSize(path))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode became %v, %v", info, err)
	}
	holds(t, path, want)
	// What compact made is a database like any other: it can be written, read and compacted.
	db := openAt(t, path)
	more := newCorpus(8).spans(800)
	insert(t, db, more)
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), append(more, want...))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err = Compact(context.Background(), Options{Path: path}, nil); err != nil || done.Spans != int64(len(want)+800) {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestACompactionThatIsKilledLosesNothing at any of its steps, and at a moment within the copying.
func TestACompactionThatIsKilledLosesNothing(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.duckdb")
	want := swissDatabase(t, model)
	content, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{CompactOpening, CompactCopying, CompactChecking, CompactSwapping, CompactDone, "within"} {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "traces.duckdb")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			before := int64(len(content))
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), compactEnv+"="+path, compactDieEnv+"="+step)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if step == "within" {
				until(t, "the copy grows", func() bool { return fileSize(path+compactSuffix) > 0 })
				_ = cmd.Process.Kill() // or it has just ended: as good
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.Sys().(syscall.WaitStatus); step != "within" && !code.Signaled() {
				t.Fatalf("it ended with %v instead of being killed", code)
			}
			if after := fileSize(path); step == CompactDone && after > before/2 || step == CompactSwapping && after != before {
				t.Errorf("killed at %q the file has %d of %d bytes", step, after, before)
			}
			holds(t, path, want)
		})
	}
}

// TestCompactWaitsForNobody: an open database is refused, in this process and another, and a reader is in nobody's way.
func TestCompactWaitsForNobody(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	kill := startWriter(t, path, killedWriter{Batch: 80}, 80)
	if _, err := Compact(ctx, Options{Path: path}, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("open in another process: %v", err)
	}
	kill()
	db := openAt(t, path)
	if _, err := Compact(ctx, Options{Path: path}, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("open in this process: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Compact(ctx, Options{Path: filepath.Join(t.TempDir(), "none.duckdb")}, nil); !errors.Is(err, ErrNotExist) {
		t.Errorf("no database: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	if _, err := Compact(ctx, Options{Path: path}, nil); err == nil {
		t.Error("a compaction that was cancelled succeeded")
	}
	if fileSize(path+compactSuffix) != 0 {
		t.Error("a failed compaction leaves its copy")
	}
}
