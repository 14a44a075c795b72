package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Retention says what is removed from a database while it is open for writing: whole traces and metric points, those
// that were received first. The zero value keeps everything.
type Retention struct {
	// Age is how long a trace is kept after the last of its spans was received, and a metric point after it was. The
	// removal may come up to a hundredth of it later.
	Age time.Duration

	// Size is how many bytes the blocks in use and the write-ahead log may take. Above it the oldest are removed, and
	// their blocks are used again. The file itself does not shrink: see [Compact].
	Size int64
}

// Removed counts what retention removed since the database was opened.
type Removed struct {
	Traces, Spans, Points int64
	Failure               string // why the last attempt failed; empty when it did not
}

const (
	// namedAtOnce bounds the traces that retention holds in memory.
	namedAtOnce = 100_000

	// removalTime is what one removal should take, because callers wait for their commits meanwhile.
	removalTime = 25 * time.Millisecond

	// Removals have this many spans; their size follows the time that they take.
	smallestRemoval, firstRemoval, largestRemoval = 1000, 4000, 64_000

	// checkpointAfter is how many removed rows make a checkpoint worth its wait: row groups give their blocks back then.
	checkpointAfter = 1_000_000

	// keptOfSize is what a removal by size leaves of it, so that the next one is not due at once.
	keptOfSize = 0.95
)

// A retainer removes what is too old or too much, in steps between the transactions of callers.
type retainer struct {
	db     *DB
	policy Retention
	now    func() time.Time
	stop   context.CancelFunc
	done   chan struct{}

	step      int // spans in the next removal
	unflushed int64

	mu      sync.Mutex
	removed Removed
}

func newRetainer(db *DB, policy Retention) *retainer {
	return &retainer{db: db, policy: policy, now: time.Now, step: firstRemoval, stop: func() {}, done: make(chan struct{})}
}

// start removes in the background until close.
func (r *retainer) start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.run(ctx)
}

func (r *retainer) close() {
	r.stop()
	<-r.done
}

func (r *retainer) run(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var aged time.Time
	for {
		var errs []error
		if now := r.now(); r.policy.Age > 0 && (now.Sub(aged) >= r.policy.Age/100 || now.Before(aged)) {
			aged = now
			errs = append(errs, r.removeUntil(ctx, now.Add(-r.policy.Age).UnixNano()))
		}
		if r.policy.Size > 0 {
			errs = append(errs, r.fit(ctx))
		}
		if ctx.Err() != nil {
			return
		}
		r.count(func(to *Removed) {
			to.Failure = ""
			if err := errors.Join(errs...); err != nil {
				to.Failure = err.Error()
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (r *retainer) count(add func(*Removed)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.removed)
}

// Removed returns what retention removed since the database was opened.
func (db *DB) Removed() Removed {
	if db.retain == nil {
		return Removed{}
	}
	return db.retain.soFar()
}

func (r *retainer) soFar() Removed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed
}

// errFull: nothing is left to remove.
var errFull = errors.New("the database is larger than its limit although it holds no traces or points: raise the limit")

// fit removes the oldest until what the database takes is within the limit. Blocks come back with a checkpoint, so it
// makes one after each part.
func (r *retainer) fit(ctx context.Context) error {
	for {
		taken, err := r.db.taken(ctx)
		if err != nil || taken <= r.policy.Size {
			return err
		}
		share := 1 - keptOfSize*float64(r.policy.Size)/float64(taken)
		cutoff, any, err := r.db.oldest(ctx, share)
		if err != nil {
			return err
		}
		if !any {
			return errFull
		}
		if err := r.removeUntil(ctx, cutoff); err != nil {
			return err
		}
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
	}
}

// removeUntil removes the traces and points of which all was received at or before cutoff.
func (r *retainer) removeUntil(ctx context.Context, cutoff int64) error {
	w := r.db.writer
	defer func() { _ = w.between(context.WithoutCancel(ctx), func() error { w.touched = nil; return nil }) }() // ErrClosed: no matter
	for {
		// From now on the writer notes which traces grow: these are no longer what was looked at.
		err := w.between(ctx, func() error { w.touched = map[analyzer.TraceID]struct{}{}; return nil })
		if err != nil {
			return err
		}
		list, err := r.db.removable(ctx, cutoff, namedAtOnce)
		if err != nil {
			return err
		}
		if err := r.removeTraces(ctx, list, cutoff); err != nil {
			return err
		}
		if len(list) < namedAtOnce {
			return r.removePoints(ctx, cutoff)
		}
	}
}

// A removableTrace is a trace that may go, and how many spans it has.
type removableTrace struct {
	id    analyzer.TraceID
	spans int64
}

func (r *retainer) removeTraces(ctx context.Context, list []removableTrace, cutoff int64) error {
	for len(list) > 0 {
		n, spans := 0, int64(0)
		for n < len(list) && (n == 0 || spans+list[n].spans <= int64(r.step)) {
			spans += list[n].spans
			n++
		}
		var traces, gone int64
		took, err := r.paced(ctx, func() (err error) {
			traces, gone, err = r.db.writer.removeTraces(list[:n], cutoff)
			return err
		})
		if err != nil {
			return err
		}
		list = list[n:]
		r.count(func(to *Removed) { to.Traces += traces; to.Spans += gone })
		switch {
		case took > removalTime && r.step > smallestRemoval:
			r.step = max(r.step/2, smallestRemoval)
		case took < removalTime/2 && r.step < largestRemoval:
			r.step = min(r.step*2, largestRemoval)
		}
		if err := r.flush(ctx, gone+traces); err != nil {
			return err
		}
	}
	return nil
}

func (r *retainer) removePoints(ctx context.Context, cutoff int64) error {
	for {
		var gone int64
		_, err := r.paced(ctx, func() (err error) {
			gone, err = r.db.writer.removePoints(cutoff)
			return err
		})
		if err != nil {
			return err
		}
		r.count(func(to *Removed) { to.Points += gone })
		if err := r.flush(ctx, gone); err != nil {
			return err
		}
		if gone < firstRemoval {
			return nil
		}
	}
}

// paced has the writer do one removal or checkpoint, and then leaves it to its callers for as long, if there are any.
func (r *retainer) paced(ctx context.Context, do func() error) (took time.Duration, err error) {
	w := r.db.writer
	err = w.between(ctx, func() error {
		start := time.Now()
		err := do()
		took = time.Since(start)
		return err
	})
	if err != nil || w.queued.Load() == 0 {
		return took, err
	}
	pause := time.NewTimer(took)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return took, context.Cause(ctx)
	case <-pause.C:
		return took, nil
	}
}

// flush makes a checkpoint when enough was removed since the last one.
func (r *retainer) flush(ctx context.Context, rows int64) error {
	if r.unflushed += rows; r.unflushed < checkpointAfter {
		return nil
	}
	return r.checkpoint(ctx)
}

func (r *retainer) checkpoint(ctx context.Context) error {
	w := r.db.writer
	if err := w.room(); err != nil {
		return err
	}
	r.unflushed = 0
	_, err := r.paced(ctx, func() error { return w.conn.exec(context.Background(), "CHECKPOINT") })
	if err != nil {
		return fmt.Errorf("write the log into the file: %w", err)
	}
	return nil
}
