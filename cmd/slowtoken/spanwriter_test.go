package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// An insertFunc is a store that can only insert.
type insertFunc struct {
	store
	insert func(spans []analyzer.Span, o storage.InsertOptions) error
}

func (f insertFunc) Insert(_ context.Context, spans []analyzer.Span, o storage.InsertOptions) error {
	return f.insert(spans, o)
}

func numbered(from, to int) []analyzer.Span {
	var spans []analyzer.Span
	for i := from; i < to; i++ {
		spans = append(spans, analyzer.Span{Start: int64(i)})
	}
	return spans
}

func TestSpanWriterStoresEverythingOnceAndInOrder(t *testing.T) {
	var stored []analyzer.Span
	w := newSpanWriter(t.Context(), insertFunc{insert: func(spans []analyzer.Span, o storage.InsertOptions) error {
		if !o.Closed {
			t.Error("spans of files were stored as if more could come")
		}
		stored = append(stored, spans...)
		return nil
	}})
	const total = 3*spansPerCommit + 17
	for i := 0; i < total; i += 1000 {
		if err := w.add(numbered(i, min(i+1000, total))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if len(stored) != total {
		t.Fatalf("stored %d spans, want %d", len(stored), total)
	}
	for i := range stored {
		if stored[i].Start != int64(i) {
			t.Fatalf("span %d was stored at place %d", stored[i].Start, i)
		}
	}
}

func TestSpanWriterStopsAtTheFirstFailure(t *testing.T) {
	full, calls := errors.New("disk full"), 0
	w := newSpanWriter(t.Context(), insertFunc{insert: func([]analyzer.Span, storage.InsertOptions) error {
		calls++
		return full
	}})
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = w.add(numbered(0, spansPerCommit))
	}
	if !errors.Is(err, full) {
		t.Errorf("adding went on: %v", err)
	}
	if err := w.close(); !errors.Is(err, full) {
		t.Errorf("close says %v, want %v", err, full)
	}
	if calls != 1 {
		t.Errorf("the store was asked %d times", calls)
	}
}

func TestSpanWriterComesBackWhenTheServerIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		w := newSpanWriter(t.Context(), insertFunc{insert: func(spans []analyzer.Span, _ storage.InsertOptions) error {
			if calls++; calls < 4 {
				return fmt.Errorf("insert: %w", storage.ErrBusy)
			}
			return nil
		}})
		if err := w.add(numbered(0, 5)); err != nil {
			t.Fatal(err)
		}
		if err := w.close(); err != nil || calls != 4 {
			t.Errorf("after %d attempts: %v; want none, after 4", calls, err)
		}
	})
}
