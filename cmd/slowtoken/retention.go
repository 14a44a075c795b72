package main

import (
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slowtoken/slowtoken/storage"
)

// What a retention is at least: less would be a slip of the pen, not a wish.
const (
	leastAge  = time.Second
	leastSize = 100e6
)

// retention reads the settings that say what serve removes.
func (c *config) retention() (r storage.Retention, err error) {
	if text := c.Serve.Retain; text != "" && text != noLimit {
		s := c.lookup("serve.retain")
		if r.Age, err = parseAge(text); err != nil || r.Age < leastAge {
			return r, usageError("%s: %s %q: want an age such as 12h or 7d, at least %s, or %s", s.origin, s.key, text, leastAge, noLimit)
		}
	}
	if text := c.Serve.MaxSize; text != "" && text != noLimit {
		s := c.lookup("serve.db-max-size")
		if r.Size, err = parseSize(text); err != nil || r.Size < leastSize {
			return r, usageError("%s: %s %q: want a size such as 20GB or 500MiB, at least 100MB, or %s", s.origin, s.key, text, noLimit)
		}
	}
	return r, nil
}

// databaseMetrics are what serve tells of its database on /metrics.
func databaseMetrics(db *storage.DB, path string) []prometheus.Collector {
	counter := func(name, help string, of func(storage.Removed) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of(db.Removed())) })
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	return []prometheus.Collector{
		counter("slowtoken_removed_traces_total", "Traces that --retain and --db-max-size removed.", func(r storage.Removed) int64 { return r.Traces }),
		counter("slowtoken_removed_spans_total", "Spans of these traces.", func(r storage.Removed) int64 { return r.Spans }),
		counter("slowtoken_removed_metric_points_total", "Metric points that --retain and --db-max-size removed.", func(r storage.Removed) int64 { return r.Points }),
		gauge("slowtoken_retention_failing", "1 while the last attempt to remove what is old failed; slowtoken doctor says why.", func() float64 {
			if db.Removed().Failure != "" {
				return 1
			}
			return 0
		}),
		gauge("slowtoken_database_bytes", "Size of the database file and its write-ahead log.", func() float64 {
			var bytes int64
			for _, name := range []string{path, path + ".wal"} {
				if info, err := os.Stat(name); err == nil {
					bytes += info.Size()
				}
			}
			return float64(bytes)
		}),
	}
}
