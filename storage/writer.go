package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

const (
	// maxCommit is how many spans one transaction gathers. Compression and the log cost less in large transactions, and
	// callers wait less for small ones.
	maxCommit = 20_000

	// linger is how long a transaction waits for callers that shared the last one.
	linger = 10 * time.Millisecond

	// maxQueued is how many spans wait at most. Decoded spans take about 1 KiB each.
	maxQueued = 100_000
)

// A writer is the one goroutine that changes the database. Callers queue jobs; it gathers all that wait, up to
// maxCommit spans, writes them as one transaction, and answers after the commit.
type writer struct {
	db   *DB
	conn *conn
	dict dictionary

	jobs   chan *job
	queued atomic.Int64 // spans and points in jobs
	tasks  chan task
	done   chan struct{}

	touched map[analyzer.TraceID]struct{} // traces written since retention looked; nil while it does not look

	mu     sync.RWMutex // held for reading while a job is queued
	closed bool

	replaced atomic.Int64 // strings that were not UTF-8, since the database was opened

	append func(batch []*job, now int64) error // adds a batch to the open transaction; tests let it fail
	free   func() (uint64, error)              // of the disk, in bytes; tests have a small one

	failed chan error // why nothing more can be written, once
}

// A job is one caller's spans or metric points.
type job struct {
	spans  []analyzer.Span
	points []analyzer.MetricPoint
	closed bool
	answer chan error
}

func (j *job) size() int { return len(j.spans) + len(j.points) }

// A task is other work for the writing goroutine, between two transactions of callers.
type task struct {
	do     func() error
	answer chan error
}

func newWriter(ctx context.Context, db *DB) (*writer, error) {
	c, err := connect(db.duck)
	if err != nil {
		return nil, err
	}
	view, err := db.catalog.view(ctx, c)
	if err != nil {
		c.close()
		return nil, err
	}
	w := &writer{db: db, conn: c, jobs: make(chan *job, 4096), tasks: make(chan task), done: make(chan struct{}), failed: make(chan error, 1)}
	w.append = w.appendBatch
	w.free = func() (uint64, error) { return FreeDisk(filepath.Dir(db.options.Path)) }
	w.dict.hot = db.hot
	w.dict.load(view)
	go w.run()
	return w, nil
}

// InsertOptions say what is known about inserted spans.
type InsertOptions struct {
	// Closed: the traces are whole, as those of files are; readers need not wait for them to settle.
	Closed bool
}

// Insert stores spans, and returns after they are committed. It shares transactions with concurrent callers. It changes
// nothing in the spans, and the caller must not until it returns. A span without ReceivedAt is stored with the present
// time.
//
// It returns [ErrBusy] or [ErrDiskFull] without storing anything when too many spans wait or the disk is full. When ctx ends first, the spans may or may not be
// stored, and may still be read for a while, so the caller must leave them alone for good; storing them again is harmless,
// because assembly drops exact copies.
func (db *DB) Insert(ctx context.Context, spans []analyzer.Span, o InsertOptions) error {
	if len(spans) == 0 {
		return nil
	}
	return db.submit(ctx, &job{spans: spans, closed: o.Closed})
}

// InsertMetrics stores metric points, in the same way as [DB.Insert].
func (db *DB) InsertMetrics(ctx context.Context, points []analyzer.MetricPoint) error {
	if len(points) == 0 {
		return nil
	}
	return db.submit(ctx, &job{points: points})
}

// Failed gives the error after which DuckDB answers nothing until the database is opened again, as when a checkpoint
// runs out of disk. What was acknowledged is safe.
func (db *DB) Failed() <-chan error {
	if db.writer == nil {
		return nil
	}
	return db.writer.failed
}

// Queued returns how many spans and points wait for a commit.
func (db *DB) Queued() int {
	if db.writer == nil {
		return 0
	}
	return int(db.writer.queued.Load())
}

func (db *DB) submit(ctx context.Context, j *job) error {
	if db.writer == nil {
		return fmt.Errorf("insert into %s: %w", db.options.Path, ErrReadOnly)
	}
	if err := db.writer.submit(ctx, j); err != nil {
		return fmt.Errorf("insert into %s: %w", db.options.Path, err)
	}
	return nil
}

func (w *writer) submit(ctx context.Context, j *job) error {
	if err := w.enqueue(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) enqueue(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	j.answer = make(chan error, 1)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	size := int64(j.size())
	if waiting := w.queued.Add(size); waiting > maxQueued && waiting > size {
		w.queued.Add(-size)
		return ErrBusy
	}
	select {
	case w.jobs <- j:
		return nil
	default:
		w.queued.Add(-size)
		return ErrBusy
	}
}

// run writes until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.done)
	callers := 1
	for {
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return
			}
			batch := w.gather(j, callers)
			callers = len(batch)
			w.write(batch)
		case t := <-w.tasks:
			t.answer <- w.told(t.do())
		}
	}
}

