package main

import (
	"context"
	"iter"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A metricReader hands out metric points with a time in [since, until), in nanoseconds since the Unix epoch.
type metricReader interface {
	MetricPoints(ctx context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error]
}

// heldPoints are metric points of files.
type heldPoints []analyzer.MetricPoint

func (h *heldPoints) add(points []analyzer.MetricPoint) error {
	*h = append(*h, points...)
	return nil
}

// MetricPoints implements [metricReader].
func (h heldPoints) MetricPoints(_ context.Context, since, until int64) iter.Seq2[[]analyzer.MetricPoint, error] {
	return func(yield func([]analyzer.MetricPoint, error) bool) {
		var within []analyzer.MetricPoint
		for i := range h {
			if t := h[i].Time; t >= since && t < until {
				within = append(within, h[i])
			}
		}
		if len(within) > 0 {
			yield(within, nil)
		}
	}
}

// storedMetrics returns the metric points of a store, nil if it hands out none.
func storedMetrics(db store) metricReader {
	reader, ok := db.(metricReader)
	if !ok {
		return nil
	}
	return reader
}

// mostPoints is how many metric points are read for one analysis.
const mostPoints = 2_000_000

// metricPoints reads the metric points of a time, for [report.Options].
func (s *traceSource) metricPoints(ctx context.Context) func(population.Window) ([]analyzer.MetricPoint, error) {
	if s.metrics == nil {
		return nil
	}
	return func(w population.Window) (list []analyzer.MetricPoint, err error) {
		for batch, err := range s.metrics.MetricPoints(ctx, w.Since, w.Until) {
			if err != nil {
				return nil, err
			}
			if list = append(list, batch...); len(list) >= mostPoints {
				break
			}
		}
		return list, nil
	}
}
