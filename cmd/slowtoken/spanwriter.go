package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/storage"
)

// spansPerCommit is what is stored at once: a commit costs a disk flush whatever its size.
const spansPerCommit = 32 << 10

// A spanWriter stores in the background, so that reading goes on meanwhile.
type spanWriter struct {
	ctx     context.Context // over when storing failed, with the failure as its cause
	cancel  context.CancelCauseFunc
	db      store
	pending []analyzer.Span
	batches chan []analyzer.Span
	done    chan struct{}
}

func newSpanWriter(ctx context.Context, db store) *spanWriter {
	w := &spanWriter{db: db, batches: make(chan []analyzer.Span), done: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	go func() {
		defer close(w.done)
		for batch := range w.batches {
			if w.ctx.Err() != nil {
				continue // what is left is let go
			}
			err := untilStored(w.ctx, func() error { return db.Insert(w.ctx, batch, closedTraces) })
			if err != nil {
				w.cancel(fmt.Errorf("%s: %w", plural(len(batch), "span"), err))
			}
		}
	}()
	return w
}

// add takes spans over. It fails when earlier ones could not be stored.
func (w *spanWriter) add(spans []analyzer.Span) error {
	w.pending = append(w.pending, spans...)
	if len(w.pending) < spansPerCommit {
		return w.failed()
	}
	return w.flush()
}

func (w *spanWriter) flush() error {
	if len(w.pending) > 0 {
		w.batches <- w.pending
		w.pending = nil
	}
	return w.failed()
}

func (w *spanWriter) addPoints(points []analyzer.MetricPoint) error {
	err := untilStored(w.ctx, func() error { return w.db.InsertMetrics(w.ctx, points) })
	if err != nil {
		return fmt.Errorf("%s: %w", plural(len(points), "metric point"), err)
	}
	return nil
}

// busyPause is how long to wait while the database has too much to write.
const busyPause = time.Second

// untilStored calls insert again while the database has too much to write already, as a server under load can.
func untilStored(ctx context.Context, insert func() error) error {
	for {
		err := insert()
		if !errors.Is(err, storage.ErrBusy) {
			return err
		}
		if err := pause(ctx, busyPause); err != nil {
			return err
		}
	}
}

func (w *spanWriter) failed() error { return context.Cause(w.ctx) }

// close stores what is left and returns why not everything could be.
func (w *spanWriter) close() error {
	_ = w.flush() // its failure is the cause that is returned below
	close(w.batches)
	<-w.done
	err := context.Cause(w.ctx)
	w.cancel(nil)
	return err
}
