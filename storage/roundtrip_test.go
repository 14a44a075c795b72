package storage

import "testing"

func TestSpansComeBackExactly(t *testing.T) {
	db := openNew(t)
	want := newCorpus(1).spans(20_000)
	insert(t, db, want)
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), want)
}
