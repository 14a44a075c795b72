package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/storage"
)

// A traceSource is where a command reads traces from. Close it after use.
type traceSource struct {
	name    string // as a report names it
	link    string // template of [report.Options.TraceLink]; empty when nobody knows where to look at a trace
	args    string // what names it on the command line, with a space behind it
	traces  iter.Seq2[*analyzer.Trace, error]
	again   func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error] // reads these traces once more
	leftOut func() []report.Warning                                        // what was not read; known once traces is used up
	holds   func(ctx context.Context) (window, bool)                       // the time range of all there is; false when there is nothing
	metrics metricReader                                                   // of the same time; nil where there are none
	close   func() error
}

// leftOpen names the warning about traces that may still grow.
const leftOpen = "open"

// growing reports whether traces were left out because they may still grow.
func (s *traceSource) growing() bool {
	return slices.ContainsFunc(s.leftOut(), func(w report.Warning) bool { return w.Name == leftOpen })
}

// A reading says which traces a command wants, and how much of their spans.
type reading struct {
	files   []string       // read these; without any, the source, else the database
	source  *sourceOptions // nil for none
	service string         // of the source, fetch only traces with a span of this one; empty for all
	window  window
	whole   bool  // every attribute; else those that analysis reads, which tells fewer copies of a span apart
	sorted  bool  // by trace id as far as memory allows; else in any order, which is faster
	memory  int64 // bytes that the spans in memory at once may take
}

// openTraces opens what r names.
func (a *app) openTraces(ctx context.Context, r reading) (*traceSource, error) {
	switch {
	case r.source != nil && r.whole:
		return a.openRemote(ctx, r, nil)
	case r.source != nil:
		return a.openRemote(ctx, r, analysisReads())
	case len(r.files) == 0:
		return a.openDatabase(ctx, r)
	case r.whole:
		return a.openFiles(ctx, r.files, nil)
	}
	return a.openFiles(ctx, r.files, analysisReads())
}

// analysisReads returns which span attributes analysis reads: those that the database hands out for it, too.
func analysisReads() func(key string) bool {
	keys := map[string]bool{}
	for _, hot := range analyzer.HotAttributes {
		keys[hot.Key] = true
	}
	for _, key := range analyzer.AnalysisKeys {
		keys[key] = true
	}
	return func(key string) bool { return keys[key] }
}

// openFiles reads all spans of the files into memory, with the attributes that wanted picks; nil picks all.
func (a *app) openFiles(ctx context.Context, files []string, wanted func(key string) bool) (*traceSource, error) {
	var spans []analyzer.Span
	var points heldPoints
	var shown []string
	refused := 0
	for _, name := range files {
		batch, n, err := a.readSpans(ctx, name, wanted, &points)
		if err != nil {
			return nil, err
		}
		if name == "-" {
			name = stdinName
		}
		shown = append(shown, name)
		spans = append(spans, batch...)
		refused += n
	}
	return &traceSource{
		name:   strings.Join(shown, ", "),
		args:   quoteArgs(files...),
		traces: heldTraces(spans),
		again:  func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error] { return heldTraces(spansOf(spans, ids)) },
		leftOut: func() []report.Warning {
			if refused == 0 {
				return nil
			}
			return []report.Warning{{Name: "refused", Count: refused, Meaning: "records that could not be read; slowtoken import says which and why"}}
		},
		holds:   func(context.Context) (window, bool) { return rangeOf(spans) },
		metrics: points,
		close:   func() error { return nil },
	}, nil
}

