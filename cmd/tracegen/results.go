package main

import (
	"fmt"
	"io"
	"math"
	"slices"
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

func merge(parts []results) results {
	var sum results
	for _, r := range parts {
		sum.acknowledged += r.acknowledged
		sum.rejected += r.rejected
		sum.retries += r.retries
		sum.failed += r.failed
		if r.lastError != nil {
			sum.lastError = r.lastError
		}
		sum.answers = append(sum.answers, r.answers...)
		sum.fromDue = append(sum.fromDue, r.fromDue...)
	}
	return sum
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
	at := func(p float64) string {
		rank := max(1, int(math.Ceil(p*float64(len(sorted)))))
		return fmt.Sprintf("%.1f ms", float64(sorted[rank-1])/1e6)
	}
	return fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, max %s (n %d)", at(0.5), at(0.99), at(0.999), at(1), len(sorted))
}
