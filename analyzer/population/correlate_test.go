package population

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestNoiseCorrelatesWithNothing holds the share of studies that find something where nothing is: each has 2 phases with
// noise and 5 tenants.
func TestNoiseCorrelatesWithNothing(t *testing.T) {
	const studies = 40
	found := 0
	for seed := range uint64(studies) {
		random := rand.New(rand.NewPCG(seed, 11))
		list := atFloor(150)
		for i := range list {
			list[i].prefill += random.Int64N(3e8)
			list[i].decode += random.Int64N(3e8)
			list[i].tenant = string(rune('a' + random.IntN(5)))
		}
		for _, c := range Examine(populationOf(list), StudyOptions{Seed: seed}).Correlations {
			if c.Attribute == "tenant" {
				found++
				break
			}
		}
	}
	if found > studies/10 {
		t.Errorf("%d of %d studies of noise find a tenant", found, studies)
	}
}

// A tenant that came once, in one burst, is no tenant that is slow: its requests are not independent.
func TestOneBurstIsNoCorrelation(t *testing.T) {
	list := atFloor(200)
	for i := range 40 {
		q := list[100]
		q.start += 1e9 + int64(i)*1e6
		q.queue, q.tenant = 5e9, "burst"
		list = append(list, q)
	}
	for _, c := range Examine(populationOf(list), StudyOptions{}).Correlations {
		if c.Attribute == "tenant" && c.Phase == analyzer.Queue {
			t.Errorf("a burst is taken for a slow tenant: %+v", c)
		}
	}
}

func TestAttributesWithTooManyValuesAreIDs(t *testing.T) {
	var list []planned
	for i := range maxValues + 1 {
		list = append(list, planned{start: 1e18 + int64(i)*1e9, decode: 1e8, out: 2, tenant: string(rune('a'+i%26)) + string(rune('0'+i/26))})
	}
	for n, want := range map[int]bool{maxValues: true, maxValues + 1: false} {
		p := populationOf(list[:n])
		if _, ok := p.Attribute(&p.Records[0], 2); ok != want {
			t.Errorf("%d tenants: value known %v, want %v", n, ok, want)
		}
	}
}
