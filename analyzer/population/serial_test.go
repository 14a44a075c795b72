package population

import (
	"math/rand/v2"
	"testing"
)

// oneAtATime are requests that take their time in an engine with room for all. With one loop, each is taken up only when the
// one before it is done, and what shows that is the network alone.
func oneAtATime(n int, oneLoop bool) (list []planned) {
	random := rand.New(rand.NewPCG(11, 11))
	at, free := int64(1e18), int64(0)
	for range n {
		at += int64(random.ExpFloat64() * 2e9)
		q := planned{start: at, network: 4e6 + random.Int64N(1e6), frontend: 1e6, in: 10 + random.Int64N(1000), out: 2 + random.Int64N(200), instance: "a"}
		q.prefill, q.decode = 5e6+q.in*2e4, (q.out-1)*8e6
		switch wait := free - at - q.network; {
		case oneLoop && wait > 0:
			q.network += wait
		case !oneLoop:
			q.network += int64(random.ExpFloat64() * 3e8)
		}
		free = at + q.network + q.frontend + q.prefill + q.decode
		list = append(list, q)
	}
	return list
}

// A request waits for all that those before it still need where one loop serves all, and for nobody where it is far away.
func TestSerialTellsWaitFromDistance(t *testing.T) {
	for _, oneLoop := range []bool{true, false} {
		p := populationOf(oneAtATime(400, oneLoop))
		var members []*Record
		for i := range p.Records {
			members = append(members, &p.Records[i])
		}
		s := SerialOf(members)
		if s == nil || s.N != 400 || s.Calls == nil || s.Excess < 1e7 {
			t.Fatalf("one loop %v: %+v", oneLoop, s)
		}
		if oneLoop && (s.Calls.Low < 0.95 || s.Calls.High > 1.05) || !oneLoop && s.Calls.High > 0.5 {
			t.Errorf("one loop %v: requests take %.2f (%.2f to %.2f) of what those before them need", oneLoop, s.Calls.Value, s.Calls.Low, s.Calls.High)
		}
	}
	if s := SerialOf(nil); s != nil {
		t.Errorf("of nobody: %+v", s)
	}
}
