package population

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRegimesPartitionTheirDomain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		p := populationOf(randomRequests(20+random.IntN(900), random.Uint64()))
		for _, d := range p.Domains(nil) {
			var members []int32
			regimes := p.regimes(d.Members, nil)
			for i, r := range regimes {
				if i > 0 && r.Since != regimes[i-1].Until {
					t.Fatalf("regime %d begins at %d, the one before ends at %d", i, r.Since, regimes[i-1].Until)
				}
				for _, m := range r.Members {
					if s := p.Records[m].Start; s < r.Since || s > r.Until {
						t.Fatalf("a request of %d is in the regime from %d to %d", s, r.Since, r.Until)
					}
				}
				if len(regimes) > 1 && (r.Until-r.Since < minRegimeTime || len(r.Members) < minRegimeRequests) {
					t.Fatalf("regime %d of %d holds %d requests in %d ns", i, len(regimes), len(r.Members), r.Until-r.Since)
				}
				members = append(members, r.Members...)
			}
			if !slices.Equal(members, d.Members) {
				t.Fatal("the members of the regimes are not those of the domain")
			}
		}
	}
}

// Steady load is one regime in nearly every sample: the penalty leaves few false changes, and short stretches are joined.
func TestSteadyLoadIsOneRegime(t *testing.T) {
	more := 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 3))
		var list []planned
		at := int64(1e18)
		for range 1000 {
			at += int64(random.ExpFloat64() * 1e9)
			list = append(list, planned{start: at, prefill: 1e8, decode: 3e8, in: 10, out: 4, instance: "a"})
		}
		p := populationOf(list)
		if len(p.regimes(p.Domains(nil)[0].Members, nil)) > 1 {
			more++
		}
	}
	if more > 4 {
		t.Errorf("%d of 40 samples of steady load are cut", more)
	}
}

// costOfBest looks at every segmentation, which takes n squared steps.
func costOfBest(l *load) float64 {
	n := len(l.arrivals)
	penalty := 3 * math.Log(float64(n))
	best := make([]float64, n+1)
	best[0] = -penalty
	for to := 1; to <= n; to++ {
		best[to] = math.Inf(1)
		for from := range to {
			best[to] = min(best[to], best[from]+l.costOf(from, to)+penalty)
		}
	}
	return best[n]
}

func (l *load) costOf(from, to int) float64 {
	var a, f float64
	for i := from; i < to; i++ {
		a += l.arrivals[i]
		f += l.inFlight[i]
	}
	return poissonCost(a, float64(to-from)) + poissonCost(f, float64(to-from))
}

func TestChangesAreTheCheapest(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	for range 50 {
		n := 1 + random.IntN(80)
		l := &load{arrivals: make([]float64, n), inFlight: make([]float64, n)}
		level := 5.0
		for i := range n {
			if random.IntN(15) == 0 {
				level = 1 + 20*random.Float64()
			}
			l.arrivals[i], l.inFlight[i] = math.Floor(level*random.Float64()*2), level*random.Float64()
		}
		starts := append(l.changes(), n)
		got := 0.0
		for i := 1; i < len(starts); i++ {
			got += l.costOf(starts[i-1], starts[i])
		}
		got += 3 * math.Log(float64(n)) * float64(len(starts)-2)
		if want := costOfBest(l); math.Abs(got-want) > 1e-6*math.Abs(want)+1e-9 {
			t.Fatalf("%d bins cut at %v cost %g, the cheapest %g", n, starts, got, want)
		}
	}
}

func TestBlocksTileBusyPeriods(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for range 40 {
		p := populationOf(randomRequests(20+random.IntN(600), random.Uint64()))
		members := p.Domains(nil)[0].Members
		busy := p.busy(members, nil)
		held := 0
		for _, r := range p.regimes(members, nil) {
			p.split(r, 0)
			blocks := p.blocks(r, busy)
			for i, b := range blocks {
				if b.Until < b.Since || i > 0 && b.Since < blocks[i-1].Until {
					t.Fatalf("block %d from %d to %d, the one before ends at %d", i, b.Since, b.Until, blocks[i-1].Until)
				}
				if length, least := b.Until-b.Since, max((r.Until-r.Since)/20, 5*r.P95); length > 2*least {
					t.Fatalf("a block of %d ns, where %d are enough", length, least)
				}
				for _, m := range b.Members {
					if s := p.Records[m].Start; s < b.Since || s > b.Until {
						t.Fatalf("a request of %d is in the block from %d to %d", s, b.Since, b.Until)
					}
				}
				held += len(b.Members)
			}
		}
		if held != len(members) {
			t.Fatalf("blocks hold %d of %d requests", held, len(members))
		}
	}
}
