package storage

import (
	"context"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A scan reads the spans that one query picks.
type scan struct {
	db     *DB
	conn   *conn
	view   catalogView
	query  Query
	picked picked
	args   []any // as bounds gives them
	yield  func([]analyzer.Span, error) bool
}

// columns reads the columns that the query wants. Analysis wants few of most spans, and those that have attributes
// which it reads outside of the hot columns are read separately.
func (s *scan) columns(ctx context.Context, take func(batch) error) error {
	hot, totals := s.db.hot, s.query.Hold > 0
	if s.query.Columns == AllColumns {
		return s.read(ctx, newLayout(s.view, hot, true, false, totals), nil, false, take)
	}
	elsewhere := s.view.elsewhere()
	err := s.read(ctx, newLayout(s.view, hot, false, false, totals), elsewhere, false, take)
	if err != nil || len(elsewhere) == 0 {
		return err
	}
	return s.read(ctx, newLayout(s.view, hot, true, true, totals), elsewhere, true, take)
}

// read reads the spans of the named shapes, or of all others.
func (s *scan) read(ctx context.Context, l *layout, shapes []uint32, named bool, take func(batch) error) error {
	from, args := querySpansPicked, concat(s.args, []any{s.picked.First, s.picked.Last})
	switch {
	case s.query.Hold > 0:
		from = querySpansWhole
	case s.picked.Traces == s.picked.all && len(s.query.TraceIDs) == 0:
		from, args = querySpans, s.args[:2]
	}
	r, err := s.conn.query(ctx, from.withColumns(l.columns), concat(args, []any{shapes, named})...)
	if err != nil {
		return err
	}
	return decodeAll(ctx, r, l, s.db.options.Threads, take)
}

// pass hands a batch on as it is.
func (s *scan) pass(b batch) error {
	if !s.yield(b.spans, nil) {
		return errStopped
	}
	return nil
}

// whole hands out whole traces: first those whose spans lie near each other, then what that scan had to put off, part by
// part.
func (s *scan) whole(ctx context.Context) error {
	g := newGatherer(s.query.Hold, nil)
	if err := s.gather(ctx, g); err != nil {
		return err
	}
	first, last := s.args[0], s.args[1]
	defer func() { s.args[0], s.args[1] = first, last }()
	for _, part := range g.rest() {
		s.args[0], s.args[1] = part.first, part.last
		if err := s.gather(ctx, newGatherer(maxInt, g.putOff)); err != nil {
			return err
		}
	}
	return nil
}

const maxInt = int(^uint(0) >> 1)

func (s *scan) gather(ctx context.Context, g *gatherer) error {
	err := s.columns(ctx, func(b batch) error {
		if whole := g.add(b.spans, b.totals); len(whole) > 0 {
			return s.pass(batch{spans: whole})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if left := g.left(); len(left) > 0 {
		return s.pass(batch{spans: left})
	}
	return nil
}
