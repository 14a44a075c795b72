package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/duckdb/duckdb-go/v2/mapping"
	"go.uber.org/goleak"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestMain runs this binary as another process when a test asks for one.
func TestMain(m *testing.M) {
	if path := os.Getenv("SLOWTOKEN_TEST_WRITER"); path != "" {
		writeUntilKilled(path)
		return
	}
	if path := os.Getenv(compactEnv); path != "" {
		compactUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// A killedWriter says what the process of startWriter does, in its environment.
type killedWriter struct {
	Seed  uint64 // of its spans
	Batch int    // spans that it stores at once
	Limit int64  // of the database's size
}

const killedWriterEnv = "SLOWTOKEN_TEST_WRITER_OPTIONS"

// writeUntilKilled stores one batch after another, and prints how many spans were acknowledged.
func writeUntilKilled(path string) {
	var o killedWriter
	if err := json.Unmarshal([]byte(os.Getenv(killedWriterEnv)), &o); err != nil {
		panic(err)
	}
	db, err := Open(context.Background(), Options{Path: path, Retention: Retention{Size: o.Limit}})
	if err != nil {
		panic(err)
	}
	c := newCorpus(o.Seed)
	for n := 0; ; n += o.Batch {
		os.Stdout.WriteString(strconv.Itoa(n) + "\n")
		if err := db.Insert(context.Background(), c.spans(o.Batch), InsertOptions{}); err != nil {
			panic(err)
		}
	}
}

// startWriter runs another process that has the database open and stores spans, and waits for the first of them.
func startWriter(t *testing.T, path string, o killedWriter, acknowledged int) (kill func() int) {
	t.Helper()
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SLOWTOKEN_TEST_WRITER="+path, killedWriterEnv+"="+string(options))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text []byte
	last := func() int {
		lines := strings.Split(string(text[:bytes.LastIndexByte(text, '\n')+1]), "\n")
		if len(lines) < 2 {
			return 0
		}
		n, err := strconv.Atoi(lines[len(lines)-2])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	buf := make([]byte, 4096)
	for last() < acknowledged {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the writing process ended: %v", err)
		}
		text = append(text, buf[:n]...)
	}
	return func() int {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		for {
			n, err := out.Read(buf)
			text = append(text, buf[:n]...)
			if err != nil {
				break
			}
		}
		_ = cmd.Wait() // it was killed
		return last()
	}
}

// TestAcknowledgedSpansSurviveAKill: what was acknowledged before the process was killed is there, exactly; at most what
// was on its way then is there too.
func TestAcknowledgedSpansSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	acknowledged := startWriter(t, path, killedWriter{Seed: 9, Batch: 80}, 800)()
	want := newCorpus(9).spans(acknowledged + 80)
	db, err := Open(context.Background(), Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, db, Query{Columns: AllColumns})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if len(got) != acknowledged {
		sameSpans(t, got, want)
	} else {
		sameSpans(t, got, want[:acknowledged])
	}
	// The writer that opens it next goes on where the killed one stopped.
	again := openAt(t, path)
	insert(t, again, want[:80])
	sameSpans(t, read(t, again, Query{Columns: AllColumns}), append(got, want[:80]...))
}

func TestADatabaseOpenElsewhereIsLocked(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	kill := startWriter(t, path, killedWriter{Batch: 80}, 80)
	for _, readOnly := range []bool{false, true} {
		if _, err := Open(ctx, Options{Path: path, ReadOnly: readOnly}); !errors.Is(err, ErrLocked) {
			t.Errorf("read-only %t: %v, want ErrLocked", readOnly, err)
		}
	}
	kill()
	db := openAt(t, path)
	for _, readOnly := range []bool{false, true} {
		if _, err := Open(ctx, Options{Path: path, ReadOnly: readOnly}); !errors.Is(err, ErrLocked) {
			t.Errorf("in one process, read-only %t: %v, want ErrLocked", readOnly, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
}

func TestFilesThatCannotBeOpenedSayWhy(t *testing.T) {
	ctx := context.Background()
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made := filepath.Join(t.TempDir(), "made.duckdb")
	db := openAt(t, made)
	insert(t, db, newCorpus(1).spans(8000))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(content)
	for i := 4096; i < 3*4096; i++ {
		damaged[i] ^= 0x5a
	}
	foreign := filepath.Join(t.TempDir(), "foreign.duckdb")
	run(t, foreign, "CREATE TABLE things (n INTEGER)")
	newer := write("newer.duckdb", content)
	run(t, newer, "UPDATE meta SET value = '99' WHERE key = 'schema_version'", "UPDATE meta SET value = 'v9.9.9' WHERE key = 'written_by'")
	for _, c := range []struct {
		name, path string
		readOnly   bool
		want       error
		says       string
	}{
		{"missing", filepath.Join(t.TempDir(), "none.duckdb"), true, ErrNotExist, "import a file or start the server"},
		{"JSON", write("trace.json", []byte(`{"resourceSpans":[]}`)), false, ErrNotDatabase, "use analyze or import"},
		{"short", write("short.duckdb", []byte("abc")), false, ErrNotDatabase, "it has 3 bytes"},
		{"empty, read-only", write("empty.duckdb", nil), true, ErrNotDatabase, "it has 0 bytes"},
		{"damaged", write("damaged.duckdb", damaged), false, ErrNotDatabase, "restore it from a copy"},
		{"cut", write("cut.duckdb", content[:len(content)/2]), false, ErrNotDatabase, "restore it from a copy"},
		{"foreign", foreign, false, ErrForeign, `"things"`},
		{"newer", newer, false, ErrVersion, "written by slowtoken v9.9.9"},
		{"newer, read-only", newer, true, ErrVersion, "written by slowtoken v9.9.9"},
		{"folder", t.TempDir(), false, nil, "it is a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := Open(ctx, Options{Path: c.path, ReadOnly: c.readOnly})
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %q, want an error that is %q and says %q", err, c.want, c.says)
			}
		})
	}
}

// run executes statements on a database file, as another program would.
func run(t *testing.T, path string, statements ...string) {
	t.Helper()
	duck, err := openDuck(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mapping.Close(&duck)
	c, err := connect(duck)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, s := range statements {
		if err := c.exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestAnOlderSchemaIsBroughtUpToDate takes a database that knows no metrics yet, with a span in it.
func TestAnOlderSchemaIsBroughtUpToDate(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	list, err := steps(sqlFiles, "sql/ddl")
	if err != nil {
		t.Fatal(err)
	}
	const older = 6
	for _, s := range list[:older] {
		run(t, path, s.sql)
	}
	run(t, path,
		"INSERT INTO meta VALUES ('schema_version', '6'), ('written_by', 'v0.1.0')",
		"INSERT INTO resources VALUES (1, 'api', NULL, '{\"service.name\":\"api\"}', 0, NULL)",
		"INSERT INTO scopes VALUES (1, 'lib', NULL, NULL, 0, NULL)",
		`INSERT INTO spans (trace_id, span_id, start_ns, duration_ns, name, kind, status, flags, resource_id, scope_id, shape_id,
			dropped_attributes, dropped_events, dropped_links, received_at, bucket)
		VALUES ('01000000-0000-0000-0000-000000000001', 7, 10, 5, 'old', 1, 0, 0, 1, 1, 0, 0, 0, 0, 99, 3)`,
		"INSERT INTO trace_ranges VALUES ('01000000-0000-0000-0000-000000000001', 3, 10, 15, 1, 99, true)",
	)
	if _, err := Open(ctx, Options{Path: path, ReadOnly: true}); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "6 of 8") {
		t.Errorf("read-only: %v, want ErrVersion", err)
	}
	db := openAt(t, path)
	want := analyzer.Span{
		TraceID: analyzer.TraceID{1, 15: 1}, ID: analyzer.SpanID{7: 7}, Start: 10, End: 15, Name: "old", Kind: 1,
		Resource: &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("api")}}},
		Scope:    &analyzer.Scope{Name: "lib"},
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), []analyzer.Span{want})
	if err := db.InsertMetrics(ctx, []analyzer.MetricPoint{{Name: "m", Type: analyzer.MetricGauge}}); err != nil {
		t.Error(err)
	}
	insert(t, db, []analyzer.Span{want})
	status, err := db.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if status.SchemaVersion != len(list) || status.MetricPoints != 1 || status.Spans != 2 || len(db.writer.dict.resources.items) != 1 {
		t.Errorf("status %+v", status)
	}
}

