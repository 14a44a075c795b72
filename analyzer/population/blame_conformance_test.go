package population_test

import "testing"

// TestConformanceBlame: what is waited for falls to the requests of the burst, and nothing is lost on the way.
func TestConformanceBlame(t *testing.T) {
	p := recorded(t, prefillHeavy)
	d := onlyDomain(t, p, oneReplica)
	s := p.Sizes(d, d.Members, 1)
	q := p.Queueing(d, d.Members, &s, oneReplica)
	b, why := p.Blame(d, &q)
	if b == nil {
		t.Fatalf("%+v", why)
	}
	t.Logf("%d waited %.0f s, %.1f s for nobody, %.0f s for others; together %+v", b.Requests, float64(b.Waited)/1e9, float64(b.Nobody)/1e9, float64(b.Others)/1e9, b.Together)
	sum := b.Nobody + b.Others
	for _, c := range b.Culprits {
		t.Logf("%+v", c)
		sum += c.Held
	}
	if sum != b.Waited {
		t.Errorf("%d ns are shared out, %d were waited", sum, b.Waited)
	}
	if float64(b.Nobody) > 0.02*float64(b.Waited) {
		t.Errorf("%d of %d ns were waited for nobody", b.Nobody, b.Waited)
	}
}
