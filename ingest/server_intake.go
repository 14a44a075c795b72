package ingest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// An intake bounds the memory of all messages together, over both protocols, from their first byte to their answer. A
// message has two stages, each with its own number of bytes: while it is read and unpacked it counts as the largest that
// it may become, because its sender need not say how large it is; after that it counts as what it takes in memory decoded,
// until it is answered. A message waits for its turn in each, the first to come first, and is sent back as busy when
// its patience ends.
type intake struct {
	reading *semaphore.Weighted
	kept    *semaphore.Weighted

	patience, crowdedAfter, slowReading time.Duration

	mu      sync.Mutex
	waiting []*time.Time // since when messages wait to be read, the first to come first
	readers []*reader    // the one that began first comes first
}

// With what calls send before they are read, and DuckDB's own limit, these keep the process under 1 GiB: see memoryLimit of
// slowtoken serve.
const (
	readingBytes = 160 << 20
	keptBytes    = 160 << 20

	// maxWaiting is how many messages wait to be read. Each may have sent a window already: 64 MiB in all.
	maxWaiting   = 128
	streamWindow = 512 << 10
)

func newIntake() *intake {
	return &intake{
		reading: semaphore.NewWeighted(readingBytes),
		kept:    semaphore.NewWeighted(keptBytes),

		// A message waits so long in each stage. SDKs give up after 10 s.
		patience: 4 * time.Second,
		// Once a message waits to be read for so long, others are sent back at once.
		crowdedAfter: time.Second,
		// A message that has been read for so long gives way to one that waits: its sender is slow, or stalls on purpose.
		slowReading: 2 * time.Second,
	}
}

// errIntakeFull says that too much is being received. It is the error of a full sink, too: the sender comes back.
type errIntakeFull struct{}

func (errIntakeFull) Error() string {
	return fmt.Sprintf("too many messages are being received: more than %d MiB are being read or wait to be stored", (readingBytes+keptBytes)>>20)
}

// RetryAfter is when to come back.
func (errIntakeFull) RetryAfter() time.Duration { return time.Second }

// crowded reports whether so many messages wait to be read that another one is better sent back at once.
func (in *intake) crowded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.waiting) >= maxWaiting || len(in.waiting) > 0 && time.Since(*in.waiting[0]) > in.crowdedAfter
}

// line puts a message into the line of those that wait, until the returned function is called.
func (in *intake) line() (leave func()) {
	since := new(time.Time)
	*since = time.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting = append(in.waiting, since)
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.waiting = slices.DeleteFunc(in.waiting, func(other *time.Time) bool { return other == since })
	}
}

// A share is bytes of one stage that a message holds. A nil share holds none.
type share struct {
	of    *semaphore.Weighted
	bytes int64
	once  sync.Once
}

// release gives the bytes back, once.
func (s *share) release() {
	if s != nil {
		s.once.Do(func() { s.of.Release(s.bytes) })
	}
}

// A reader is a message that is being read.
type reader struct {
	share
	in      *intake
	begun   time.Time
	stop    func() // ends the reading
	stopped bool   // under in.mu
}

// read waits until a message that may grow to n bytes can be read. stop is called when it takes long and another one waits.
func (in *intake) read(ctx context.Context, n int64, stop func()) (*reader, error) {
	n = min(n, readingBytes)
	if !in.reading.TryAcquire(n) {
		if err := in.wait(ctx, n); err != nil {
			return nil, err
		}
	}
	r := &reader{share: share{of: in.reading, bytes: n}, in: in, begun: time.Now(), stop: stop}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.readers = append(in.readers, r)
	return r, nil
}

func (in *intake) wait(ctx context.Context, n int64) error {
	defer in.line()()
	short, cancel := context.WithTimeout(ctx, in.patience)
	defer cancel()
	go in.stopSlow(short)
	if in.reading.Acquire(short, n) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errIntakeFull{}
}

// stopSlow stops the slowest reader again and again until ctx is over.
func (in *intake) stopSlow(ctx context.Context) {
	for {
		in.stopOne()
		select {
		case <-ctx.Done():
			return
		case <-time.After(in.slowReading / 8):
		}
	}
}

func (in *intake) stopOne() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, r := range in.readers {
		switch {
		case time.Since(r.begun) < in.slowReading:
			return
		case !r.stopped:
			r.stopped = true
			r.stop()
			return
		}
	}
}

// done ends the reading, and reports whether it was stopped for another message.
func (r *reader) done() (stopped bool) {
	if r == nil {
		return false
	}
	r.in.mu.Lock()
	r.in.readers = slices.DeleteFunc(r.in.readers, func(other *reader) bool { return other == r })
	stopped = r.stopped
	r.in.mu.Unlock()
	r.release()
	return stopped
}

// keep waits until a message can be held that takes n bytes decoded.
func (in *intake) keep(ctx context.Context, n int64) (*share, error) {
	n = min(n, keptBytes)
	short, cancel := context.WithTimeout(ctx, in.patience)
	defer cancel()
	if in.kept.Acquire(short, n) == nil {
		return &share{of: in.kept, bytes: n}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, errIntakeFull{}
}