// TestAFailedStepChangesNothing: the steps are one transaction.
func TestAFailedStepChangesNothing(t *testing.T) {
	ctx := context.Background()
	files := fstest.MapFS{}
	list, err := steps(sqlFiles, "sql/ddl")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		files["sql/ddl/"+s.name] = &fstest.MapFile{Data: []byte(s.sql)}
	}
	files["sql/view/v.sql"] = &fstest.MapFile{Data: []byte("CREATE OR REPLACE VIEW v AS SELECT 1")}
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	try := func() error {
		duck, err := openDuck(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer mapping.Close(&duck)
		c, err := connect(duck)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		return prepareSchema(ctx, c, files, false)
	}
	files["sql/ddl/0009_bad.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE more (n INTEGER); SELECT * FROM nowhere")}
	if err := try(); err == nil || !strings.Contains(err.Error(), "0009_bad.sql") {
		t.Fatalf("got %v", err)
	}
	files["sql/ddl/0009_bad.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE more (n INTEGER)")}
	if err := try(); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedOrReadOnlyDatabaseRefuses(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "deep", "down", "traces.duckdb")
	db := openAt(t, path)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Insert(ctx, traceOf(1, 0, 1), InsertOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("insert into a closed database: %v", err)
	}
	if _, err := db.Status(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("status of a closed database: %v", err)
	}
	reader, err := Open(ctx, Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.Insert(ctx, traceOf(1, 0, 1), InsertOptions{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("insert into a read-only database: %v", err)
	}
	sameSpans(t, read(t, reader, Query{}), nil)
}
