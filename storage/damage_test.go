package storage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestADamagedLogIsToldOrCutAtItsLastCommit: a log whose end is missing, as after a crash of the machine, or is no log,
// gives the whole commits before the damage. One that is damaged in its middle is refused. Part of a commit is never read.
func TestADamagedLogIsToldOrCutAtItsLastCommit(t *testing.T) {
	ctx := context.Background()
	model := filepath.Join(t.TempDir(), "traces.duckdb")
	startWriter(t, model, killedWriter{Seed: 9, Batch: 80}, 800)()
	load := func(name string) []byte {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	file, log := load(model), load(model+".wal")
	garbage := bytes.Repeat([]byte("garbage!"), 1000)
	for _, c := range []struct {
		name string
		log  []byte
	}{
		{"its end is missing", log[:len(log)-100]},
		{"half of it is missing", log[:len(log)/2]},
		{"garbage behind it", append(bytes.Clone(log), garbage...)},
		{"garbage in it", overwritten(log, len(log)/2, garbage)},
		{"garbage instead", garbage},
		{"empty", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "traces.duckdb")
			for name, content := range map[string][]byte{path: file, path + ".wal": c.log} {
				if err := os.WriteFile(name, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			db, err := Open(ctx, Options{Path: path})
			if err != nil {
				if !errors.Is(err, ErrNotDatabase) || !strings.Contains(err.Error(), path) {
					t.Errorf("%v, want ErrNotDatabase with the path", err)
				}
				t.Logf("refused: %v", err)
				return
			}
			defer db.Close()
			got := read(t, db, Query{Columns: AllColumns})
			if len(got)%80 != 0 {
				t.Errorf("%d spans were read: part of a commit", len(got))
			}
			sameSpans(t, got, newCorpus(9).spans(len(got)))
			t.Logf("opened with %d spans", len(got))
		})
	}
}

// overwritten returns content with other in place of what is there from at on.
func overwritten(content []byte, at int, other []byte) []byte {
	content = bytes.Clone(content)
	copy(content[at:], other)
	return content
}

// readOnlyDiskEnv names a folder on a disk that can only be read.
const readOnlyDiskEnv = "SLOWTOKEN_TEST_READ_ONLY_DISK"

// TestADiskThatCanOnlyBeRead mounts one where no other process sees it, which needs Linux's user namespaces.
func TestADiskThatCanOnlyBeRead(t *testing.T) {
	if folder := os.Getenv(readOnlyDiskEnv); folder != "" {
		onReadOnlyDisk(t, filepath.Join(folder, "traces.duckdb"))
		return
	}
	model := t.TempDir()
	db := openAt(t, filepath.Join(model, "traces.duckdb"))
	insert(t, db, traceOf(1, 0, 10))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	const script = `mount -t tmpfs tmpfs "$1" && cp "$2"/traces.duckdb "$1" && mount -o remount,ro "$1"`
	if out, err := exec.Command("unshare", "-rm", "sh", "-c", script, "sh", folder, model).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: unshare: %v %s", err, out)
	}
	cmd := exec.Command("unshare", "-rm", "sh", "-c", script+` && exec "$3" -test.v -test.run '^TestADiskThatCanOnlyBeRead$'`, "sh", folder, model, os.Args[0])
	cmd.Env = append(os.Environ(), readOnlyDiskEnv+"="+folder)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

func onReadOnlyDisk(t *testing.T, path string) {
	ctx := context.Background()
	if _, err := Open(ctx, Options{Path: path}); err == nil || !strings.Contains(err.Error(), "Read-only file system") || !strings.Contains(err.Error(), path) {
		t.Errorf("open for writing: %v", err)
	}
	if _, err := Compact(ctx, Options{Path: path}, nil); err == nil || !strings.Contains(err.Error(), "Read-only file system") {
		t.Errorf("compact: %v", err)
	}
	reader, err := Open(ctx, Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	sameSpans(t, read(t, reader, Query{Columns: AllColumns}), traceOf(1, 0, 10))
}
