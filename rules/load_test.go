package rules

import (
	"testing"
	"time"
)

func TestBuiltinLoads(t *testing.T) {
	start := time.Now()
	s, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rules in %s", len(s.Rules), time.Since(start))
}
