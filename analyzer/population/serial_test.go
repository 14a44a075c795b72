package population

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// oneAtATime are requests that take their time in an engine with room for all. With one loop, each is taken up only when the
// one before it is done, and what shows that is the network alone.
func oneAtATime(n int, oneLoop bool) (list []planned, waited int64) {
	random := rand.New(rand.NewPCG(11, 11))
	at, free := int64(1e18), int64(0)
	for range n {
		at += int64(random.ExpFloat64() * 2e9)
		q := planned{start: at, network: 4e6 + random.Int64N(1e6), frontend: 1e6, in: 10 + random.Int64N(1000), out: 2 + random.Int64N(200), instance: "a"}
		q.prefill, q.decode = 5e6+q.in*2e4, (q.out-1)*8e6
		if wait := free - at - q.network; oneLoop && wait > 0 {
			q.network += wait
			waited += wait
		}
		free = at + q.network + q.frontend + q.prefill + q.decode
		list = append(list, q)
	}
	return list, waited
}

// Where one loop serves all, the wait for it is the front end's to win back, whatever its telemetry calls it.
func TestWaitForOneLoopIsTheFrontEnds(t *testing.T) {
	list, waited := oneAtATime(400, true)
	p := populationOf(list)
	s := Examine(p, StudyOptions{Seed: 1, TargetMissed: true})
	got := scoreOf(t, s, analyzer.Frontend, PathE2E, CohortAll)
	want := float64(waited) / float64(len(list))
	if got.Value == nil || math.Abs(got.Recoverable.Value/want-1) > 0.05 {
		t.Errorf("frontend %+v, want %.3g ns a request won back", got, want)
	}
	if rest := scoreOf(t, s, analyzer.Network, PathE2E, CohortAll); rest.Share > 0.01 {
		t.Errorf("network keeps %.0f %% of the time", 100*rest.Share)
	}
}

// A long way that nobody else's call explains stays the network's.
func TestDistanceIsNotTheFrontEnds(t *testing.T) {
	list, _ := oneAtATime(400, false)
	random := rand.New(rand.NewPCG(12, 12))
	for i := range list {
		list[i].network += int64(random.ExpFloat64() * 3e8)
	}
	s := Examine(populationOf(list), StudyOptions{Seed: 1, TargetMissed: true})
	if got := scoreOf(t, s, analyzer.Frontend, PathE2E, CohortAll); got.Share > 0.01 {
		t.Errorf("frontend takes %.0f %% of the time: %+v", 100*got.Share, got)
	}
}
