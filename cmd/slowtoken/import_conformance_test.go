package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/storage"
)

// TestConformanceImport imports every recorded file into a database of its own and compares what is stored with what
// the recordings' manifest counts.
func TestConformanceImport(t *testing.T) {
	dir := os.Getenv("SLOWTOKEN_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "traces", "MANIFEST.json"))
	if err != nil {
		t.Skipf("no recorded traces (%v); set SLOWTOKEN_SHARED to the shared folder", err)
	}
	var files []struct {
		File          string
		Spans, Traces int64
	}
	if err := json.Unmarshal(manifest, &files); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, f := range files {
		db := filepath.Join(t.TempDir(), "one.db")
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), app{
			stdin: new(bytes.Buffer), stdout: &stdout, stderr: &stderr, now: time.Now,
			environ: []string{"HOME=" + t.TempDir(), "SLOWTOKEN_DB=" + db},
		}, []string{"import", filepath.Join(dir, "traces", f.File)})
		if f.Spans == 0 {
			if code != exitFailure {
				t.Errorf("%s: exit code %d, want a refusal: %s%s", f.File, code, &stdout, &stderr)
			}
			continue
		}
		if code != exitOK {
			t.Errorf("%s: exit code %d: %s", f.File, code, &stderr)
			continue
		}
		stored, err := storage.Open(t.Context(), storage.Options{Path: db, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		status, err := stored.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stored.Close(); err != nil {
			t.Fatal(err)
		}
		if status.Spans != f.Spans || status.Traces != f.Traces {
			t.Errorf("%s: %d spans of %d traces are stored, want %d of %d", f.File, status.Spans, status.Traces, f.Spans, f.Traces)
		}
		compared++
	}
	if compared == 0 {
		t.Error("the manifest counts no spans")
	}
	t.Logf("%d files stored in full, %d refused", compared, len(files)-compared)
}
