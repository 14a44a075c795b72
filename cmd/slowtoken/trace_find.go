package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/storage"
)

// findTrace returns the trace that o names.
func (a *app) findTrace(ctx context.Context, o traceOptions) (*analyzer.Trace, error) {
	if len(o.files) > 0 {
		return a.findInFiles(ctx, o)
	}
	return a.findInDatabase(ctx, o.id)
}

func (a *app) findInDatabase(ctx context.Context, text string) (*analyzer.Trace, error) {
	id, err := analyzer.ParseTraceID(text)
	if err == nil && len(text) != 32 && len(text) != 16 {
		err = fmt.Errorf("trace id %q: has %s", text, plural(len(text), "digit"))
	}
	if err != nil {
		return nil, withHint(usageError("%w", err), "the database finds a trace by its full id, 32 hex digits (16 of 64-bit ids); a beginning is enough with --file only")
	}
	db, err := openStore(ctx, a.config, true)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var found *analyzer.Trace
	query := storage.Query{TraceIDs: []analyzer.TraceID{id}, Columns: storage.AllColumns}
	yieldTraces(ctx, db, query, func(t *analyzer.Trace, e error) bool {
		found, err = t, e
		return false
	})
	if err == nil && found == nil {
		err = withHint(noDataError("no trace %s in %s", id, a.config.DB), "slowtoken trace --all lists the traces there")
	}
	return found, err
}

// shortestID is how many digits of an id are enough for files.
const shortestID = 4

func (a *app) findInFiles(ctx context.Context, o traceOptions) (*analyzer.Trace, error) {
	wanted := strings.ToLower(o.id)
	if o.id != "" && len(o.id) < shortestID {
		return nil, usageError("trace id %q: give at least its first %d hex digits", o.id, shortestID)
	}
	if _, err := analyzer.ParseTraceID(o.id); o.id != "" && err != nil {
		return nil, usageError("%w", err)
	}
	src, err := a.openTraces(ctx, reading{files: o.files, whole: true})
	if err != nil {
		return nil, err
	}
	defer src.close()
	var matching []*analyzer.Trace
	all := 0
	for t, err := range src.traces {
		if err != nil {
			return nil, err
		}
		if all++; startsWith(t.ID, wanted) {
			matching = append(matching, t)
		}
	}
	a.noteLeftOut(src)
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case all == 0:
		return nil, noDataError("no traces in %s", src.name)
	case len(matching) == 0:
		return nil, withHint(noDataError("no trace %s in %s", o.id, src.name), "slowtoken trace --all with the same --file lists the %s there", plural(all, "trace"))
	case o.id == "":
		err = usageError("%s holds %d traces: name one", src.name, len(matching))
	default:
		err = usageError("%d traces in %s have an id that starts with %s: give more digits", len(matching), src.name, o.id)
	}
	return nil, withHint(err, "the longest of them:\n%s", longest(matching, 5))
}

// longest lists the ids of the traces that took longest, a line each.
func longest(traces []*analyzer.Trace, most int) string {
	durations := make(map[*analyzer.Trace]time.Duration, len(traces))
	for _, t := range traces {
		held, _ := rangeOf(t.Spans)
		durations[t] = held.Until.Sub(held.Since)
	}
	slices.SortStableFunc(traces, func(a, b *analyzer.Trace) int { return cmp.Compare(durations[b], durations[a]) })
	var lines []string
	for _, t := range traces[:min(most, len(traces))] {
		lines = append(lines, fmt.Sprintf("%s  %s, %s", t.ID, report.Duration(float64(durations[t])), plural(len(t.Spans), "span")))
	}
	return strings.Join(lines, "\n")
}

// startsWith reports whether text is the beginning of an id, in full or as a source with 64-bit ids writes it.
func startsWith(id analyzer.TraceID, text string) bool {
	full := id.String()
	short, is64 := strings.CutPrefix(full, strings.Repeat("0", 16))
	return strings.HasPrefix(full, text) || is64 && strings.HasPrefix(short, text)
}
