package storage

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestRetentionThatIsKilledLeavesWholeTraces kills a process that stores and removes at the same time, at random
// instants: every trace is whole or gone, those that are gone are the oldest, and nothing else lies beside the database.
func TestRetentionThatIsKilledLeavesWholeTraces(t *testing.T) {
	const batch, limit = 800, 4 << 20
	path := filepath.Join(t.TempDir(), "traces.duckdb")
	var batches [][]analyzer.TraceID // in the order stored
	unanswered := map[int]bool{}     // batches that were on their way when the process was killed
	for round := range 4 {
		kill := startWriter(t, path, killedWriter{Seed: uint64(round), Batch: batch, Limit: limit}, 16_000)
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the instant of the kill, which is to be random
		stored := kill()
		c := newCorpus(uint64(round))
		for n := 0; n <= stored; n += batch {
			var ids []analyzer.TraceID
			for i, s := range c.spans(batch) {
				if i%8 == 0 {
					ids = append(ids, s.TraceID)
				}
			}
			batches = append(batches, ids)
		}
		unanswered[len(batches)-1] = true

		reader, err := Open(context.Background(), Options{Path: path, ReadOnly: true})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		spans := map[analyzer.TraceID]int{}
		for _, s := range read(t, reader, Query{}) {
			spans[s.TraceID]++
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		for id, n := range spans {
			if n != 8 {
				t.Fatalf("round %d: trace %s has %d of its 8 spans", round, id, n)
			}
		}
		oldest, gone := -1, 0 // the first batch of which something is left
		for i, ids := range batches {
			left := 0
			for _, id := range ids {
				if spans[id] > 0 {
					left++
				}
			}
			switch {
			case oldest < 0 && left > 0:
				oldest = i
			case oldest < 0:
				gone += len(ids)
			case left != len(ids) && !(unanswered[i] && left == 0):
				t.Fatalf("round %d: of batch %d of %d, %d of %d traces are left, although older ones are", round, i, len(batches), left, len(ids))
			}
		}
		if oldest < 0 || gone == 0 && round > 0 {
			t.Fatalf("round %d: the oldest batch is %d of %d, %d traces are gone: nothing to see here", round, oldest, len(batches), gone)
		}
	}
	db := openAt(t, path)
	insert(t, db, traceOf(1, 0, 10))
}
