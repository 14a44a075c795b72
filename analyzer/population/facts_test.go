package population

import "testing"

func TestFactsAreCheckedAndSpelledInOneWay(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"replicas", " 04 ", "4"}, {"replicas", "0", ""}, {"replicas", "2.5", ""}, {"replicas", "", ""},
		{"sampling", "none", "none"}, {"sampling", "0.10", "0.1"}, {"sampling", "1e-2", "0.01"}, {"sampling", "1", "1"},
		{"sampling", "0", ""}, {"sampling", "1.5", ""}, {"sampling", "NaN", ""}, {"sampling", "all", ""},
		{"gpu_memory_utilization", "none", ""}, {"gpu-memory-utilization", "0.9", "0.9"},
		{"enforce_eager", "1", "true"}, {"enforce_eager", "maybe", ""},
		{"model", "a b", "a b"}, {"model", "  ", ""},
	} {
		f, ok := FactNamed(c.key)
		if !ok {
			t.Fatalf("no fact is named %s", c.key)
		}
		got, err := f.Check(c.value)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s=%s: %q, %v; want %q", c.key, c.value, got, err, c.want)
		}
	}
	if _, ok := FactNamed("replica"); ok {
		t.Error("a name that is nearly one is taken for it")
	}
}

func TestStatedSampling(t *testing.T) {
	for _, c := range []struct {
		facts Facts
		want  float64
		ok    bool
	}{
		{nil, 0, false}, {Facts{"replicas": "2"}, 0, false}, {Facts{"sampling": "none"}, 1, true}, {Facts{"sampling": "0.1"}, 0.1, true},
	} {
		if got, ok := c.facts.Sampling(); got != c.want || ok != c.ok {
			t.Errorf("%v: %v, %v", c.facts, got, ok)
		}
	}
}

// Whatever a fact is checked to be, it is checked to be that again.
func FuzzFacts(f *testing.F) {
	for _, s := range []string{"none", "0.1", "1", "true", "H100", " ", "-1", "1e400", "0x1p-2", "\x00"} {
		f.Add(uint8(1), s)
	}
	f.Fuzz(func(t *testing.T, key uint8, text string) {
		k := FactKeys[int(key)%len(FactKeys)]
		value, err := k.Check(text)
		if err != nil {
			return
		}
		if again, err := k.Check(value); again != value || err != nil {
			t.Errorf("%s=%q reads as %q, and that as %q, %v", k.Key, text, value, again, err)
		}
		if p, ok := (Facts{k.Key: value}).Sampling(); ok && !(p > 0 && p <= 1) {
			t.Errorf("%q is sampling %v", text, p)
		}
	})
}
