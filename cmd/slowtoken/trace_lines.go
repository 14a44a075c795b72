package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/report"
)

// runTraceLines prints one line for each trace that overlaps the window.
func (a *app) runTraceLines(ctx context.Context, o traceOptions) error {
	w, err := o.window.parse(a.now())
	if err != nil {
		return err
	}
	l, err := a.language()
	if err != nil {
		return err
	}
	src, err := a.openTraces(ctx, reading{files: o.files, window: w, whole: true, sorted: true, memory: o.memory})
	if err != nil {
		return err
	}
	defer src.close()
	n := 0
	err = a.writeOut(o.out, func(out io.Writer) (err error) {
		n, err = writeTraceLines(out, src, w, l.dialects)
		return err
	})
	if err != nil {
		return err
	}
	a.noteLeftOut(src)
	if n > 0 {
		return nil
	}
	err = noDataError("no traces in %s: %s", src.name, w)
	if held, found := src.holds(ctx); found {
		return withHint(err, "the data there is from %s", held)
	}
	if src.growing() {
		return withHint(err, "ask again in %s, or take them as they are with --settle 0s", a.config.Settle)
	}
	return withHint(err, "slowtoken doctor says why there is nothing to see")
}

// writeTraceLines writes a line for each trace of src that overlaps w, and returns how many.
func writeTraceLines(out io.Writer, src *traceSource, w window, dialects []analyzer.Dialect) (n int, err error) {
	lines := bufio.NewWriterSize(out, 1<<16)
	for t, err := range src.traces {
		if err != nil {
			return n, errors.Join(err, lines.Flush())
		}
		if !overlaps(t, w) {
			continue
		}
		n++
		line := report.SumUpTrace(t, dialects)
		if err := report.WriteTraceLine(lines, &line); err != nil {
			return n, err
		}
	}
	return n, lines.Flush()
}

// overlaps reports whether t is under way at any time in w, as the database decides it.
func overlaps(t *analyzer.Trace, w window) bool {
	since, until := w.nanos()
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range t.Spans {
		first, last = min(first, t.Spans[i].Start), max(last, t.Spans[i].End)
	}
	return (until == 0 || first < until) && (since == 0 || last >= since)
}

// noteLeftOut tells what could not be read, in full or at all.
func (a *app) noteLeftOut(src *traceSource) {
	for _, w := range src.leftOut() {
		a.note("%s: %d %s", w.Name, w.Count, w.Meaning)
	}
}
