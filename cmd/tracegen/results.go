package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"
)

// results are what became of the messages.
type results struct {
	acknowledged int // spans
	rejected     int // spans that the server left out of messages it took
	retries      int // calls that were repeated
	failed       int // messages that were given up
	lastError    error

	answers []time.Duration // from call to acknowledgement
	fromDue []time.Duration // from when the message was due to acknowledgement
}

func (r *results) fail(err error) {
	r.failed++
	r.lastError = err
}

// A tally sums up results of workers that report at the same time.
type tally struct {
	mu sync.Mutex
	results
}

func (t *tally) add(r results) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acknowledged += r.acknowledged
	t.rejected += r.rejected
	t.retries += r.retries
	t.failed += r.failed
	if r.lastError != nil {
		t.lastError = r.lastError
	}
	t.answers = append(t.answers, r.answers...)
	t.fromDue = append(t.fromDue, r.fromDue...)
}

// take returns what was added since the last call.
func (t *tally) take() results {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.results
	t.results = results{}
	return r
}

func (r *results) print(w io.Writer, took time.Duration, scheduled bool) {
	fmt.Fprintf(w, "acknowledged %d spans in %d messages in %.2f s: %.0f spans/s\n",
		r.acknowledged, len(r.answers), took.Seconds(), float64(r.acknowledged)/took.Seconds())
	fmt.Fprintf(w, "acknowledgement after %s\n", percentiles(r.answers))
	if scheduled {
		fmt.Fprintf(w, "since due             %s\n", percentiles(r.fromDue))
	}
	fmt.Fprintf(w, "retries %d, rejected spans %d, failed messages %d\n", r.retries, r.rejected, r.failed)
	if r.lastError != nil {
		fmt.Fprintf(w, "last error: %v\n", r.lastError)
	}
}

// percentiles formats nearest-rank percentiles.
func percentiles(times []time.Duration) string {
	if len(times) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(p float64) string { return fmt.Sprintf("%.1f ms", float64(rank(sorted, p))/1e6) }
	return fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, max %s (n %d)", at(0.5), at(0.99), at(0.999), at(1), len(sorted))
}

// rank returns the nearest-rank percentile of sorted values.
func rank[T any](sorted []T, p float64) T {
	return sorted[max(1, int(math.Ceil(p*float64(len(sorted)))))-1]
}
