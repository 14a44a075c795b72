package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// serveEnv makes this test binary a server for the database that it names.
const serveEnv = "SLOWTOKEN_REMOTE_TEST_DATABASE"

func TestMain(m *testing.M) {
	if database := os.Getenv(serveEnv); database != "" {
		if err := serveProcess(database); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serveProcess(database string) error {
	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Options{Path: database})
	if err != nil {
		return err
	}
	listener, err := Listen(database)
	if err != nil {
		return err
	}
	if _, err := WriteLock(database, Info{Socket: listener.Addr().String(), Version: "test"}); err != nil {
		return err
	}
	fmt.Println("listening")
	return Serve(ctx, listener, db, "test")
}

// startProcess starts a server in a process of its own and returns the function that kills it, as kill -9 does.
func startProcess(t *testing.T, database string) (kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serveEnv+"="+database)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dead := false
	kill = func() {
		if !dead {
			dead = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // of a killed process: always an error
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Fatalf("the server says %q, %v", line, err)
	}
	return kill
}

func sortSpans(spans []analyzer.Span) []analyzer.Span {
	slices.SortFunc(spans, func(a, b analyzer.Span) int {
		if c := a.TraceID.Compare(b.TraceID); c != 0 {
			return c
		}
		return a.ID.Compare(b.ID)
	})
	return spans
}

// TestKilledServer reads through a server in another process, kills it in the middle of an answer, and reads the same
// spans from the file, lock file and socket of the dead server notwithstanding.
func TestKilledServer(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	kill := startProcess(t, database)
	store, err := Open(t.Context(), storage.Options{Path: database}, "test")
	if err != nil {
		t.Fatal(err)
	}
	client, through := store.(*Client)
	if !through {
		t.Fatalf("a %T, want a client of the server", store)
	}
	want := exampleSpans(60_000)
	for i := range want {
		want[i].Attributes = append(want[i].Attributes, analyzer.Attribute{Key: "own", Value: analyzer.Array([]analyzer.Value{analyzer.Int(int64(i))})})
		want[i].ReceivedAt = 1_700_000_000_000_000_000
	}
	if err := client.Insert(t.Context(), want, storage.InsertOptions{Closed: true}); err != nil {
		t.Fatal(err)
	}
	sortSpans(want)

	got := map[storage.Columns][]analyzer.Span{}
	for _, columns := range []storage.Columns{storage.AnalysisColumns, storage.AllColumns} {
		if got[columns], err = collect(client.Spans(t.Context(), storage.Query{Columns: columns})); err != nil {
			t.Fatal(err)
		}
		sortSpans(got[columns])
	}
	if err := sameSpans(got[storage.AllColumns], want); err != nil {
		t.Fatal(err)
	}

	batches := 0
	for _, err = range client.Spans(t.Context(), storage.Query{Columns: storage.AllColumns}) {
		if batches++; batches == 1 {
			kill()
		}
	}
	if err == nil {
		t.Errorf("a server killed in the middle of an answer leaves no error after %d batches", batches)
	}
	if _, err := client.Status(t.Context()); err == nil {
		t.Error("a dead server answers")
	}
	_ = client.Close()

	store, err = Open(t.Context(), storage.Options{Path: database}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, file := store.(*storage.DB); !file {
		t.Fatalf("a %T, want the file", store)
	}
	defer store.Close()
	for columns, through := range got {
		direct, err := collect(store.Spans(t.Context(), storage.Query{Columns: columns}))
		if err == nil {
			err = sameSpans(sortSpans(direct), through)
		}
		if err != nil {
			t.Errorf("columns %d: straight from the file and through the socket differ: %v", columns, err)
		}
	}
}

func TestAForeignOwnerInAnotherProcess(t *testing.T) {
	database := filepath.Join(t.TempDir(), "a.duckdb")
	startProcess(t, database)
	if err := os.Remove(LockPath(database)); err != nil {
		t.Fatal(err)
	}
	if _, err := openWithin(t.Context(), storage.Options{Path: database}, "test", 0); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a file that another process owns: %v", err)
	}
}