// between has the writing goroutine do something between two transactions. Callers wait meanwhile, so it must be short.
func (w *writer) between(ctx context.Context, do func() error) error {
	t := task{do, make(chan error, 1)}
	select {
	case w.tasks <- t:
		return <-t.answer
	case <-w.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// gather takes what waits. A transaction has a fixed cost of some milliseconds, so when several callers shared the last
// one, it gives them a moment to come back.
func (w *writer) gather(first *job, callers int) []*job {
	batch := []*job{first}
	patience := time.NewTimer(linger)
	defer patience.Stop()
	for n := first.size(); n < maxCommit; {
		if len(w.jobs) == 0 && len(batch) >= callers {
			break
		}
		select {
		case next, ok := <-w.jobs:
			if !ok {
				return batch
			}
			batch = append(batch, next)
			n += next.size()
		case <-patience.C:
			return batch
		}
	}
	return batch
}

// write commits a batch and answers its callers. When that fails, each job is tried alone, so that nobody's spans are
// refused for another's.
func (w *writer) write(batch []*job) {
	err := w.commit(batch)
	for _, j := range batch {
		answer := err
		if err != nil && len(batch) > 1 {
			answer = w.commit([]*job{j})
		}
		w.queued.Add(-int64(j.size()))
		j.answer <- answer
	}
}

func (w *writer) commit(batch []*job) error {
	ctx := context.Background() // a transaction has many callers: none of them may stop it
	if err := w.room(); err != nil {
		return err
	}
	err := w.conn.transaction(ctx, func() error { return w.append(batch, time.Now().UnixNano()) })
	w.replaced.Add(int64(w.dict.replaced))
	w.dict.replaced = 0
	if err != nil {
		w.dict.rollback()
		return w.told(err)
	}
	w.dict.commit()
	return nil
}

// minFree is what must be free of the disk: room for a commit and for the checkpoint that may follow. When a checkpoint
// runs out of disk, DuckDB gives the whole database up until it is opened again.
const minFree = 128 << 20

// room refuses what could fill the disk.
func (w *writer) room() error {
	free, err := w.free()
	if err != nil || free >= minFree { // a disk that cannot be asked says itself when it is full
		return nil
	}
	return fmt.Errorf("%w: %d MiB are free and %d are needed; make room, or let retention remove what is old", ErrDiskFull, free>>20, minFree>>20)
}

// told passes an error of DuckDB on, and says so when it is the last one: a database that DuckDB gave up answers nothing
// until it is opened again.
func (w *writer) told(err error) error {
	if err == nil || !strings.Contains(err.Error(), "FATAL Error") {
		return err
	}
	if strings.Contains(err.Error(), "failed to pin block") || strings.Contains(err.Error(), "Out of Memory") {
		err = fmt.Errorf("%w: %w", ErrNoMemory, err)
	}
	select {
	case w.failed <- err:
	default: // told before
	}
	return err
}

func (w *writer) appendBatch(batch []*job, now int64) error {
	var spans, points []*job
	for _, j := range batch {
		if len(j.spans) > 0 {
			spans = append(spans, j)
		}
		if len(j.points) > 0 {
			points = append(points, j)
		}
	}
	if len(spans) > 0 {
		if err := w.appendSpans(spans, now); err != nil {
			return err
		}
	}
	if len(points) > 0 {
		if err := w.appendPoints(points, now); err != nil {
			return err
		}
	}
	return w.appendDictionary()
}

func (w *writer) appendSpans(jobs []*job, now int64) error {
	a, err := newAppender(w.conn, "spans")
	if err != nil {
		return err
	}
	defer a.destroy()
	rows, err := newSpanWriter(a, w.db.columns, &w.dict)
	if err != nil {
		return err
	}
	ranges := traceRanges{}
	for _, j := range jobs {
		for i := range j.spans {
			s := &j.spans[i]
			received := s.ReceivedAt
			if received == 0 {
				received = now
			}
			if err := rows.write(s, received); err != nil {
				return err
			}
			ranges.add(s, received, j.closed)
		}
	}
	if err := a.flush(); err != nil {
		return err
	}
	w.dict.replaced += a.replaced
	if w.touched != nil {
		for id := range ranges {
			w.touched[id] = struct{}{}
		}
	}
	return ranges.append(w.conn)
}

// close commits what is queued, and marks all traces as closed: nothing more comes for them through this writer.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	close(w.jobs)
	w.mu.Unlock()
	<-w.done
	defer w.conn.close()
	ctx := context.Background()
	if err := w.conn.setMeta(ctx, "closed_at", strconv.FormatInt(time.Now().UnixNano(), 10)); err != nil {
		return fmt.Errorf("close database %s: %w", w.db.options.Path, err)
	}
	if err := w.conn.exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("close database %s: write the log into the file: %w", w.db.options.Path, err)
	}
	return nil
}
