package storage

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// receivedAt says when spans came.
func receivedAt(spans []analyzer.Span, at int64) []analyzer.Span {
	for i := range spans {
		spans[i].ReceivedAt = at
	}
	return spans
}

// TestRetentionRemovesWholeTracesThatAreOld: a trace goes once the last of its spans is old, all of it at once, and
// whatever the times that its spans state.
func TestRetentionRemovesWholeTracesThatAreOld(t *testing.T) {
	db := openNew(t)
	r := newRetainer(db, Retention{})
	insert(t, db, receivedAt(traceOf(1, 0, 10), 100))
	growing := traceOf(2, 0, 10)
	insert(t, db, receivedAt(growing[:1], 100))
	insert(t, db, receivedAt(growing[1:], 300))
	insert(t, db, receivedAt(traceOf(3, 9000, 9010), 200))
	insert(t, db, receivedAt(traceOf(4, 0, 10), 201))
	ctx := context.Background()
	if err := r.removeUntil(ctx, 200); err != nil {
		t.Fatal(err)
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), slices.Concat(growing, traceOf(4, 0, 10)))
	if got, want := r.soFar(), (Removed{Traces: 2, Spans: 4}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	counts, err := db.Count(ctx, Query{})
	if err != nil || counts.Traces != 2 || counts.Spans != 4 {
		t.Errorf("%+v, %v: the counts disagree with the spans", counts, err)
	}
}

// TestATraceThatGrowsWhileItIsRemovedStays: retention looks first and removes later; what came between is not lost.
func TestATraceThatGrowsWhileItIsRemovedStays(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	w := db.writer
	old := traceOf(1, 0, 10)
	insert(t, db, receivedAt(old[:1], 100))
	insert(t, db, receivedAt(traceOf(2, 0, 10), 100))
	if err := w.between(ctx, func() error { w.touched = map[analyzer.TraceID]struct{}{}; return nil }); err != nil {
		t.Fatal(err)
	}
	list, err := db.removable(ctx, 200, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	insert(t, db, receivedAt(old[1:], 100)) // by a clock that was set back, it even looks as old
	r := newRetainer(db, Retention{})
	if err := r.removeTraces(ctx, list, 200); err != nil {
		t.Fatal(err)
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), old)
}

func TestRetentionRemovesMetricPointsByWhenTheyCame(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	db := openAt(t, path)
	points := make([]analyzer.MetricPoint, 3*firstRemoval/2)
	for i := range points {
		points[i] = analyzer.MetricPoint{Name: "vllm:num_requests_waiting", Type: analyzer.MetricGauge, Time: 5, Value: analyzer.Int(int64(i))}
	}
	count := func() (n int) {
		for batch, err := range db.MetricPoints(ctx, 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(batch)
		}
		return n
	}
	before := time.Now().UnixNano() - 1
	if err := db.InsertMetrics(ctx, points); err != nil {
		t.Fatal(err)
	}
	r := newRetainer(db, Retention{})
	for _, c := range []struct {
		cutoff int64
		left   int
	}{{before, len(points)}, {time.Now().UnixNano(), 0}} {
		if err := r.removeUntil(ctx, c.cutoff); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != c.left {
			t.Errorf("%d points are left, want %d", n, c.left)
		}
	}
	if got := r.soFar(); got.Points != int64(len(points)) {
		t.Errorf("counted %+v", got)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s in vain: %s", what)
		}
	}
}

// TestRetentionByAgeRunsWhileSpansAreReceived, and readers see whole traces only, all the time.
func TestRetentionByAgeRunsWhileSpansAreReceived(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "traces.duckdb"), Retention: Retention{Age: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := newCorpus(5)
	insert(t, db, receivedAt(c.spans(16_000), time.Now().Add(-2*time.Hour).UnixNano()))
	young := c.spans(1600)
	insert(t, db, young)
	r := db.retain
	// The first look may have come before the spans. Another hour later all but nothing is old.
	if err := r.removeUntil(ctx, time.Now().Add(-time.Hour).UnixNano()); err != nil {
		t.Fatal(err)
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), young)
	status, err := db.Status(ctx)
	if err != nil || status.Removed.Spans != 16_000 || status.Removed.Traces != 2000 || status.Retention.Age != time.Hour || status.Removed.Failure != "" {
		t.Errorf("%+v, %v", status, err)
	}
}