// heldTraces yields the traces of spans in memory.
func heldTraces(spans []analyzer.Span) iter.Seq2[*analyzer.Trace, error] {
	return func(yield func(*analyzer.Trace, error) bool) {
		for t := range analyzer.GroupByTrace(spans) {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// spansOf returns the spans of some traces.
func spansOf(spans []analyzer.Span, ids []analyzer.TraceID) []analyzer.Span {
	var list []analyzer.Span
	for i := range spans {
		if slices.Contains(ids, spans[i].TraceID) {
			list = append(list, spans[i])
		}
	}
	return list
}

// quoteArgs writes arguments as a POSIX shell reads them, each with a space behind it.
func quoteArgs(args ...string) string {
	var b strings.Builder
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, needsQuotes) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		b.WriteString(arg + " ")
	}
	return b.String()
}

func needsQuotes(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:@%+=,", r)
}

// readSpans reads all spans of a file with the attributes that wanted picks, and counts what was refused. Metric points
// between them go to points.
func (a *app) readSpans(ctx context.Context, name string, wanted func(key string) bool, points *heldPoints) (spans []analyzer.Span, refused int, err error) {
	r, shown, err := a.openInput(name)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	bar := a.progress("reading", totalSize([]string{name}))
	defer bar.done()
	s, err := ingest.Read(ctx, shown, r, ingest.ReadOptions{Attributes: wanted, Progress: bar.set, Metrics: points.add}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	return spans, s.Refused.Total(), err
}

func rangeOf(spans []analyzer.Span) (window, bool) {
	if len(spans) == 0 {
		return window{}, false
	}
	first, last := spans[0].Start, spans[0].End
	for i := range spans {
		first, last = min(first, spans[i].Start), max(last, spans[i].End)
	}
	return window{time.Unix(0, first).UTC(), time.Unix(0, last).UTC()}, true
}

// bytesPerSpan is about what a span takes in memory while its trace is analyzed.
const bytesPerSpan = 1024

// openDatabase reads the traces that overlap the window.
func (a *app) openDatabase(ctx context.Context, r reading) (*traceSource, error) {
	db, err := openStore(ctx, a.config, true)
	if err != nil {
		return nil, err
	}
	query := storage.Query{Columns: storage.AnalysisColumns, OpenSince: a.now().Add(-a.config.Settle).UnixNano()}
	query.Since, query.Until = r.window.nanos()
	if r.whole {
		query.Columns = storage.AllColumns
	}
	counts, err := db.Count(ctx, query)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	traces := streamTraces(ctx, db, query, r.memory)
	if r.sorted {
		traces = sortTraces(ctx, db, query, counts.Spans, r.memory)
	}
	args := ""
	if strings.HasPrefix(a.config.lookup("db").origin, "flag ") {
		args = quoteArgs("--db", a.config.DB)
	}
	return &traceSource{
		name:   a.config.DB,
		args:   args,
		link:   pulledLink(a.config.DB),
		traces: traces,
		again: func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error] {
			some := query
			some.TraceIDs = ids
			return streamTraces(ctx, db, some, r.memory)
		},
		leftOut: func() []report.Warning {
			if counts.OpenTraces == 0 {
				return nil
			}
			return []report.Warning{{Name: leftOpen, Count: int(counts.OpenTraces), Meaning: fmt.Sprintf(
				"traces left out because spans of them arrived in the last %s and more may follow (--settle)", a.config.Settle)}}
		},
		holds: func(ctx context.Context) (window, bool) {
			all, err := db.Count(ctx, storage.Query{OpenSince: query.OpenSince})
			return window{time.Unix(0, all.First).UTC(), time.Unix(0, all.Last).UTC()}, err == nil && all.Traces > 0
		},
		metrics: storedMetrics(db),
		close:   db.Close,
	}, nil
}

// streamTraces yields the traces that query selects, each as soon as its spans are there.
func streamTraces(ctx context.Context, db store, query storage.Query, memory int64) iter.Seq2[*analyzer.Trace, error] {
	query.Hold = max(1, int(memory/bytesPerSpan))
	return func(yield func(*analyzer.Trace, error) bool) {
		for batch, err := range db.Spans(ctx, query) {
			if err != nil {
				yield(nil, fmt.Errorf("read spans: %w", err))
				return
			}
			for t := range analyzer.GroupByTrace(batch) {
				if !yield(t, nil) {
					return
				}
			}
		}
	}
}

// maxPartitions is how finely the database can divide the traces.
const maxPartitions = 256

// sortTraces yields the traces that query selects in as many passes as memory asks for: each takes the traces whose ids
// fall into its share, and sorts them.
func sortTraces(ctx context.Context, db store, query storage.Query, spans, memory int64) iter.Seq2[*analyzer.Trace, error] {
	query.Partitions = min(int(spans*bytesPerSpan/memory)+1, maxPartitions)
	return func(yield func(*analyzer.Trace, error) bool) {
		for query.Partition = range query.Partitions {
			if !yieldTraces(ctx, db, query, yield) {
				return
			}
		}
	}
}

// yieldTraces yields the traces that query selects by id. It reports whether there may be more.
func yieldTraces(ctx context.Context, db store, query storage.Query, yield func(*analyzer.Trace, error) bool) bool {
	var spans []analyzer.Span
	for batch, err := range db.Spans(ctx, query) {
		if err != nil {
			return yield(nil, fmt.Errorf("read spans: %w", err)) && false
		}
		spans = append(spans, batch...)
	}
	for t := range analyzer.GroupByTrace(spans) {
		if !yield(t, nil) {
			return false
		}
	}
	return true
}
