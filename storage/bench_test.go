package storage

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// benchSpans is how many spans the benchmarks store and read: 125,000 traces of 8.
const benchSpans = 1_000_000

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkInsert stores spans from 8 callers, 800 spans a call, as collectors send them.
func BenchmarkInsert(b *testing.B) {
	spans := newCorpus(1).spans(benchSpans)
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "bench.duckdb")
		db, err := Open(context.Background(), Options{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		start, cpu := time.Now(), cpuSeconds()
		var callers sync.WaitGroup
		next := make(chan int, 1)
		for range 8 {
			callers.Go(func() {
				for from := range next {
					insert(b, db, spans[from:min(from+800, len(spans))])
				}
			})
		}
		for from := 0; from < len(spans); from += 800 {
			next <- from
		}
		close(next)
		callers.Wait()
		b.ReportMetric(float64(len(spans))/time.Since(start).Seconds(), "spans/s")
		b.ReportMetric(cpuSeconds()-cpu, "cpu-s/1M")
		log := fileSize(path + ".wal")
		closing := time.Now()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(closing).Seconds(), "close-s")
		b.ReportMetric(float64(log)/float64(len(spans)), "log-B/span")
		b.ReportMetric(float64(fileSize(path))/float64(len(spans)), "B/span")
	}
}

// BenchmarkRead opens a database of a million spans and reads all of them.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.duckdb")
	if kept := os.Getenv("SLOWTOKEN_BENCH_DB"); kept != "" {
		path = kept // a file that outlives the benchmark saves the time to fill it
	}
	if fileSize(path) == 0 {
		db := openAt(b, path)
		for c, n := newCorpus(1), 0; n < benchSpans; n += 20_000 {
			insert(b, db, c.spans(20_000))
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for name, columns := range map[string]Columns{"analysis": AnalysisColumns, "all": AllColumns} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cpu := cpuSeconds()
				db, err := Open(context.Background(), Options{Path: path, ReadOnly: true})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for spans, err := range db.Spans(context.Background(), Query{Columns: columns}) {
					if err != nil {
						b.Fatal(err)
					}
					n += len(spans)
				}
				if n != benchSpans {
					b.Fatalf("read %d spans, want %d", n, benchSpans)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(cpuSeconds()-cpu, "cpu-s/op")
			}
		})
	}
}

// BenchmarkInsertWhileReading has 8 callers store spans while a million are read again and again, and reports how long
// the callers wait for their commits.
func BenchmarkInsertWhileReading(b *testing.B) {
	db := openNew(b)
	c := newCorpus(1)
	for range benchSpans / 20_000 {
		insert(b, db, c.spans(20_000))
	}
	ctx, stop := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reads := 0
	reader.Go(func() {
		for ctx.Err() == nil {
			read := 0
			for spans, err := range db.Spans(ctx, Query{Until: corpusStart + benchSpans/8*10e6}) {
				if err != nil && ctx.Err() == nil {
					b.Error(err)
				}
				read += len(spans)
			}
			if read >= benchSpans {
				reads++
			}
		}
	})
	for b.Loop() {
		var waits []time.Duration
		var mu sync.Mutex
		var callers sync.WaitGroup
		start := time.Now()
		for i := range 8 {
			callers.Go(func() {
				c := newCorpus(uint64(100 + i))
				for range 100 {
					spans := c.spans(800)
					sent := time.Now()
					insert(b, db, spans)
					mu.Lock()
					waits = append(waits, time.Since(sent))
					mu.Unlock()
				}
			})
		}
		callers.Wait()
		slices.Sort(waits)
		b.ReportMetric(float64(len(waits)*800)/time.Since(start).Seconds(), "spans/s")
		b.ReportMetric(waits[len(waits)/2].Seconds()*1e3, "p50-ms")
		b.ReportMetric(waits[len(waits)*99/100].Seconds()*1e3, "p99-ms")
		b.ReportMetric(waits[len(waits)-1].Seconds()*1e3, "max-ms")
	}
	stop()
	reader.Wait()
	b.ReportMetric(float64(reads), "reads")
}
