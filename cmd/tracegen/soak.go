package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A soak sends the same messages for o.duration, each time with new trace ids, and looks every o.every at how long
// acknowledgements take and how much memory the server has. Both have to be flat: [flat] says what that means.

// A sample is one interval of a soak.
type sample struct {
	acknowledged  int
	p50, p99, max time.Duration // of acknowledgements
	rss           int64         // bytes, at the end of the interval; 0 when there is no --watch-pid
}

func soak(ctx context.Context, o options, transports []transport, messages []message, stdout io.Writer) error {
	fmt.Fprintf(stdout, "sending for %v to %s over %d connections, %.0f spans/s\n", o.duration, o.target(), o.connections, o.rate)
	fmt.Fprintln(stdout, "      at   spans/s       p50       p99       max   RSS MB   retries")
	ctx, cancel := context.WithTimeout(ctx, o.duration+o.patience)
	defer cancel()
	var sum tally
	done := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(done)
		deliverAll(ctx, o, transports, rounds(messages, o, start), &sum)
	}()
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	var samples []sample
	for ended := false; !ended; {
		begun := time.Now()
		select {
		case <-ticker.C:
		case <-done:
			ended = true
		}
		r := sum.take()
		if r.failed > 0 || r.rejected > 0 {
			return fmt.Errorf("%d messages failed, %d spans were rejected: %w", r.failed, r.rejected, r.lastError)
		}
		if len(r.answers) == 0 || ended && time.Since(begun) < o.every/2 {
			continue // the last, short one
		}
		s, err := sampleOf(r, o.watched)
		if err != nil {
			return err
		}
		samples = append(samples, s)
		fmt.Fprintf(stdout, "%8s  %8.0f  %6.0f ms %6.0f ms %6.0f ms %8.0f %9d\n", time.Since(start).Round(time.Second),
			float64(s.acknowledged)/time.Since(begun).Seconds(), ms(s.p50), ms(s.p99), ms(s.max), float64(s.rss)/1e6, r.retries)
	}
	verdict, err := flat(samples)
	if err == nil {
		fmt.Fprintln(stdout, verdict)
	}
	return err
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func sampleOf(r results, pid int) (s sample, err error) {
	sorted := slices.Sorted(slices.Values(r.answers))
	s = sample{acknowledged: r.acknowledged, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1)}
	if pid != 0 {
		s.rss, err = residentBytes(pid)
	}
	return s, err
}

// residentBytes reads a process's resident set from Linux's /proc.
func residentBytes(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of the watched process: %w", err)
	}
	_, rest, ok := strings.Cut(string(status), "VmRSS:")
	value, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if !ok || err != nil {
		return 0, errors.New("read the memory of the watched process: it has ended, or this is no Linux")
	}
	return kib << 10, nil
}

// Flat means: between the first and the last third of the samples, the first of all left out, the median resident set
// grows by at most a tenth and 32 MiB, and the median p99 of acknowledgements at most doubles and adds 50 ms.
const (
	rssFactor, rssSlack = 1.1, 32 << 20
	ackFactor, ackSlack = 2.0, 50 * time.Millisecond
)

// flat says how flat the samples are; the error says that they are not.
func flat(samples []sample) (verdict string, err error) {
	if len(samples) < 4 {
		return "", fmt.Errorf("%d samples are too few to say whether memory and latency are flat: want 4, so a longer --duration or a shorter --every", len(samples))
	}
	samples = samples[1:]
	n := max(1, len(samples)/3)
	first, last := samples[:n], samples[len(samples)-n:]
	rss := func(s sample) float64 { return float64(s.rss) }
	p99 := func(s sample) float64 { return float64(s.p99) }
	rss1, rss2, ack1, ack2 := median(first, rss), median(last, rss), median(first, p99), median(last, p99)
	verdict = fmt.Sprintf("from the first to the last third: resident set %.0f to %.0f MB, p99 of acknowledgements %.0f to %.0f ms",
		rss1/1e6, rss2/1e6, ack1/1e6, ack2/1e6)
	if rss2 > rss1*rssFactor+rssSlack || ack2 > ack1*ackFactor+float64(ackSlack) {
		return "", fmt.Errorf("not flat: %s", verdict)
	}
	return "flat: " + verdict, nil
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return rank(values, 0.5)
}

// rounds yields the messages again and again until the duration ends, on the schedule of o.rate.
func rounds(messages []message, o options, start time.Time) iter.Seq[message] {
	places := make([][]int, len(messages))
	for i, m := range messages {
		places[i] = traceIDPlaces(m)
	}
	return func(yield func(message) bool) {
		sent := 0
		for round := uint64(0); ; round++ {
			for i, m := range messages {
				m.body = renumber(m.body, places[i], round)
				if o.rate > 0 {
					m.due = time.Duration(float64(sent) / o.rate * 1e9)
				}
				if time.Since(start) >= o.duration || m.due >= o.duration || !yield(m) {
					return
				}
				sent += m.spans
			}
		}
	}
}

// traceIDPlaces finds where the trace ids of a message are.
func traceIDPlaces(m message) (places []int) {
	for _, id := range m.traces {
		for from := 0; ; {
			i := bytes.Index(m.body[from:], id[:])
			if i < 0 {
				break
			}
			places = append(places, from+i)
			from += i + len(id)
		}
	}
	return places
}

// renumber returns a copy of an encoded message whose trace ids are other ones in every round.
func renumber(body []byte, places []int, round uint64) []byte {
	body = bytes.Clone(body)
	for _, at := range places {
		id := body[at : at+len(analyzer.TraceID{})]
		binary.BigEndian.PutUint64(id, binary.BigEndian.Uint64(id)^round<<16)
	}
	return body
}
