package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Query picks traces.
type Query struct {
	// Since and Until pick the traces that overlap [Since, Until), in nanoseconds since the Unix epoch. Zero leaves a side
	// open.
	Since, Until int64

	// TraceIDs picks among these traces only; none means all.
	TraceIDs []analyzer.TraceID

	// Columns says how much of each span is wanted.
	Columns Columns

	// OpenSince leaves out the traces of which spans were received at or after it and that are not closed. Zero leaves
	// out nothing. [DB.Count] says how many there are.
	OpenSince int64

	// Hold, when it is not zero, asks for batches of whole traces. About so many spans may wait in memory for the rest of
	// their traces; when spans of one trace lie far from each other in the database, more scans are needed.
	Hold int

	// Partition picks one of Partitions parts of about equal size, from 0. The parts hold whole traces, and each trace is
	// in one part. Partitions is at most 256; zero means one.
	Partition, Partitions int
}

// Counts say how much a query picks.
type Counts struct {
	Traces, Spans int64
	OpenTraces    int64 // left out because of OpenSince
	First, Last   int64 // the earliest start and latest end of the picked traces, in ns since the Unix epoch
}

// Count says how much q picks, without reading spans.
func (db *DB) Count(ctx context.Context, q Query) (Counts, error) {
	c, err := db.reader(ctx)
	if err != nil {
		return Counts{}, fmt.Errorf("count traces in %s: %w", db.options.Path, err)
	}
	defer db.done(c)
	args, err := q.bounds(ctx, c)
	if err != nil {
		return Counts{}, fmt.Errorf("count traces in %s: %w", db.options.Path, err)
	}
	p, err := pick(ctx, c, args)
	if err != nil {
		return Counts{}, fmt.Errorf("count traces in %s: %w", db.options.Path, err)
	}
	return p.Counts, nil
}

// Spans returns the spans of the traces that q picks, in batches and in no order. Traces are whole: their spans come
// whatever their own times are, though only with q.Hold in one batch. A batch's memory is the caller's for good. The
// iteration ends with the first error. All batches of one call are of one snapshot of the database.
func (db *DB) Spans(ctx context.Context, q Query) iter.Seq2[[]analyzer.Span, error] {
	return func(yield func([]analyzer.Span, error) bool) {
		if err := db.spans(ctx, q, yield); err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("read spans of %s: %w", db.options.Path, err))
		}
	}
}

// errStopped: the consumer wants no more.
var errStopped = errors.New("stopped")

func (db *DB) spans(ctx context.Context, q Query, yield func([]analyzer.Span, error) bool) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer db.done(c)
	return c.transaction(ctx, func() error {
		args, err := q.bounds(ctx, c)
		if err != nil {
			return err
		}
		p, err := pick(ctx, c, args)
		if err != nil || p.Traces == 0 {
			return err
		}
		view, err := db.catalog.view(ctx, c)
		if err != nil {
			return err
		}
		r := &scan{db: db, conn: c, view: view, query: q, picked: p, args: args, yield: yield}
		if q.Hold > 0 {
			return r.whole(ctx)
		}
		return r.columns(ctx, r.pass)
	})
}

func concat(lists ...[]any) []any {
	var all []any
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// elsewhere returns the shapes whose spans have attributes that analysis reads outside the hot columns.
func (v catalogView) elsewhere() []uint32 {
	var ids []uint32
	for _, s := range v.shapes {
		if s.elsewhere {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// A picked is what pick.sql says.
type picked struct {
	Counts
	all int64 // traces in these buckets
}

// lastBefore is the last nanosecond before until, where zero leaves that side open: senders with a broken clock date spans
// at the very end of time, and those are read, too.
func lastBefore(until int64) int64 {
	if until == 0 {
		return math.MaxInt64
	}
	return until - 1
}

// bounds returns the values that pick.sql and spans_picked.sql begin with.
func (q Query) bounds(ctx context.Context, c *conn) ([]any, error) {
	n := max(q.Partitions, 1)
	if n > buckets || q.Partition < 0 || q.Partition >= n {
		return nil, fmt.Errorf("partition %d of %d: want 0 to n-1 of at most %d", q.Partition, q.Partitions, buckets)
	}
	first, last := q.Partition*buckets/n, (q.Partition+1)*buckets/n-1
	since, openSince := q.Since, q.OpenSince
	if since == 0 {
		since = math.MinInt64
	}
	if openSince == 0 {
		openSince = math.MaxInt64
	}
	facts, err := c.meta(ctx)
	if err != nil {
		return nil, err
	}
	closedAt, _ := strconv.ParseInt(facts["closed_at"], 10, 64) // none until a writer stopped
	return []any{first, last, since, lastBefore(q.Until), openSince, closedAt, q.TraceIDs, time.Now().Add(clockSlack).UnixNano()}, nil
}

// clockSlack is how far the clock may be set back, as time services do, without a trace that was just received passing
// for one of before.
const clockSlack = time.Minute

func pick(ctx context.Context, c *conn, args []any) (p picked, err error) {
	err = c.each(ctx, func(ch chunk, row int) {
		for i, to := range []*int64{&p.Traces, &p.Spans, &p.OpenTraces, &p.First, &p.Last, &p.all} {
			*to = at[int64](ch.column(i), row)
		}
	}, queryPick.text(), args...)
	return p, err
}

// decodeAll decodes chunks on several goroutines and hands the batches to take on this one, until take fails. It closes
// r.
func decodeAll(ctx context.Context, r *rows, l *layout, workers int, take func(batch) error) error {
	defer r.close()
	caller := ctx
	ctx, cancel := context.WithCancel(ctx)
	chunks, batches := make(chan chunk, workers), make(chan batch, workers)
	fetched := make(chan error, 1)
	go func() {
		defer close(chunks)
		fetched <- fetch(ctx, r, chunks)
	}()
	var decoding sync.WaitGroup
	for range workers {
		decoding.Go(func() {
			d := newDecoder(l)
			for ch := range chunks {
				b := d.decode(ch)
				ch.destroy()
				select {
				case batches <- b:
				case <-ctx.Done():
				}
			}
		})
	}
	go func() {
		decoding.Wait()
		close(batches)
	}()
	var failed error
	for b := range batches {
		if failed == nil {
			if failed = b.err; failed == nil {
				failed = take(b)
			}
			if failed != nil {
				cancel()
			}
		}
	}
	cancel()
	err := <-fetched
	return firstError(failed, err, context.Cause(caller))
}

// fetch hands out chunks until there are no more, or nobody wants them.
func fetch(ctx context.Context, r *rows, to chan<- chunk) error {
	for {
		ch, ok, err := r.next()
		if err != nil || !ok {
			return err
		}
		select {
		case to <- ch:
		case <-ctx.Done():
			ch.destroy()
			return nil
		}
	}
}

// reader returns a connection for one read; done gives it back.
func (db *DB) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil, ErrClosed
	}
	db.readers.Add(1)
	db.mu.Unlock()
	c, err := connect(db.duck)
	if err != nil {
		db.readers.Done()
	}
	return c, err
}

func (db *DB) done(c *conn) {
	c.close()
	db.readers.Done()
}
