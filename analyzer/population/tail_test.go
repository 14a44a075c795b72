package population

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTailPartsSum(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	for range 60 {
		list := randomRequests(5+random.IntN(500), random.Uint64())
		for i := range list {
			list[i].covered = random.IntN(10) == 0
		}
		p := populationOf(list)
		for _, r := range p.regimes(p.Domains(nil)[0].Members, nil) {
			p.split(r, 0)
			for _, path := range []Path{PathTTFT, PathE2E} {
				a := p.tail(r, path, true)
				sum := int64(0)
				for _, part := range a.Parts {
					sum += part.NS
					var tail, body float64
					for _, side := range []struct {
						members []int32
						mean    *float64
					}{{r.Tail, &tail}, {r.Body, &body}} {
						for _, m := range side.members {
							for _, pt := range p.Records[m].Phases() {
								if pt.Phase == part.Phase && (pt.Covers != 0) == (part.Covers != nil) {
									*side.mean += float64(pt.On(path)) / float64(len(side.members))
								}
							}
						}
					}
					if math.Abs(float64(part.NS)-(tail-body)) > 2 {
						t.Fatalf("%s on %s: %d ns, want %g", part.Phase, path, part.NS, tail-body)
					}
				}
				if sum != a.Difference || a.Difference != a.TailMean-a.BodyMean {
					t.Fatalf("parts on %s sum to %d, the difference is %d", path, sum, a.Difference)
				}
			}
		}
	}
}

// A burst of known size in random traffic is found to the request.
func TestBurstIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	for range 200 {
		var starts []int64
		at := int64(1e18)
		for range 20 {
			at += int64(5e8 + random.ExpFloat64()*1e9)
			starts = append(starts, at)
		}
		n := 8 + random.IntN(30)
		at += 5e8
		from := len(starts)
		for range n {
			at += random.Int64N(2e7)
			starts = append(starts, at)
		}
		for range 20 {
			at += int64(5e8 + random.ExpFloat64()*1e9)
			starts = append(starts, at)
		}
		first, last := burst(starts, 4)
		if first != from || last != from+n-1 {
			t.Fatalf("burst from %d to %d, want %d to %d", first, last, from, from+n-1)
		}
	}
}
