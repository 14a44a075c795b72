package storage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestReadersSeeWholeCommitsWhileWritersWrite: every read is a snapshot that holds at least what was acknowledged before
// it began, and each inserted batch entirely or not at all.
func TestReadersSeeWholeCommitsWhileWritersWrite(t *testing.T) {
	db := openNew(t)
	const writers, batches, size = 4, 12, 160
	var acknowledged atomic.Int64
	var working sync.WaitGroup
	for w := range writers {
		working.Go(func() {
			c := newCorpus(uint64(w))
			for range batches {
				if err := db.Insert(context.Background(), c.spans(size), InsertOptions{}); err != nil {
					t.Error(err)
				}
				acknowledged.Add(size)
			}
		})
	}
	stop := make(chan struct{})
	go func() {
		working.Wait()
		close(stop)
	}()
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		before := acknowledged.Load()
		n := int64(len(read(t, db, Query{Columns: AllColumns})))
		if n < before || n%size != 0 {
			t.Fatalf("a reader saw %d spans after %d were acknowledged in batches of %d", n, before, size)
		}
	}
	if n := len(read(t, db, Query{})); n != writers*batches*size {
		t.Errorf("%d spans, want %d", n, writers*batches*size)
	}
}

func TestAReaderMayStopEarly(t *testing.T) {
	db := openNew(t)
	insert(t, db, newCorpus(1).spans(40_000))
	for range 5 {
		for spans, err := range db.Spans(context.Background(), Query{Columns: AllColumns}) {
			if err != nil || len(spans) == 0 {
				t.Fatal(len(spans), err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	for _, err := range db.Spans(ctx, Query{}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last batch of a cancelled read came with %v", last)
	}
}

func TestAFullQueueSaysBusy(t *testing.T) {
	db := openNew(t)
	w := db.writer
	w.queued.Add(maxQueued) // as if so many were waiting
	if err := db.Insert(context.Background(), traceOf(1, 0, 1), InsertOptions{}); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	w.queued.Add(-maxQueued)
	// A single batch larger than the queue is taken when nothing else waits.
	insert(t, db, newCorpus(1).spans(maxQueued+8))
	if left := w.queued.Load(); left != 0 {
		t.Errorf("%d spans are still counted as queued", left)
	}
}

// TestAFailedTransactionRefusesNobodyElse: a batch that cannot be stored fails alone, and what it added to the
// dictionaries is forgotten.
func TestAFailedTransactionRefusesNobodyElse(t *testing.T) {
	db := openNew(t)
	w := db.writer
	good, bad := &job{spans: traceOf(1, 0, 1), answer: make(chan error, 1)}, &job{spans: traceOf(2, 0, 1), answer: make(chan error, 1)}
	bad.spans[0].Resource = &analyzer.Resource{SchemaURL: "of the bad batch"}
	bad.spans[1].Attributes = analyzer.Attributes{{Key: "x", Value: analyzer.Int(1)}}
	fail := errors.New("cannot be stored")
	w.append = func(batch []*job, now int64) error {
		err := w.appendBatch(batch, now)
		if slices.Contains(batch, bad) {
			return fail
		}
		return err
	}
	w.queued.Add(4)
	w.write([]*job{good, bad})
	if err := <-good.answer; err != nil {
		t.Error(err)
	}
	if err := <-bad.answer; !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	w.append = w.appendBatch
	other := traceOf(3, 0, 1)
	other[0].Resource = &analyzer.Resource{SchemaURL: "of another batch"}
	insert(t, db, other)
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), append(good.spans, other...))
}

func TestStatusSaysWhatIsThere(t *testing.T) {
	db := openNew(t)
	empty, err := db.Status(context.Background())
	if err != nil || empty.Spans != 0 || empty.First != 0 || len(empty.Services) != 0 {
		t.Errorf("%+v, %v", empty, err)
	}
	before := time.Now().UnixNano()
	insert(t, db, newCorpus(1).spans(1600))
	got, err := db.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got.Spans != 1600 || got.Traces != 200 || got.First != corpusStart || got.Last <= got.First || got.LastReceived < before {
		t.Errorf("%+v", got)
	}
	if got.FileBytes == 0 || got.LogBytes == 0 || got.SchemaVersion != 8 || got.Path != db.options.Path {
		t.Errorf("%+v", got)
	}
	if len(got.Services) != 2 || got.Services[0].Spans+got.Services[1].Spans != 1600 || len(got.Names) != 8 || got.Names[0].Spans != 200 {
		t.Errorf("services %v, names %v", got.Services, got.Names)
	}
}
