package storage

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestHeldBatchesAreWholeTraces stores the spans of many traces in order, shuffled near by, and shuffled all over, and
// reads them with little and with much room to wait: every batch has whole traces, and every trace comes once.
func TestHeldBatchesAreWholeTraces(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	near := func(spans []analyzer.Span) {
		for i := 0; i+200 <= len(spans); i += 100 {
			part := spans[i : i+200]
			rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
		}
	}
	for _, c := range []struct {
		name    string
		shuffle func([]analyzer.Span)
	}{
		{"in order", func([]analyzer.Span) {}},
		{"shuffled near by", near},
		{"shuffled all over", func(s []analyzer.Span) { rng.Shuffle(len(s), func(a, b int) { s[a], s[b] = s[b], s[a] }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openNew(t)
			want := newCorpus(3).spans(20_000)
			totals := map[analyzer.TraceID]int{}
			for i := range want {
				totals[want[i].TraceID]++
			}
			stored := append([]analyzer.Span{}, want...)
			c.shuffle(stored)
			for from := 0; from < len(stored); from += 3000 {
				insert(t, db, stored[from:min(from+3000, len(stored))])
			}
			for _, hold := range []int{1, 500, 5000, 1 << 30} {
				for _, columns := range []Columns{AnalysisColumns, AllColumns} {
					var all []analyzer.Span
					seen := map[analyzer.TraceID]bool{}
					for batch, err := range db.Spans(context.Background(), Query{Hold: hold, Columns: columns}) {
						if err != nil {
							t.Fatal(err)
						}
						here := map[analyzer.TraceID]int{}
						for i := range batch {
							here[batch[i].TraceID]++
						}
						for id, n := range here {
							if n != totals[id] || seen[id] {
								t.Fatalf("hold %d: a batch has %d of %d spans of trace %s, seen before: %v", hold, n, totals[id], id, seen[id])
							}
							seen[id] = true
						}
						all = append(all, batch...)
					}
					if len(all) != len(want) {
						t.Fatalf("hold %d: %d spans were read, want %d", hold, len(all), len(want))
					}
					if columns == AllColumns {
						sameSpans(t, all, want)
					}
				}
			}
		})
	}
}

// TestHoldPicksLikeAnyQuery: windows, ids and open traces are left out as without Hold.
func TestHoldPicksLikeAnyQuery(t *testing.T) {
	db := openNew(t)
	for n := range byte(40) {
		insert(t, db, traceOf(n+1, int64(n)*10, int64(n)*10+15))
	}
	for _, q := range []Query{
		{Since: 100, Until: 200},
		{TraceIDs: []analyzer.TraceID{{3, 15: 3}, {9, 15: 9}}},
		{Partition: 1, Partitions: 3},
		{Since: 100_000},
	} {
		q.Columns = AllColumns
		want := read(t, db, q)
		q.Hold = 4
		sameSpans(t, read(t, db, q), want)
	}
}

func TestHoldStopsWhenNobodyWantsMore(t *testing.T) {
	db := openNew(t)
	insert(t, db, newCorpus(4).spans(8000))
	batches := 0
	for _, err := range db.Spans(context.Background(), Query{Hold: 1000}) {
		if err != nil {
			t.Fatal(err)
		}
		if batches++; batches == 2 {
			break
		}
	}
	if batches != 2 {
		t.Errorf("%d batches came, want 2", batches)
	}
}
