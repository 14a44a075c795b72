package storage

import (
	"context"
	"fmt"
	"iter"

	"github.com/slowtoken/slowtoken/analyzer"
)

// MetricPoints returns the metric points with a time in [since, until), in nanoseconds since the Unix epoch, in batches,
// in the order they were stored. Zero leaves a side open. The iteration ends with the first error.
func (db *DB) MetricPoints(ctx context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error] {
	return func(yield func([]analyzer.MetricPoint, error) bool) {
		stopped, err := db.metricPoints(ctx, since, until, yield)
		if err != nil && !stopped {
			yield(nil, fmt.Errorf("read metric points of %s: %w", db.options.Path, err))
		}
	}
}

func (db *DB) metricPoints(ctx context.Context, since, until int64, yield func([]analyzer.MetricPoint, error) bool) (stopped bool, err error) {
	c, err := db.reader(ctx)
	if err != nil {
		return false, err
	}
	defer db.done(c)
	return stopped, c.transaction(ctx, func() error {
		view, err := db.catalog.view(ctx, c)
		if err != nil {
			return err
		}
		r, err := c.query(ctx, queryMetricPoints.text(), since, lastBefore(until))
		if err != nil {
			return err
		}
		defer r.close()
		for {
			ch, ok, err := r.next()
			if err != nil || !ok {
				return err
			}
			points, err := newPointReader(ch, view).read(ch.rows)
			ch.destroy()
			if err != nil {
				return err
			}
			if !yield(points, nil) {
				stopped = true
				return errStopped
			}
		}
	})
}

// A pointReader reads the columns of metric_points.sql.
type pointReader struct {
	view               catalogView
	c                  []column
	bounds, buckets    column
	exponential        [7]column
	positive, negative column
	quantiles, values  column
	exemplars          [6]column
}

func newPointReader(ch chunk, view catalogView) *pointReader {
	p := &pointReader{view: view}
	for i := range 24 {
		p.c = append(p.c, ch.column(i))
	}
	p.bounds, p.buckets = p.c[19].items(), p.c[20].items()
	for i := range p.exponential {
		p.exponential[i] = p.c[21].field(i)
	}
	p.positive, p.negative = p.exponential[4].items(), p.exponential[6].items()
	quantiles := p.c[22].items()
	p.quantiles, p.values = quantiles.field(0), quantiles.field(1)
	exemplars := p.c[23].items()
	for i := range p.exemplars {
		p.exemplars[i] = exemplars.field(i)
	}
	return p
}

func (p *pointReader) read(rows int) ([]analyzer.MetricPoint, error) {
	points := make([]analyzer.MetricPoint, rows)
	for row := range points {
		if err := p.point(&points[row], row); err != nil {
			return nil, fmt.Errorf("metric %s: %w", points[row].Name, err)
		}
	}
	return points, nil
}

func (p *pointReader) point(to *analyzer.MetricPoint, row int) (err error) {
	c := p.c
	to.Name, to.Description, to.Unit = c[0].text(row), c[1].text(row), c[2].text(row)
	to.Type = analyzer.MetricType(at[uint8](c[3], row))
	to.Temporality = analyzer.Temporality(at[uint8](c[4], row))
	to.Monotonic = at[bool](c[5], row)
	if to.Metadata, err = parseTypedMap(c[6].text(row)); err != nil {
		return err
	}
	to.Start, to.Time = at[int64](c[7], row), at[int64](c[8], row)
	if to.Attributes, err = parseTypedMap(c[9].text(row)); err != nil {
		return err
	}
	to.Flags = at[uint32](c[10], row)
	if !c[11].null(row) {
		to.Resource = p.view.resources[at[uint32](c[11], row)]
	}
	if !c[12].null(row) {
		to.Scope = p.view.scopes[at[uint32](c[12], row)]
	}
	to.Value = number(c[13], c[14], row)
	to.Count = at[uint64](c[15], row)
	to.Sum, to.Min, to.Max = double(c[16], row), double(c[17], row), double(c[18], row)
	to.Bounds = values[float64](c[19], p.bounds, row)
	to.Buckets = values[uint64](c[20], p.buckets, row)
	if !c[21].null(row) {
		e := p.exponential
		to.Exponential = &analyzer.ExponentialBuckets{
			Scale: at[int32](e[0], row), ZeroCount: at[uint64](e[1], row), ZeroThreshold: at[float64](e[2], row),
			PositiveOffset: at[int32](e[3], row), Positive: values[uint64](e[4], p.positive, row),
			NegativeOffset: at[int32](e[5], row), Negative: values[uint64](e[6], p.negative, row),
		}
	}
	for i, end := c[22].list(row); i < end; i++ {
		to.Quantiles = append(to.Quantiles, analyzer.Quantile{Quantile: at[float64](p.quantiles, i), Value: at[float64](p.values, i)})
	}
	return p.readExemplars(to, row)
}

func (p *pointReader) readExemplars(to *analyzer.MetricPoint, row int) error {
	e := p.exemplars
	for i, end := p.c[23].list(row); i < end; i++ {
		attrs, err := parseTypedMap(e[5].text(i))
		if err != nil {
			return err
		}
		id := at[[2]uint64](e[3], i)
		to.Exemplars = append(to.Exemplars, analyzer.Exemplar{
			Time: at[int64](e[0], i), Value: number(e[1], e[2], i), TraceID: traceIDOf(id[0], int64(id[1])),
			SpanID: spanIDOf(at[uint64](e[4], i)), Attributes: attrs,
		})
	}
	return nil
}

// number reads a value from the column of its type.
func number(ints, doubles column, row int) analyzer.Value {
	if !ints.null(row) {
		return analyzer.Int(at[int64](ints, row))
	}
	return double(doubles, row)
}

func double(c column, row int) analyzer.Value {
	if c.null(row) {
		return analyzer.Value{}
	}
	return analyzer.Double(at[float64](c, row))
}

// values copies a list; NULL reads as nil.
func values[T any](lists, items column, row int) []T {
	from, to := lists.list(row)
	if from == to {
		return nil
	}
	list := make([]T, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, at[T](items, i))
	}
	return list
}
