package storage

import (
	stdcmp "cmp"
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
)

// openNew opens a new database that the test closes.
func openNew(t testing.TB) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "traces.duckdb"))
}

func openAt(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// A tester is a *testing.T, *testing.B or *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func insert(t tester, db *DB, spans []analyzer.Span) {
	t.Helper()
	if err := db.Insert(context.Background(), spans, InsertOptions{}); err != nil {
		t.Fatal(err)
	}
}

// read returns what q picks, in a fixed order.
func read(t tester, db *DB, q Query) []analyzer.Span {
	t.Helper()
	var all []analyzer.Span
	for spans, err := range db.Spans(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, spans...)
	}
	sortSpans(all)
	return all
}

func sortSpans(spans []analyzer.Span) {
	slices.SortStableFunc(spans, func(a, b analyzer.Span) int {
		return stdcmp.Or(a.TraceID.Compare(b.TraceID), a.ID.Compare(b.ID), stdcmp.Compare(a.Start, b.Start), stdcmp.Compare(a.Name, b.Name))
	})
}

// sameSpans compares two sets of spans in any order.
func sameSpans(t tester, got, want []analyzer.Span) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d spans, want %d", len(got), len(want))
	}
	got, want = slices.Clone(got), slices.Clone(want)
	sortSpans(got)
	sortSpans(want)
	for i := range got {
		if !got[i].Equal(&want[i]) {
			t.Fatalf("span %d of %d differs, - wanted, + got:\n%s", i, len(got), cmp.Diff(want[i], got[i], cmp.Comparer(analyzer.Value.Equal)))
		}
	}
}
