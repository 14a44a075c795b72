package analyzer

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// failer is what tests, fuzz targets and properties have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// requireTiled fails unless t's path tiles every root exactly, in turn.
func requireTiled(t failer, trace *Trace) {
	t.Helper()
	path := trace.CriticalPath()
	at := 0
	for _, r := range trace.Roots() {
		now, end := trace.Extent(r)
		for ; now < end; at++ {
			if at == len(path) {
				t.Fatalf("the path ends at %d, before its root ends at %d", now, end)
			}
			s := path[at]
			if s.Start != now || s.End <= s.Start || s.End > end {
				t.Fatalf("interval %d is [%d, %d], want one that starts at %d and ends by %d", at, s.Start, s.End, now, end)
			}
			now = s.End
		}
	}
	if at != len(path) {
		t.Fatalf("%d intervals after the last root", len(path)-at)
	}
}

func TestPathsAreWalkedSideBySide(t *testing.T) {
	trace := NewTrace(randomTrace(rand.New(rand.NewPCG(3, 3)), 1, 500))
	want := trace.CriticalPath()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if !slices.Equal(trace.CriticalPath(), want) {
					t.Error("another path at the same time")
					return
				}
				trace.walk(trace.Roots()[0], walkOptions{Exclude: func(i int32) bool { return i%7 == 0 }})
			}
		})
	}
	all.Wait()
}