// TestRetentionBySizeKeepsTheYoungest: with callers and readers at work, the database stays near its limit, the oldest
// traces go first, no reader ever sees part of a trace, and everything left is exactly what came last.
func TestRetentionBySizeKeepsTheYoungest(t *testing.T) {
	ctx := context.Background()
	const limit = 12 << 20
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	db, err := Open(ctx, Options{Path: path, Retention: Retention{Size: limit}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			perTrace := map[analyzer.TraceID]int{}
			for spans, err := range db.Spans(ctx, Query{}) {
				if err != nil {
					t.Error(err)
					return
				}
				for i := range spans {
					perTrace[spans[i].TraceID]++
				}
			}
			for id, n := range perTrace {
				if n != 8 {
					t.Errorf("a reader saw %d of the 8 spans of trace %s", n, id)
					return
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	c := newCorpus(6)
	var order []analyzer.TraceID
	n := 0
	for ; n < 400_000 && db.retain.soFar().Spans < 16_000; n += 8000 {
		spans := c.spans(8000)
		for i := 0; i < len(spans); i += 8 {
			order = append(order, spans[i].TraceID)
		}
		insert(t, db, spans)
	}
	close(stop)
	reading.Wait()
	until(t, "the database fits its limit", func() bool {
		taken, err := db.taken(ctx)
		return err == nil && taken <= limit
	})
	gone := db.retain.soFar()
	if gone.Spans == 0 || gone.Failure != "" || gone.Spans > int64(n)*3/4 {
		t.Fatalf("of %d spans %+v were removed", n, gone)
	}
	left := map[analyzer.TraceID]bool{}
	for _, s := range read(t, db, Query{}) {
		left[s.TraceID] = true
	}
	gone = db.retain.soFar()
	for i, id := range order {
		if left[id] != (int64(i) >= gone.Traces) {
			t.Fatalf("trace %d of %d is left: %t, although the %d oldest were removed", i, len(order), left[id], gone.Traces)
		}
	}
	if size := fileSize(path); size > 2*limit {
		t.Errorf("the file has %d bytes, with a limit of %d", size, limit)
	}
}

// TestALimitThatCannotBeKeptIsSaid rather than tried for ever.
func TestALimitThatCannotBeKeptIsSaid(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "traces.duckdb"), Retention: Retention{Size: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	insert(t, db, traceOf(1, 0, 10))
	until(t, "the failure is told", func() bool { return db.retain.soFar().Failure == errFull.Error() })
	insert(t, db, traceOf(2, 0, 10)) // and receiving goes on
}

// TestAClockThatWasSetBack: what was received before is neither open until the clock has caught up, nor lost to
// retention.
func TestAClockThatWasSetBack(t *testing.T) {
	ctx := context.Background()
	db := openNew(t)
	now := time.Now()
	before, after := traceOf(1, 0, 10), traceOf(2, 0, 10)
	insert(t, db, receivedAt(before, now.Add(3*time.Hour).UnixNano()))
	insert(t, db, receivedAt(after, now.UnixNano()))
	q := Query{OpenSince: now.Add(-10 * time.Second).UnixNano(), Columns: AllColumns}
	sameSpans(t, read(t, db, q), before)
	counts, err := db.Count(ctx, q)
	if err != nil || counts.OpenTraces != 1 {
		t.Errorf("%+v, %v: want the trace that just came to be open, and only that one", counts, err)
	}
	r := newRetainer(db, Retention{})
	if err := r.removeUntil(ctx, now.Add(-time.Hour).UnixNano()); err != nil {
		t.Fatal(err)
	}
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), slices.Concat(before, after))
}
