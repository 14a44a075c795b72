package storage

import "github.com/slowtoken/slowtoken/analyzer"

// appendPoints writes metric points. It counts columns by their place in 0007_metric_points.sql and 0008.
func (w *writer) appendPoints(jobs []*job, now int64) error {
	a, err := newAppender(w.conn, "metric_points")
	if err != nil {
		return err
	}
	defer a.destroy()
	for _, j := range jobs {
		for i := range j.points {
			w.writePoint(a, &j.points[i], now)
			if err := a.next(); err != nil {
				return err
			}
		}
	}
	w.dict.replaced += a.replaced
	return a.flush()
}

func (w *writer) writePoint(a *appender, p *analyzer.MetricPoint, now int64) {
	row, c := a.row, a.cols
	c[0].text(row, p.Name)
	c[1].textOrNull(row, p.Description)
	c[2].textOrNull(row, p.Unit)
	put(c[3], row, uint8(p.Type))
	put(c[4], row, uint8(p.Temporality))
	put(c[5], row, p.Monotonic)
	c[6].typedMap(row, p.Metadata)
	put(c[7], row, p.Start)
	put(c[8], row, p.Time)
	c[9].typedMap(row, p.Attributes)
	put(c[10], row, p.Flags)
	if p.Resource == nil {
		c[11].null(row)
	} else {
		put(c[11], row, w.dict.resource(p.Resource))
	}
	if p.Scope == nil {
		c[12].null(row)
	} else {
		put(c[12], row, w.dict.scope(p.Scope))
	}
	writeNumber(c[13], c[14], row, p.Value)
	put(c[15], row, p.Count)
	for i, v := range []analyzer.Value{p.Sum, p.Min, p.Max} {
		c[16+i].double(row, v)
	}
	writeList(c[19], row, p.Bounds)
	writeList(c[20], row, p.Buckets)
	writeExponential(c[21], row, p.Exponential)
	writeQuantiles(c[22], row, p.Quantiles)
	writeExemplars(c[23], row, p.Exemplars)
	put(c[24], row, now)
}

// writeNumber writes a value into the column of its type, and NULL into the other.
func writeNumber(ints, doubles *vector, row int, v analyzer.Value) {
	if n, ok := v.AsInt(); ok {
		put(ints, row, n)
	} else {
		ints.null(row)
	}
	if f, ok := v.AsDouble(); ok {
		put(doubles, row, f)
	} else {
		doubles.null(row)
	}
}

// double writes a number, or NULL for an empty value.
func (v *vector) double(row int, value analyzer.Value) {
	f, ok := value.Number()
	if !ok {
		v.null(row)
		return
	}
	put(v, row, f)
}

func writeList[T any](v *vector, row int, list []T) {
	items := v.items()
	from := v.openOrNull(row, len(list))
	for i, x := range list {
		put(items, from+i, x)
	}
}

func writeExponential(v *vector, row int, e *analyzer.ExponentialBuckets) {
	f := v.fields(7)
	if e == nil {
		v.null(row)
		return
	}
	put(f[0], row, e.Scale)
	put(f[1], row, e.ZeroCount)
	put(f[2], row, e.ZeroThreshold)
	put(f[3], row, e.PositiveOffset)
	writeList(f[4], row, e.Positive)
	put(f[5], row, e.NegativeOffset)
	writeList(f[6], row, e.Negative)
}

func writeQuantiles(v *vector, row int, list []analyzer.Quantile) {
	f := v.items().fields(2)
	from := v.openOrNull(row, len(list))
	for i, q := range list {
		put(f[0], from+i, q.Quantile)
		put(f[1], from+i, q.Value)
	}
}

func writeExemplars(v *vector, row int, list []analyzer.Exemplar) {
	f := v.items().fields(6)
	from := v.openOrNull(row, len(list))
	for i := range list {
		e := &list[i]
		put(f[0], from+i, e.Time)
		writeNumber(f[1], f[2], from+i, e.Value)
		putTraceID(f[3], from+i, e.TraceID)
		put(f[4], from+i, numberOf(e.SpanID))
		f[5].typedMap(from+i, e.Attributes)
	}
}
