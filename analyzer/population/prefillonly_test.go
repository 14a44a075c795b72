package population

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPrefillOnlyDomain: where one engine prefills for another, the queue is the first one's, and so are its slots; the
// second one only decodes.
func TestPrefillOnlyDomain(t *testing.T) {
	r := rand.New(rand.NewPCG(75, 76))
	var list []planned
	at, free := int64(1e18), int64(0)
	for range 800 {
		at += int64(r.ExpFloat64() * 0.5e9)
		tokens := 200 + r.Int64N(3000)
		q := planned{start: at, prefill: tokens * 2e5, decode: 1e9 + r.Int64N(1e9), in: tokens, out: 50, instance: "decoder", prefilledBy: "prefiller"}
		q.queue = max(0, free-at)
		free = at + q.queue + q.prefill
		list = append(list, q)
	}
	p := populationOf(list)
	domains := p.Domains(nil)
	if len(domains) != 2 || domains[0].Name != "decoder" || domains[0].PrefillOnly || domains[1].Name != "prefiller" || !domains[1].PrefillOnly {
		t.Fatalf("domains %+v, want the decoder and one that only prefills", domains)
	}
	for i, want := range []struct {
		verdict, binding string
		slots            int
	}{{QueueCalm, "", 0}, {QueueLoad, StagePrefill, 1}} {
		d := &domains[i]
		s := p.Sizes(d, d.Members, 1)
		q := p.Queueing(d, d.Members, &s, nil)
		if q.Verdict != want.verdict || q.Binding != want.binding || q.Slots != want.slots || q.Requests != 800 {
			t.Errorf("%s: %s, %d slots in %q of %d requests; want %s, %d in %q of 800", d.Name, q.Verdict, q.Slots, q.Binding, q.Requests, want.verdict, want.slots, want.binding)
		}
		if d.PrefillOnly && math.Abs(q.Ratio-1) > 1e-6 {
			t.Errorf("replayed / observed wait is %v, want 1", q.Ratio)
		}
		if d.PrefillOnly && s.TPOT.Value != 0 {
			t.Errorf("an engine that only prefills decodes a token in %v ns", s.TPOT.Value)
		}
	}
	b, why := p.Blame(&domains[1], &Queueing{Verdict: QueueLoad, Binding: StagePrefill, Slots: 1})
	if b == nil {
		t.Fatal(why)
	}
	if b.Nobody != 0 || b.Resource != ResourcePrefillTokens {
		t.Errorf("%d ns of waiting for nobody, shared by %s; want none, by prefill tokens", b.Nobody, b.Resource)
	}
}
