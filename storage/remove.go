package storage

import (
	"context"
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// removable names up to most traces of which all was received at or before cutoff, those that ended first coming first.
func (db *DB) removable(ctx context.Context, cutoff int64, most int) ([]removableTrace, error) {
	var list []removableTrace
	err := db.look(ctx, func(ch chunk, row int) {
		id := at[[2]uint64](ch.column(0), row)
		list = append(list, removableTrace{traceIDOf(id[0], int64(id[1])), at[int64](ch.column(1), row)})
	}, queryRemovable, cutoff, most)
	if err != nil {
		return nil, fmt.Errorf("look for the oldest traces: %w", err)
	}
	return list, nil
}

// oldest returns when the oldest share of what is stored was received; any is false when nothing is stored.
func (db *DB) oldest(ctx context.Context, share float64) (cutoff int64, any bool, err error) {
	err = db.look(ctx, func(ch chunk, row int) { cutoff, any = at[int64](ch.column(0), row), true }, queryOldest, int64(share*1e6))
	if err != nil {
		return 0, false, fmt.Errorf("look for the oldest rows: %w", err)
	}
	return cutoff, any, nil
}

// taken returns how many bytes the blocks in use and the log take.
func (db *DB) taken(ctx context.Context) (int64, error) {
	var used int64
	err := db.look(ctx, func(ch chunk, row int) { used = at[int64](ch.column(0), row) }, querySpace)
	if err != nil {
		return 0, fmt.Errorf("look how large the database is: %w", err)
	}
	return used + fileSize(db.options.Path+".wal"), nil
}

// look runs one query on a connection of its own.
func (db *DB) look(ctx context.Context, f func(ch chunk, row int), q query, args ...any) error {
	c, err := db.reader(ctx)
	if err != nil {
		return err
	}
	defer db.done(c)
	return c.each(ctx, f, q.text(), args...)
}

// removeTraces removes traces, each entirely, except those that grew since retention looked at them.
func (w *writer) removeTraces(list []removableTrace, cutoff int64) (traces, spans int64, err error) {
	ids := make([]analyzer.TraceID, 0, len(list))
	for _, t := range list {
		if _, grew := w.touched[t.id]; !grew {
			ids = append(ids, t.id)
		}
	}
	if len(ids) == 0 {
		return 0, 0, nil
	}
	ctx := context.Background()
	err = w.conn.transaction(ctx, func() error {
		if spans, err = w.conn.change(ctx, queryRemoveSpans, ids, cutoff); err != nil {
			return err
		}
		_, err = w.conn.change(ctx, queryRemoveRanges, ids, cutoff)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("remove %d traces: %w", len(ids), err)
	}
	return int64(len(ids)), spans, nil
}

// removePoints removes some of the metric points that were received at or before cutoff.
func (w *writer) removePoints(cutoff int64) (points int64, err error) {
	points, err = w.conn.change(context.Background(), queryRemovePoints, cutoff, firstRemoval)
	if err != nil {
		return 0, fmt.Errorf("remove metric points: %w", err)
	}
	return points, nil
}

// change runs a statement that changes rows, and returns how many.
func (c *conn) change(ctx context.Context, q query, args ...any) (rows int64, err error) {
	err = c.each(ctx, func(ch chunk, row int) { rows = at[int64](ch.column(0), row) }, q.text(), args...)
	return rows, err
}
