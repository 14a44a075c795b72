package population

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// clusters returns values whose blocks differ more than their items do.
func clusters(r *rand.Rand, blocks, each int) (values []float64, c Clustered) {
	c.Blocks = blocks
	for b := range blocks {
		shift := r.NormFloat64()
		for range each {
			values = append(values, shift+r.NormFloat64()/2)
			c.Of = append(c.Of, int32(b))
		}
	}
	return values, c
}

// TestIntervalsOfClusteredItemsCover: 95 % intervals of items that depend on each other within blocks hold the truth about
// as often as they say; those that take the items for independent do not.
func TestIntervalsOfClusteredItemsCover(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	const runs, sigma = 400, 1.118033988749895 // of shift and item together
	for _, x := range []struct {
		p, z   float64
		blocks int
	}{{0.5, 0, 8}, {0.5, 0, 40}, {0.95, 1.6448536, 40}, {0.95, 1.6448536, 100}} {
		covered, plain, share := 0, 0, 0
		for range runs {
			values, c := clusters(r, x.blocks, 50)
			sorted := slices.Sorted(slices.Values(values))
			truth := x.z * sigma
			holds := func(q Quantile) bool { return (q.LowOpen || q.Low <= truth) && (q.Open || q.High >= truth) }
			if holds(c.Quantile(values, sorted, x.p)) {
				covered++
			}
			if holds(QuantileOf(sorted, x.p)) {
				plain++
			}
			e, ok := c.Proportion(func(i int) bool { return values[i] <= truth })
			if ok && e.Low <= x.p && e.High >= x.p {
				share++
			}
		}
		for name, n := range map[string]int{"quantile": covered, "share": share} {
			if got := float64(n) / runs; got < 0.90 {
				t.Errorf("p%g of %d blocks: the interval of the %s holds the truth in %.3f of the runs, want 0.95", 100*x.p, x.blocks, name, got)
			}
		}
		if float64(plain)/runs > 0.8 {
			t.Errorf("p%g of %d blocks: plain intervals hold in %.3f, so the test shows nothing", 100*x.p, x.blocks, float64(plain)/runs)
		}
	}
}

// TestIntervalsAreNeverNarrowerThanOfIndependentItems, whatever the blocks.
func TestIntervalsAreNeverNarrowerThanOfIndependentItems(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	for range 500 {
		n := 5 + r.IntN(600)
		values := make([]float64, n)
		c := Clustered{Blocks: 5 + r.IntN(60), Of: make([]int32, n)}
		for i := range values {
			values[i], c.Of[i] = math.Round(10*r.ExpFloat64()), int32(r.IntN(c.Blocks))
		}
		sorted := slices.Sorted(slices.Values(values))
		for _, p := range []float64{0.5, 0.95, 0.99} {
			a, b := QuantileOf(sorted, p), c.Quantile(values, sorted, p)
			if b.Value != a.Value || a.LowOpen && !b.LowOpen || a.Open && !b.Open ||
				!b.LowOpen && (b.Low > a.Low || b.Low > b.Value) || !b.Open && (b.High < a.High || b.High < b.Value) {
				t.Fatalf("%+v of blocks, %+v of items", b, a)
			}
		}
		limit := sorted[n/2]
		holds := func(i int) bool { return values[i] <= limit }
		k := 0
		for i := range values {
			if holds(i) {
				k++
			}
		}
		if e, ok := c.Proportion(holds); ok && (e.Low > Proportion(k, n).Low || e.High < Proportion(k, n).High || e.Value != Proportion(k, n).Value) {
			t.Fatalf("%+v of blocks, %+v of items", e, Proportion(k, n))
		}
	}
}

// TestFewBlocksHaveNoInterval, and say why.
func TestFewBlocksHaveNoInterval(t *testing.T) {
	values, c := clusters(rand.New(rand.NewPCG(65, 66)), 4, 500)
	sorted := slices.Sorted(slices.Values(values))
	if q := c.Quantile(values, sorted, 0.5); !q.LowOpen || !q.Open || !q.FewBlocks || q.Value != QuantileOf(sorted, 0.5).Value {
		t.Errorf("%+v, want no interval for want of blocks", q)
	}
	if _, ok := c.Proportion(func(i int) bool { return values[i] > 0 }); ok {
		t.Error("4 blocks are enough")
	}
}

// TestOneBurstMakesNoInterval: where all slow requests are of one block, nothing bounds the tail from above.
func TestOneBurstMakesNoInterval(t *testing.T) {
	var values []float64
	c := Clustered{Blocks: 20}
	for b := range 20 {
		for i := range 20 {
			v := 1 + float64(i)/100
			if b == 7 {
				v = 20 + float64(i)
			}
			values, c.Of = append(values, v), append(c.Of, int32(b))
		}
	}
	sorted := slices.Sorted(slices.Values(values))
	plain := QuantileOf(sorted, 0.96)
	q := c.Quantile(values, sorted, 0.96)
	if plain.Open || plain.Low < 1.19 {
		t.Errorf("%+v of single requests: the test shows nothing", plain)
	}
	if !q.Open || q.LowOpen || q.Low > 1.2 {
		t.Errorf("%+v, want from about 1.2 to an open end", q)
	}
}

// TestBlocksOfRecords: each request has a block, those of one busy period are not split while it is short, and numbers are
// dense.
func TestBlocksOfRecords(t *testing.T) {
	var list []planned
	for i := range int64(300) { // pairs that overlap, 10 s apart
		at := i / 2 * 10e9
		list = append(list, planned{start: 1e18 + at + i%2*1e8, prefill: 5e8, decode: 1e9, in: 10, out: 10, instance: []string{"a", "b"}[i/2%2]})
	}
	p := populationOf(list)
	seen := make([]int, p.Blocks)
	for i := range p.Records {
		seen[p.Records[i].Block]++
		if i%2 == 1 && p.Records[i].Block != p.Records[i-1].Block {
			t.Errorf("requests %d and %d overlap, but are of blocks %d and %d", i-1, i, p.Records[i-1].Block, p.Records[i].Block)
		}
	}
	if p.Blocks != 150 || slices.Max(seen) != 2 || slices.Min(seen) != 2 {
		t.Errorf("%d blocks of %d to %d requests, want 150 of 2", p.Blocks, slices.Min(seen), slices.Max(seen))
	}
}
